"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.support.standard_input import received


def path_option(metavar: str, help: str, *names: str) -> Any:
    """The option of a file or a folder: whoever opens it says what is wrong with it."""
    return typer.Option(*names, readable=False, metavar=metavar, help=help)


def data_option(metavar: str, help: str) -> Any:
    """The option of data, where - is standard input."""
    return typer.Option(metavar=metavar, help=help, callback=received)


DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="mnist, mnist:test, digits, an IDX file, an .npy or .npz file, FILE:NAME of an .npz, "
        ".mat or .h5 file, a .csv or .parquet table, several of them as a folder or as "
        "'part-*.parquet' in quotes, a folder of images (or of folders of them); "
        "- is standard input.",
        callback=received,
        show_default=False,
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="MODEL", help="A file that narrows fit wrote.", show_default=False
    ),
]
ItemsOut = Annotated[
    str,  # a path would lose the slash that makes it a folder
    typer.Option(
        "--out",
        metavar="PATH",
        help=".npy, .npz, .csv or .parquet; no suffix makes a folder of PNG images; - is standard "
        "output.",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="npy|npz|csv|parquet",
        help="With --out -: what goes to standard output; .npy, and of tables .csv.",
    ),
]
Refine = Annotated[
    int | None,
    typer.Option(
        "--refine",
        metavar="STEPS",
        help="Optimisation steps that improve each code, instead of the model's own; 0 is fastest.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Go on where the values are in another range than those that MODEL was trained on.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
