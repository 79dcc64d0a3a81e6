"""The options of how data are read, which all commands take that read DATA.

A command says by its parameters what it reads: ``images`` stands for the options of folders of
images, ``csv`` for those of CSV files; and ``files`` for those of many files at once.
"""

from typing import Annotated, Any

import typer

from narrows.cli.gathering import Given, Group, gathers
from narrows.cli.many_files import FILES

#: What was given of how a CSV file is read, by the name that ``load_data`` has for it.
CsvGiven = Given


def _option(type_: Any, of: str, *names: str, help: str, metavar: str | None = None) -> Any:
    return Annotated[type_, typer.Option(*names, metavar=metavar, help=f"Of a {of}: {help}")]


_FOLDER, _CSV = "folder of images", "CSV file"
_GREY = _option(bool, _FOLDER, "--grey", help="make colour grey.")
_RESIZE = _option(
    str | None, _FOLDER, "--resize", metavar="W,H", help="make all W pixels wide and H high."
)
_SKIP_DAMAGED = _option(
    bool, _FOLDER, "--skip-damaged", help="leave out files that cannot be read, and say which."
)
_MISSING = _option(
    list[str] | None, _CSV, "--missing", metavar="TEXT",
    help="a text that stands for a missing value, beside the usual ones. May be given several "
    "times.",
)  # fmt: skip
_DECIMAL = _option(str | None, _CSV, "--decimal", metavar=". or ,", help="what precedes decimals.")
_THOUSANDS = _option(str | None, _CSV, "--thousands", metavar="SIGN", help="what groups thousands.")
_HEADER = _option(
    bool | None, _CSV, "--header/--no-header", help="whether its first line holds names."
)
_SKIP_ROWS = _option(int | None, _CSV, "--skip-rows", metavar="N", help="lines above the names.")
_ENCODING = _option(
    str | None, _CSV, "--encoding", metavar="NAME", help="utf-16, cp1252 and so on."
)
_DELIMITER = _option(
    str | None, _CSV, "--delimiter", metavar="SIGN", help='what parts cells; "\\t" is a tab.'
)
_IMAGES = {
    "grey": (_GREY, False),
    "resize": (_RESIZE, None),
    "skip_damaged": (_SKIP_DAMAGED, False),
}
_OF_CSV = {
    "missing": (_MISSING, None),
    "decimal": (_DECIMAL, None),
    "thousands": (_THOUSANDS, None),
    "header": (_HEADER, None),
    "skip_rows": (_SKIP_ROWS, None),
    "encoding": (_ENCODING, None),
    "delimiter": (_DELIMITER, None),
}


def _images(given: Given) -> Any:
    """The narrows.data.image_options.ImageOptions that were asked for.

    Raises:
        UsageError: ``--resize`` is no size.
    """
    from narrows.data.image_options import ImageOptions

    return ImageOptions.of(**given)


def _csv(given: Given) -> CsvGiven:
    found = {name: value for name, value in given.items() if value not in (None, [])}
    if found.get("delimiter") == "\\t":
        found["delimiter"] = "\t"
    return found


#: By the parameter of a command that they come to.
GROUPS = {
    "images": Group(_IMAGES, _images),
    "csv": Group(_OF_CSV, _csv),
}
#: Gives a command these options, which come to its parameters ``images``, ``csv`` and ``files``.
reads_data = gathers({**GROUPS, **FILES})
