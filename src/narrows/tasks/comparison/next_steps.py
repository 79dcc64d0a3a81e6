"""The commands that a comparison's page goes on with."""

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from narrows.data.sources import BUILT_IN
from narrows.data.tables.csv_options import OF_NUMBERS
from narrows.report.comparison.result import Command
from narrows.support.spelling import as_command_line, spelt
from narrows.support.streams import printable
from narrows.support.temporary import is_temporary
from narrows.tasks.comparison.parts import Parts, Reading


def commands(
    parts: Parts, reading: Reading, kept: Path | None, numbers: int = 0
) -> Iterator[Command]:
    """What to do next, in lines that work where the page was made.

    Args:
        reading: how the data were read, and are to be read again.
        kept: the file of the best model, which may not stay; None for none.
        numbers: in its code, for another one like it; 0 for as many as ``fit`` takes.
    """
    how = _how_read(reading) if parts.named else ""
    data, test = (f"{_quoted(name)}{how}" for name in parts.named or ("YOUR_DATA", "YOUR_DATA"))
    if kept is not None and not is_temporary(kept):
        model = _quoted(os.fspath(kept))
        yield Command(
            f"narrows explore {model} {test}",
            "change its numbers by hand and see what they decode to",
        )
        yield Command(f"narrows evaluate {model} {test}", "all errors, in the data's own units")
        yield Command(f"narrows encode {model} {test} --out codes.npy", "the codes")
    else:
        latent = f" --latent {numbers}" if numbers else ""
        yield Command(
            f"narrows fit {data}{_types(parts, reading)}{latent} --out model.safetensors",
            "a default model with as many numbers, to keep; it learns from other "
            f"{parts.things} than those here, so its figures differ",
        )
    if parts.named:
        # an archive keeps cells as they are written, and not as numbers that they say
        data = f"{_quoted(parts.named[0])}{_how_read(reading, without=OF_NUMBERS)}"
        yield Command(
            f"narrows compress {data} --out archive.nrw", "all of these data in a small file"
        )
    if not parts.named or parts.named[0] in BUILT_IN:
        yield Command(
            "narrows compare YOUR_DATA --out report.html", "the same page of your own data"
        )


def _how_read(reading: Reading, *, without: Sequence[str] = ()) -> str:
    """The options of how a folder of images or a CSV file was read, a blank before each, but for
    those that are named."""
    images = reading.options.images
    changes = {name: getattr(images, name) for name in ("grey", "resize", "skip_damaged")}
    with as_command_line():
        words = [spelt(name, value) for name, value in changes.items() if value]
        csv = {name: said for name, said in reading.options.csv.items() if name not in without}
        for name, value in csv.items():
            values = [value] if isinstance(value, str | int) else value or ()
            quoted = (_quoted(each) if isinstance(each, str) else each for each in values)
            words += [spelt(name, each) for each in quoted]
    return "".join(f" {word}" for word in words)


def _types(parts: Parts, reading: Reading) -> str:
    """The option of what a table's columns are; its column of labels is not learnt from."""
    if parts.training.table is None or not parts.named:
        return ""
    types = dict(reading.types or {})
    if isinstance(reading.labels, str):
        types[reading.labels] = "ignored"
    # a name with a comma cannot be said in one word of the command line
    said = {name: kind for name, kind in types.items() if "," not in name}
    with as_command_line():
        return f" {spelt('types', said)}" if said else ""


def _quoted(name: str) -> str:
    """A name for a shell; bytes that are no UTF-8 as bash and zsh write them."""
    quoted = printable(name.replace("\\", r"\\").replace("'", r"\'"))
    return f"$'{quoted}'" if printable(name) != name else shlex.quote(name)
