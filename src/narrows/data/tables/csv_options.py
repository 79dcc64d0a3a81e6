"""What a user says of how a CSV file is to be read, where it is not what it looks like."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, TypedDict

from narrows.errors import UsageError
from narrows.support.spelling import spelt

#: The options that say how numbers are meant.
OF_NUMBERS = ("decimal", "thousands")
# A model file holds no more spellings, and no longer ones.
_MOST_SPELLINGS, _LONGEST_SPELLING = 1000, 1000
_MOST_LINES = 1_000_000


class CsvKeywords(TypedDict, total=False):
    """How a CSV file is to be read: what ``load_data`` and ``compress`` take by name.

    missing: a text, or several, that stand for missing values, beside the usual ones.
    decimal: what stands before decimals: "." or ",".
    thousands: what stands between thousands: ",", ".", " " or "'".
    header: whether the first line holds names.
    skip_rows: lines above the names, or above the first row.
    encoding: such as "utf-8", "utf-16", "cp1252" or "latin-1".
    delimiter: what stands between cells, one letter; " " is any number of blanks.
    """

    missing: str | Iterable[str]
    decimal: str
    thousands: str
    header: bool
    skip_rows: int
    encoding: str
    delimiter: str


@dataclass(frozen=True, kw_only=True)
class CsvOptions:
    """How a CSV file is to be read; None is what the file looks like.

    Attributes:
        missing: texts that stand for missing values, beside the usual ones.
        decimal, thousands: of numbers.
        header: whether the first line holds names.
        skip_rows: lines above it.
        encoding: a codec of Python's.
        delimiter: one letter; " " is any number of blanks.
    """

    missing: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    header: bool | None = None
    skip_rows: int | None = None
    encoding: str | None = None
    delimiter: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Checked options of :class:`CsvKeywords`.

        Raises:
            UsageError: a value is none that it can have.
            TypeError: a name is none of them.
        """
        missing = values.get("missing", ())
        texts = (missing,) if isinstance(missing, str | int | float) else tuple(missing or ())
        found = cls(**{**values, "missing": tuple(str(text).strip() for text in texts)})
        found._check()
        return found

    def _check(self) -> None:
        if self.delimiter is not None and (
            not isinstance(self.delimiter, str)
            or len(self.delimiter) != 1
            or self.delimiter in '"\r\n\0'
            or not self.delimiter.isascii()
        ):
            raise UsageError(
                f"the delimiter {self.delimiter!r} is not one letter of ASCII",
                hint='give one such as ";", a tab, or " " for any number of blanks',
            )
        _among("decimal", self.decimal, (".", ","))
        _among("thousands", self.thousands, (",", ".", " ", "'"))
        if self.decimal is not None and self.decimal == self.thousands:
            raise UsageError(
                f"{self.decimal!r} cannot stand both before decimals and between thousands",
                hint="give two different signs, or leave one out",
            )
        if self.header is not None and not isinstance(self.header, bool):
            raise UsageError(f"header is {self.header!r}", hint="give True or False")
        rows = self.skip_rows
        if rows is not None and not (isinstance(rows, int) and 0 <= rows <= _MOST_LINES):
            raise UsageError(
                f"skip_rows is {rows!r}, and must be a whole number from 0 to {_MOST_LINES:,}",
                hint="give the number of lines above the names",
            )
        if self.encoding is not None:
            self._check_encoding(self.encoding)
        if len(self.missing) > _MOST_SPELLINGS or any(
            len(text) > _LONGEST_SPELLING for text in self.missing
        ):
            raise UsageError(
                f"more than {_MOST_SPELLINGS:,} spellings of missing values, or one of more than "
                f"{_LONGEST_SPELLING:,} letters",
                hint="give fewer",
            )

    @staticmethod
    def _check_encoding(encoding: str) -> None:
        try:
            info = codecs.lookup(encoding)
            known = getattr(info, "_is_text_encoding", True)
        except (LookupError, ValueError, TypeError):
            known = False
        if not known:
            raise UsageError(
                f"there is no encoding {encoding!r}",
                hint="give one such as utf-8, utf-16, cp1252 or latin-1",
            )

    def over(self, kept: Self | None) -> Self:
        """These, and what they do not say as ``kept`` says it."""
        if kept is None:
            return self
        own = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return replace(kept, **own)

    def require_none(self, name: str) -> None:
        """Make sure that nothing is said of a source that is no CSV file.

        Raises:
            UsageError: something is.
        """
        if stated := self.to_json():
            raise UsageError(
                f"{next(iter(stated))} says how a CSV file is read, and {name} is none",
                hint="leave it out",
            )

    def require_as_written(self) -> None:
        """Make sure that nothing is said of how numbers are meant, where cells are kept as they
        are written.

        Raises:
            UsageError: something is.
        """
        for name in OF_NUMBERS:
            if getattr(self, name) is not None:
                raise UsageError(
                    f"{spelt(name)} says how numbers of a CSV file are read, and an archive keeps "
                    "its cells as they are written",
                    hint="leave it out: numbers with such signs come back as they stand, as texts",
                )

    @property
    def of_cells(self) -> Self:
        """What says how cells are meant, without where they stand in the file."""
        return replace(self, header=None, skip_rows=None, encoding=None, delimiter=None)

    def to_json(self) -> dict[str, Any]:
        """What is said, by name: JSON values."""
        values = asdict(self)
        values["missing"] = list(self.missing)
        return {name: value for name, value in values.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Options that :meth:`to_json` gave, from what may be a stranger's file.

        Raises:
            ValueError, TypeError: they are none.
        """
        if not isinstance(values, dict) or not isinstance(values.get("missing", []), list):
            raise ValueError("what is said of a CSV file is no set of options")
        try:
            return cls.of(values)
        except UsageError as error:
            raise ValueError(str(error)) from error


def _among(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UsageError(
            f"{name} is {value!r}",
            hint="give one of " + ", ".join(map(repr, known)),
        )
