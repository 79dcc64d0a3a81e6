"""Fetching one file over HTTP, with a limit to its size and to every wait."""

import os
from collections.abc import Iterator

from narrows.errors import DataError
from narrows.support.files import atomic_file
from narrows.support.progress import Tracker, silent

TIMEOUT_SECONDS = 6
_CHUNK = 1 << 16


def download(
    url: str, target: str | os.PathLike[str], *, limit: int, track: Tracker = silent
) -> None:
    """Fetch ``url`` into the file ``target``, all of it or nothing.

    Args:
        url: what to fetch.
        target: the file to write; its folder is made if need be.
        limit: the largest size in bytes that is accepted.
        track: told about the bytes as they come.

    Raises:
        DataError: the server cannot be reached, refuses, stops half-way, or sends too much.
        OutputError: ``target`` cannot be written.
    """
    with atomic_file(target) as file:
        for chunk in _chunks(url, limit, track):
            file.write(chunk)


def _chunks(url: str, limit: int, track: Tracker) -> Iterator[bytes]:
    from http.client import HTTPException
    from urllib.request import urlopen

    received = 0
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            with track(f"downloading {url.rsplit('/', 1)[-1]}", total=total, unit="B") as advance:
                while chunk := response.read(_CHUNK):
                    received += len(chunk)
                    if received > limit:
                        raise DataError(f"{url} is larger than the {limit:,} bytes expected")
                    yield chunk
                    advance(len(chunk))
    except (OSError, HTTPException) as error:
        raise DataError(f"{url} cannot be downloaded: {_reason(error)}") from error
    if total is not None and received < total:
        raise DataError(f"{url} stopped after {received:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    """The cause in a few words, without urllib's wrapping: ``Name or service not known``."""
    cause = getattr(error, "reason", None)
    if not isinstance(cause, OSError):
        cause = error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
