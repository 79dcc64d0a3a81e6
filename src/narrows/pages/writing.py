"""A page as a file that a browser opens."""

import os
from pathlib import Path

from narrows.errors import UsageError
from narrows.support.files import atomic_file

_SUFFIXES = (".html", ".htm")


def require_page_name(path: str | os.PathLike[str]) -> None:
    """Make sure that a file has a page's name: browsers show the text of any other.

    Raises:
        UsageError: it has not.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{path} is no name of a page", hint="give a name that ends in .html")


def write_page(path: str | os.PathLike[str], page: str) -> None:
    """Write a page.

    Raises:
        UsageError: the name does not end as a page's does.
        OutputError: the file cannot be written.
    """
    require_page_name(path)
    with atomic_file(path, "w") as stream:
        stream.write(page)
