"""The options of how data are read, which all commands take that read DATA.

A command says by its parameters what it reads: ``reading`` stands for the options of folders of
images and of CSV files, ``csv`` for those of CSV files alone; and ``files`` for those of many files
at once.
"""

from typing import Annotated, Any

import typer

from narrows.cli.gathering import Given, Group, gathers
from narrows.cli.many_files import FILES

#: What was given of how a CSV file is read, by the name that ``load_data`` has for it.
CsvGiven = Given


def _option(
    type_: Any, default: Any, of: str, *names: str, help: str, metavar: str | None = None
) -> tuple[Any, Any]:
    option = typer.Option(*names, metavar=metavar, help=f"Of a {of}: {help}")
    return Annotated[type_, option], default


_FOLDER, _CSV = "folder of images", "CSV file"
OF_IMAGES = {
    "grey": _option(bool, False, _FOLDER, "--grey", help="make colour grey."),
    "resize": _option(
        str | None, None, _FOLDER, metavar="W,H", help="make all W pixels wide and H high."
    ),
    "skip_damaged": _option(
        bool, False, _FOLDER, "--skip-damaged",
        help="leave out files that cannot be read, and say which.",
    ),
}  # fmt: skip
OF_CSV = {
    "missing": _option(
        list[str] | None, None, _CSV, metavar="TEXT",
        help="a text that stands for a missing value, beside the usual ones. May be given several "
        "times.",
    ),
    "decimal": _option(str | None, None, _CSV, metavar=". or ,", help="what precedes decimals."),
    "thousands": _option(str | None, None, _CSV, metavar="SIGN", help="what groups thousands."),
    "header": _option(
        bool | None, None, _CSV, "--header/--no-header", help="whether its first line holds names."
    ),
    "skip_rows": _option(int | None, None, _CSV, metavar="N", help="lines above the names."),
    "encoding": _option(
        str | None, None, _CSV, metavar="NAME", help="utf-16, cp1252 and so on."
    ),
    "delimiter": _option(
        str | None, None, _CSV, metavar="SIGN", help='what parts cells; "\\t" is a tab.'
    ),
}  # fmt: skip


def reading(given: Given) -> Any:
    """The narrows.data.read_options.ReadOptions that were asked for.

    Raises:
        UsageError: ``--resize`` is no size.
    """
    from narrows.data.read_options import ReadOptions

    images = {each: given.pop(each) for each in OF_IMAGES}
    return ReadOptions.of(images | _csv(given))


def _csv(given: Given) -> CsvGiven:
    found = {name: value for name, value in given.items() if value not in (None, [])}
    if found.get("delimiter") == "\\t":
        found["delimiter"] = "\t"
    return found


#: By the parameter of a command that they come to.
GROUPS = {
    "reading": Group(OF_IMAGES | OF_CSV, reading),
    "csv": Group(OF_CSV, _csv),
}
#: Gives a command these options, which come to its parameters ``reading``, ``csv`` and ``files``.
reads_data = gathers({**GROUPS, **FILES})
# What archives, which keep cells as they are written, refuse with a sentence; no help shows it.
_REFUSED = {
    name: (Annotated[str | None, typer.Option(hidden=True)], None)
    for name in ("decimal", "thousands")
}
#: The same for commands of archives.
reads_as_written = gathers({"reading": Group(OF_IMAGES | OF_CSV | _REFUSED, reading), **FILES})
