"""The options of ``narrows fit`` that say which model is trained and how: the fields of
:class:`narrows.planning.options.FitOptions`, with their names, defaults and texts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from narrows.cli.gathering import Given, Group, gathers, options_of
from narrows.planning.options import FitOptions
from narrows.tasks.option_texts import parse_sizes, parse_types

# What is written otherwise than in Python: its type here, and what makes the value of the text.
_WRITTEN: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "hidden": (str | None, parse_sizes),
    "types": (str | None, parse_types),
    "spec": (Path | None, lambda path: path),
}


def _given(values: Given) -> Given:
    return values | {name: made(values[name]) for name, (_, made) in _WRITTEN.items()}


_GROUP = Group(
    {
        "coordinator": (
            str | None,
            typer.Option(
                None,
                metavar="HOST:PORT|auto",
                help="Train with other processes: where process 0 listens; auto under SLURM, Open "
                "MPI and Kubernetes.",
            ),
        ),
        "processes": (
            int | None,
            typer.Option(None, metavar="N", help="How many processes train together."),
        ),
        "process": (
            int | None,
            typer.Option(None, metavar="I", help="Which of them this is, from 0 on; 0 writes."),
        ),
    },
    lambda values: {
        "coordinator": values["coordinator"],
        "count": values["processes"],
        "index": values["process"],
    },
)

_CHOSEN = options_of(FitOptions, _given, {name: type_ for name, (type_, _) in _WRITTEN.items()})
#: Gives a command these options, which come to its parameter ``chosen`` by name, and those of
#: processes that train together, which come to ``group``.
takes_fit_options = gathers({"chosen": _CHOSEN, "group": _GROUP})
