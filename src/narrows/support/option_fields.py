"""Options as fields of a dataclass, said once: what each is, and how the help of a command tells of
it (:mod:`narrows.cli.gathering` makes a command take them)."""

from collections.abc import Callable
from dataclasses import field
from typing import Any


def option(
    default: Any,
    help: str | None = None,
    metavar: str | None = None,
    *,
    names: tuple[str, ...] = (),
    is_data: bool = False,
    check: Callable[[str, Any], Any] | None = None,
) -> Any:
    """A field of a dataclass that is an option.

    Args:
        default: where nothing is said.
        help: what it is; None where no command has it.
        metavar: what the help writes for a value.
        names: on the command line, where they are others than that of the field.
        is_data: whether it names data, where - is standard input.
        check: gives the value that the field holds, for its name and what was given.
    """
    told = {"help": help, "metavar": metavar, "names": names, "is_data": is_data, "check": check}
    return field(default=default, metadata=told)
