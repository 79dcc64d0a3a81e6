"""How sentences spell an option: as the command line has it, or as Python does.

The same code serves both, and the command line says so where it runs.
"""

import contextlib
import shlex
from collections.abc import Iterator, Mapping

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
    >>> spelt("header", False), spelt("resize", (64, 48)), spelt("types", {"a b": "date"})
    ('header=False', 'resize=(64, 48)', "types={'a b': 'date'}")
    >>> spelt("max_error", ["1%", "a b=2"])
    "max_error=['1%', 'a b=2']"
    >>> with as_command_line():
    ...     spelt("batch_size"), spelt("refine", 0), spelt("preset", "rounded")
    ...     spelt("header", False), spelt("resize", (64, 48)), spelt("types", {"a b": "date"})
    ...     spelt("max_error", ["1%", "a b=2"])  # once for each
    ('--batch-size', '--refine 0', '--preset rounded')
    ('--no-header', '--resize 64,48', "--types 'a b=date'")
    "--max-error 1% --max-error 'a b=2'"
    """
    if not _face["command line"]:
        return f"{name}=" if value is None else f"{name}={value!r}"
    flag = f"--{'no-' * (value is False)}{name.replace('_', '-')}"
    if value is None or isinstance(value, bool):
        return flag
    if isinstance(value, list):
        return " ".join(f"{flag} {shlex.quote(str(each))}" for each in value)
    if isinstance(value, Mapping):
        value = shlex.quote(",".join(f"{key}={each}" for key, each in value.items()))
    elif isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"{flag} {value}"


def unsaid(name: str, usual: object) -> str:
    """How an option is taken back that may have been said to an estimator: to its usual value.

    >>> unsaid("latent", None)
    'set_params(latent=None)'
    >>> with as_command_line():
    ...     unsaid("latent", None)
    'leave out --latent'
    """
    if _face["command line"]:
        return f"leave out {spelt(name)}"
    return f"set_params({name}={usual!r})"
