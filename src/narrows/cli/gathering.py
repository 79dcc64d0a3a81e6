"""Options that come to a command together, as one of its parameters."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import typer

from narrows.support.standard_input import received

#: What was given, by the name of the option.
Given = dict[str, Any]
#: A function that Typer makes a command of.
Command = Callable[..., None]


@dataclass(frozen=True)
class Group:
    """Options that a parameter of a command stands for.

    Attributes:
        options: of each its type, as Typer has types, and what it is where nothing is said.
        made: gives what the command gets of what was given.
    """

    options: Mapping[str, tuple[Any, Any]]
    made: Callable[[Given], Any]


def options_of(
    options: type,
    made: Callable[[Given], Any] | None = None,
    types: Mapping[str, Any] | None = None,
) -> Group:
    """The fields of a dataclass that are options (:mod:`narrows.support.option_fields`).

    Args:
        made: gives what the command gets of what was given; None for the dataclass.
        types: of those that are written otherwise than in Python.
    """
    found = {}
    for each in fields(options):
        if each.metadata.get("help"):
            told = {key: each.metadata[key] for key in ("metavar", "help")}
            callback = received if each.metadata["is_data"] else None
            shown = typer.Option(
                each.default, *each.metadata["names"], **told, callback=callback, readable=False
            )
            found[each.name] = ((types or {}).get(each.name, each.type), shown)
    return Group(found, made or (lambda given: options(**given)))


def gathers(groups: Mapping[str, Group]) -> Callable[[Command], Command]:
    """Gives commands the options of those groups that their parameters name, in their places.
    ``--json`` stays the last of all."""
    return lambda command: _with_options(command, groups)


def _with_options(command: Command, groups: Mapping[str, Group]) -> Command:
    own = inspect.signature(command)
    found = {name: groups[name] for name in own.parameters if name in groups}

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        for name, group in found.items():
            given[name] = group.made({each: given.pop(each) for each in group.options})
        command(**given)

    kind = inspect.Parameter.KEYWORD_ONLY
    together = list[inspect.Parameter]()
    for name, parameter in own.parameters.items():
        together += (
            [
                inspect.Parameter(each, kind, default=default, annotation=type_)
                for each, (type_, default) in found[name].options.items()
            ]
            if name in found
            else [parameter.replace(kind=kind)]
        )
    together.sort(key=lambda each: each.name == "json")
    with_options.__signature__ = own.replace(parameters=together)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in together}
    with_options.__annotations__["return"] = None
    return with_options
