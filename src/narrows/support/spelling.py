"""How sentences spell an option: as the command line has it, or as Python does.

The same code serves both, and the command line says so where it runs.
"""

import contextlib
from collections.abc import Iterator

# Whether it is the command line that asks.
_face = {"command line": False}


@contextlib.contextmanager
def as_command_line() -> Iterator[None]:
    """A block in which options are spelt as on the command line."""
    before, _face["command line"] = _face["command line"], True
    try:
        yield
    finally:
        _face["command line"] = before


def spelt(name: str, value: object = None) -> str:
    """An option of one name on both sides, such as ``batch_size``, with a value or without.

    >>> spelt("batch_size"), spelt("refine", 0), spelt("preset", "rounded")
    ('batch_size=', 'refine=0', "preset='rounded'")
    >>> with as_command_line():
    ...     spelt("batch_size"), spelt("refine", 0), spelt("preset", "rounded")
    ('--batch-size', '--refine 0', '--preset rounded')
    """
    if not _face["command line"]:
        return f"{name}=" if value is None else f"{name}={value!r}"
    flag = f"--{name.replace('_', '-')}"
    return flag if value is None else f"{flag} {value}"
