"""Time zones as JSON values, and back as the same kind of object."""

import datetime
import re
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")


def zone_to_json(zone: datetime.tzinfo | None) -> Any:
    """A time zone as JSON values: None, or its library and its name or offset.

    Raises:
        TypeError: there is no telling which zone it is.
    """
    if zone is None:
        return None
    library = type(zone).__module__.split(".")[0]
    if type(zone) is datetime.timezone:
        offset = zone.utcoffset(None) // datetime.timedelta(microseconds=1)
        return ["datetime", offset]
    if library == "zoneinfo" or type(zone).__name__ == "ZoneInfo":
        return ["zoneinfo", _named(getattr(zone, "key", None), zone)]
    if library == "pytz":
        minutes = getattr(zone, "_minutes", None)
        name = getattr(zone, "zone", None)
        return ["pytz", minutes] if name is None else ["pytz", _named(name, zone)]
    if library == "dateutil" and type(zone).__name__ == "tzutc":
        return ["dateutil", None]
    if library == "dateutil" and type(zone).__name__ == "tzfile":
        path = str(getattr(zone, "_filename", ""))
        return ["dateutil", _named(path.rpartition("zoneinfo/")[2], zone)]
    raise TypeError(f"the time zone {zone!r}")


def _named(name: Any, zone: datetime.tzinfo) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(f"the time zone {zone!r}")
    return name


def zone_from_json(value: Any) -> datetime.tzinfo | None:
    """The time zone that :func:`zone_to_json` was given.

    Raises:
        ValueError: there is none.
        ImportError: its library is not installed.
    """
    if value is None:
        return None
    library, name = value
    if library == "datetime":
        if type(name) is not int:
            raise ValueError("no offset")
        return datetime.timezone(datetime.timedelta(microseconds=name)) if name else datetime.UTC
    if library == "pytz":
        import pytz  # type: ignore[import-untyped, import-not-found, unused-ignore]

        if type(name) is int:
            return pytz.FixedOffset(name)
        return pytz.timezone(_checked(name))
    if library == "dateutil":
        from dateutil import tz  # type: ignore[import-untyped, import-not-found, unused-ignore]

        return tz.tzutc() if name is None else tz.gettz(_checked(name))
    if library != "zoneinfo":
        raise ValueError("no library of time zones")
    import zoneinfo

    return zoneinfo.ZoneInfo(_checked(name))


def _checked(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("no name of a time zone")
    return name


def zone_for_arrow(zone: datetime.tzinfo) -> str:
    """What Arrow calls a time zone; UTC for one of which it knows nothing."""
    library, name = zone_to_json(zone)
    if isinstance(name, str):
        return name
    if name is None:
        return "UTC"
    minutes, rest = divmod(abs(name), 60_000_000) if library == "datetime" else (abs(name), 0)
    if rest or not minutes:
        return "UTC"
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if name < 0 else '+'}{hours:02}:{minutes:02}"
