"""What an archive costs, part by part, and what it was chosen from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from narrows.archive.arrays import Layout
from narrows.archive.validation import damaged, field, whole_number

_MOST_TRIALS = 256
# Methods that learn from the data; the others are the classical ones.
_LEARNING = ("mixing", "predicted")
# Parts that archives of codes could have in common.
_SHARED = ("decoder", "predictor")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one way of coding came to.

    Attributes:
        method: its name in ``METHODS``.
        name: the whole pipeline, for people.
        size: bytes of all blocks, and of the parts that it needs; an estimate where it was tried on
            some blocks only.
        seconds: for coding the blocks that it was tried on; None where it is not known any more.
        seconds_back: for decoding them.
        item_bytes: what it takes for an item of its own, on average over some; None where items are
            too large to try, or it is not known any more: an archive keeps the two that count.
        in_part: whether it was tried on the first piece of these blocks alone, having left so much
            more of that than others that it was tried no further.
    """

    method: str
    name: str
    size: int
    seconds: float | None = None
    seconds_back: float | None = None
    item_bytes: float | None = None
    in_part: bool = False

    @property
    def learns(self) -> bool:
        """Whether the method learns from data."""
        return self.method in _LEARNING


@dataclass(frozen=True, kw_only=True)
class SizeBreakdown:
    """Where the bytes of an archive are.

    Attributes:
        layout: of the array that it holds.
        bound: the largest error that was allowed, 0 for lossless; None where there was none.
        sizes: bytes by part, ``header`` first; together they are the file.
        methods: how blocks are coded, and how many of them so.
        trials: what was tried, the smallest first, one a method.
        sampled: on how many of the blocks.
        largest_error: the largest error of any value, in data units.
        mean_squared_error: in data units squared; None where it is beyond float64.
        seconds: for everything, the trials included; None where it is not known any more.
        seconds_back: for decoding all blocks.
        numbers: of a code, where the archive holds codes and a decoder.
        model: of codes, the SHA-256 of the model file that has their decoder, if this has not.
        model_size: how many bytes that takes.
        changes: what was done to the images before, in words; empty for nothing.
    """

    layout: Layout
    bound: float | None
    sizes: Mapping[str, int]
    methods: Mapping[str, int]
    trials: tuple[Trial, ...]
    sampled: int
    largest_error: float
    mean_squared_error: float | None
    seconds: float | None = None
    seconds_back: float | None = None
    numbers: int | None = None
    model: str | None = None
    model_size: int = 0
    changes: str = ""

    @property
    def total(self) -> int:
        """Bytes of the whole archive."""
        return sum(self.sizes.values())

    @property
    def bits_per_value(self) -> float | None:
        """8 bits times all bytes over all values; None where there are no values."""
        return 8 * self.total / self.layout.size if self.layout.size else None

    @property
    def ratio(self) -> float:
        """How many times smaller than the values as they are."""
        return self.layout.nbytes / self.total

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return sum(self.methods.values())

    def estimates(self, trial: Trial) -> bool:
        """Whether the size of a trial is estimated: not every block was tried, or not whole."""
        return trial.in_part or self.sampled < self.blocks

    def archive_size(self, trial: Trial) -> int:
        """Bytes of an archive of the same values whose blocks are coded so."""
        return trial.size + self.sizes["header"] + self.sizes["index"]

    @property
    def classical(self) -> Trial | None:
        """The smallest of the methods that learn nothing, where it is known."""
        return next((trial for trial in self.trials if not trial.learns), None)

    @property
    def classical_alone(self) -> Trial | None:
        """The same where every item has a file of its own."""
        found = [each for each in self.trials if not each.learns and each.item_bytes is not None]
        return min(found, key=lambda each: each.item_bytes or 0, default=None)

    @property
    def alone(self) -> float | None:
        """What an item of its own takes, coded as the archive is; None where that is not known."""
        return self.trials[0].item_bytes if self.trials else None

    @property
    def codes_pay_from(self) -> int | None:
        """From how many items on codes and their model are smaller than the values as they are:
        nothing else loses as much as they do. None where no codes are held, or never."""
        if self.numbers is None or not self.layout.count:
            return None
        shared = self.model_size + sum(self.sizes.get(part, 0) for part in _SHARED)
        a_code = (self.sizes["payload"] + self.sizes["index"]) / self.layout.count
        saved = self.layout.item_size * self.layout.dtype.itemsize - a_code
        return math.ceil((shared + self.sizes["header"]) / saved) if saved > 0 else None


def trials_to_header(trials: tuple[Trial, ...], sampled: int) -> dict[str, Any]:
    """What a header says of what was tried."""
    in_part = [trial.name for trial in trials if trial.in_part]
    alone = _compared_alone(trials)
    return {
        "blocks": sampled,
        "bytes": {trial.name: trial.size for trial in trials},
        **({"in_part": in_part} if in_part else {}),
        **({"alone": alone} if alone else {}),
    }


def _compared_alone(trials: tuple[Trial, ...]) -> dict[str, float]:
    """What an item alone takes, to a tenth: with the best way, and with the best that learns
    nothing."""
    known = [(trial, trial.item_bytes) for trial in trials if trial.item_bytes is not None]
    classical = sorted((size, trial.name) for trial, size in known if not trial.learns)[:1]
    names = {trials[0].name, *(name for _, name in classical)}
    return {trial.name: round(size, 1) for trial, size in known if trial.name in names}


def trials_from_header(header: Mapping[str, Any], name: str) -> tuple[tuple[Trial, ...], int]:
    """What was tried, the smallest first, and on how many blocks.

    Raises:
        ArchiveError: the header does not say.
    """
    if "tried" not in header:
        return (), 0
    entry = field(header, "tried", dict, name)
    sizes = field(entry, "bytes", dict, name)
    if len(sizes) > _MOST_TRIALS:
        raise damaged(name, f"its header names {len(sizes):,} trials")
    in_part = field(entry, "in_part", list, name) if "in_part" in entry else []
    alone = field(entry, "alone", dict, name) if "alone" in entry else {}
    if not all(isinstance(each, int | float) and each >= 0 for each in alone.values()):
        raise damaged(name, "its header has no usable 'alone'")
    trials = [
        Trial(
            method=text.rpartition(", ")[2],
            name=text,
            size=whole_number(size, 0, 1 << 62, "a size", name),
            item_bytes=alone.get(text),
            in_part=text in in_part,
        )
        for text, size in sizes.items()
    ]
    sampled = whole_number(entry.get("blocks"), 0, 1 << 62, "a number of blocks", name)
    return tuple(sorted(trials, key=lambda trial: trial.size)), sampled
