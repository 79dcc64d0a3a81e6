"""Damage to what goes into an encoder, which the model learns to undo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from narrows.data import TableSchema
from narrows.data.file_arrays import FileArray
from narrows.data.limits import filled_range
from narrows.errors import UsageError

# A number, or an array of the shape of an item.
Limit = float | np.ndarray

_KINDS = ("gaussian", "masking", "salt-pepper")
_HINT = (
    "write the kind and the amount, as in gaussian:0.3, masking:0.3 or salt-pepper:0.1, or a range "
    "of amounts, as in gaussian:0.1-0.8"
)


@dataclass(frozen=True)
class Noise:
    """Damage done to what goes into the encoder, which the model learns to undo.

    Attributes:
        kind: "gaussian", added to every value; "masking", values set to the lowest (Vincent et
            al., ICML 2008); "salt-pepper", values set to the lowest or the highest.
        amount: the noise's standard deviation as a share of the width of the value range, or the
            share of the values that are hit; the highest where it is drawn.
        least: where each item has an amount of its own, drawn evenly from here to ``amount``: the
            model then learns to undo noise without being told how much. None for one amount.
    """

    kind: str
    amount: float
    least: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Noise":
        """Read ``KIND:AMOUNT`` or ``KIND:LEAST-MOST``.

        Raises:
            UsageError: no such kind, or an amount outside its limits.
        """
        kind, _, numbers = text.partition(":")
        if kind not in _KINDS:
            raise UsageError(f"there is no noise called {kind!r}", hint=_HINT)
        limit = 10.0 if kind == "gaussian" else 1.0
        amounts = [_number(part) for part in _RANGE.split(numbers)]
        most = amounts[-1]
        if len(amounts) > 2 or not 0 < most <= limit:
            raise UsageError(
                f"noise {text!r} has no amount above 0 and up to {limit:g}", hint=_HINT
            )
        if len(amounts) == 1:
            return cls(kind, most)
        if not 0 <= amounts[0] < most:
            raise UsageError(
                f"noise {text!r} has no range of amounts: {numbers.partition('-')[0]} is not "
                f"from 0 to below {most:g}",
                hint=_HINT,
            )
        return cls(kind, most, amounts[0])

    def __str__(self) -> str:
        least = "" if self.least is None else f"{self.least:g}-"
        return f"{self.kind}:{least}{self.amount:g}"

    def apply(
        self,
        items: np.ndarray,
        lowest: Limit,
        highest: Limit,
        random: np.random.Generator,
        blank: Limit | None = None,
    ) -> np.ndarray:
        """Damaged copies of ``items``, within ``lowest`` to ``highest``: in their dtype if they are
        8-bit, else in that of :func:`damaged_dtype`.

        Args:
            items: (n, \\*item_shape), in data units.
            lowest, highest: the range of which the amounts are shares, in data units: numbers, or
                arrays of the items' shape for values that have a range each.
            random: where the noise is drawn from.
            blank: what masking leaves; None for ``lowest``.
        """
        amounts = self._amounts(items, random)
        dtype = damaged_dtype(items.dtype, lowest, highest)
        if self.kind == "gaussian":
            wide = np.float32 if dtype == np.uint8 else dtype
            noise = random.standard_normal(items.shape, np.float32).astype(wide, copy=False)
            noise *= amounts * np.subtract(highest, lowest, dtype=wide)
            noise += items
            damaged = np.clip(noise, lowest, highest, out=noise)
            if dtype == np.uint8:
                damaged = np.rint(damaged, out=damaged)
            return damaged.astype(dtype, copy=False)
        damaged = items.astype(dtype)
        chance = random.random(items.shape, np.float32)
        left = lowest if blank is None or self.kind == "salt-pepper" else blank
        np.copyto(damaged, np.asarray(left, dtype), where=chance < amounts)
        if self.kind == "salt-pepper":
            np.copyto(damaged, np.asarray(highest, dtype), where=chance < amounts / 2)
        return damaged

    def _amounts(self, items: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The amount of each item, float32 (n, 1, ...), or (1, ...) where all have one."""
        ones = (1,) * (items.ndim - 1)
        if self.least is None:
            return np.full((1, *ones), self.amount, np.float32)
        drawn = random.uniform(self.least, self.amount, (len(items), *ones))
        return drawn.astype(np.float32)


def damaged_dtype(dtype: np.dtype, lowest: Limit, highest: Limit) -> np.dtype:
    """The dtype of damaged copies of items: 8-bit ones stay so; others become float32, or float64
    where they have more digits and lie so far from zero that float32 would round them away."""
    if dtype == np.uint8:
        return dtype
    far = np.maximum(np.abs(lowest), np.abs(highest)) > _FAR * np.subtract(highest, lowest)
    return np.result_type(dtype, np.float32) if np.any(far) else np.dtype(np.float32)


# float32 has 24 bits: this far off, 16 are left for the differences.
_FAR = 1 << 8
# A minus between two numbers, not that of 1e-3.
_RANGE = re.compile(r"(?<=[\d.])-")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


@dataclass(frozen=True)
class NoiseLimits:
    """The range of which noise is a share, and within which it stays, in data units.

    Attributes:
        lowest, highest: numbers; of a table, one for each feature, float64 (width,).
        blank: what masking leaves: the lowest value; of a table the mean, which is 0.
    """

    lowest: Limit
    highest: Limit
    blank: Limit

    def damaged(self, noise: Noise, items: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Copies of ``items`` with ``noise``; see :meth:`Noise.apply`."""
        return noise.apply(items, self.lowest, self.highest, random, self.blank)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest, where they are the same for all values."""
        assert not isinstance(self.lowest, np.ndarray) and not isinstance(self.highest, np.ndarray)
        return self.lowest, self.highest


class Described(Protocol):
    """What is known of a data set, or of the one that a model was trained on."""

    @property
    def value_range(self) -> tuple[float, float] | None: ...
    @property
    def extent(self) -> tuple[float, float] | None: ...
    @property
    def table(self) -> TableSchema | None: ...


def noise_limits(data: Described) -> NoiseLimits:
    """The range of noise in such data, whatever scaling a model has: the one that they fill, of a
    table each feature's own."""
    if data.table is not None:
        return NoiseLimits(*data.table.feature_limits(), 0.0)
    lowest, highest = filled_range(data.value_range, data.extent)
    return NoiseLimits(lowest, highest, lowest)


def damaged_parts(
    items: np.ndarray,
    inputs: np.ndarray | None,
    noise: Noise | None,
    limits: NoiseLimits,
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Items to judge a model by, some at a time, with what goes in instead of them: the same damage
    whenever they are asked for.

    Args:
        items: (n, \\*item_shape).
        inputs: what goes in before it is damaged; None for the items.
        noise: the damage; None for none.
        limits: of the damage.
        seed: of the damage.
    """
    if noise is None and not isinstance(items, FileArray):
        # the same objects whenever they are asked for: an accelerator keeps what it knows
        yield items, inputs
        return
    step = max(_PART_VALUES // max(items[:1].size, 1), 1)
    for place in range(0, len(items), step):
        part = items[place : place + step]
        given = None if inputs is None else inputs[place : place + step]
        if noise is None:
            yield part, given
            continue
        random = np.random.default_rng([seed, _JUDGING_STREAM, place])
        yield part, limits.damaged(noise, part if given is None else given, random)


# Values that are damaged at a time.
_PART_VALUES = 1 << 22
# Keeps these random numbers apart from those of other uses of the same seed.
_JUDGING_STREAM = 0x70D6E
