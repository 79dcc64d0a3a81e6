"""The options of how a CSV file is read, which all commands take that read DATA."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

#: What was given, by the name that ``load_data`` has for it.
CsvGiven = dict[str, Any]

_MISSING = Annotated[
    list[str] | None,
    typer.Option(
        "--missing",
        metavar="TEXT",
        help="Of a CSV file: a text that stands for a missing value, beside the usual ones. May be "
        "given several times.",
    ),
]
_DECIMAL = Annotated[
    str | None,
    typer.Option("--decimal", metavar=". or ,", help="Of a CSV file: what precedes decimals."),
]
_THOUSANDS = Annotated[
    str | None,
    typer.Option("--thousands", metavar="SIGN", help="Of a CSV file: what groups thousands."),
]
_HEADER = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Of a CSV file: whether its first line holds names."),
]
_SKIP_ROWS = Annotated[
    int | None,
    typer.Option("--skip-rows", metavar="N", help="Of a CSV file: lines above the names."),
]
_ENCODING = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="Of a CSV file: utf-16, cp1252 and so on."),
]
_DELIMITER = Annotated[
    str | None,
    typer.Option(
        "--delimiter", metavar="SIGN", help='Of a CSV file: what parts cells; "\\t" is a tab.'
    ),
]
_OPTIONS = {
    "missing": _MISSING,
    "decimal": _DECIMAL,
    "thousands": _THOUSANDS,
    "header": _HEADER,
    "skip_rows": _SKIP_ROWS,
    "encoding": _ENCODING,
    "delimiter": _DELIMITER,
}


def reads_csv(command: Callable[..., None]) -> Callable[..., None]:
    """A command with these options, which come to its parameter ``csv``, those that were given."""

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        csv = {name: given.pop(name, None) for name in _OPTIONS}
        csv = {name: value for name, value in csv.items() if value not in (None, [])}
        if csv.get("delimiter") == "\\t":
            csv["delimiter"] = "\t"
        command(**given, csv=csv)

    own = inspect.signature(command)
    kept = [each for name, each in own.parameters.items() if name not in ("csv", "json")]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in _OPTIONS.items()
    ]
    last = [own.parameters["json"]] if "json" in own.parameters else []
    together = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*kept, *added, *last)
    ]
    with_options.__signature__ = own.replace(parameters=together)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in together}
    with_options.__annotations__["return"] = None
    return with_options
