"""What goes to the device: items, a bounded number at a time, and what the compiled code is given
rather than made of, so that it serves every model of a spec."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

# Items that go through a model at once when nothing is learnt: at most so many, and so many that
# the widest tensor between two blocks has at most so many values (32 MB).
RUN_BATCH = 2048
_WIDEST_VALUES = 1 << 23
#: Specs whose compiled code is kept in a process: what is trained again, or read from a file once
#: more, is not compiled again.
COMPILED_SPECS = 32


def run_batch(spec: Spec) -> int:
    """How many items go through a model of ``spec`` at once when nothing is learnt."""
    shapes = [*spec.shapes("encoder"), *spec.shapes("decoder")]
    widest = max(math.prod(shape) for shape in shapes)
    return min(max(_WIDEST_VALUES // widest, 1), RUN_BATCH)


def batches(rows: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """``rows`` by ``count``; at least one part, so that no items give an array of no results."""
    for start in range(0, max(len(rows), 1), count):
        yield rows[start : start + count]


def for_device(items: np.ndarray, scaling: Scaling) -> np.ndarray:
    """8-bit data travel as they are, unless each value has a centre of its own; others become
    float32 network values first."""
    as_bytes = items.dtype == np.uint8 and scaling.centre is None and scaling.fits_float32
    return items if as_bytes else scaling.to_network(items)


class Units(NamedTuple):
    """A scaling as compiled code is given it: a network value is (byte - offset) factor."""

    offset: Any
    factor: Any

    @classmethod
    def of(cls, scaling: Scaling) -> "Units":
        with np.errstate(over="ignore"):  # of data that is scaled before it travels
            return cls(np.float32(scaling.offset), np.float32(1 / scaling.scale))


def to_network(units: Units, x: Any) -> Any:
    """What :func:`for_device` sent, as float32 network values, on the device."""
    if x.dtype != np.uint8:
        return x
    return (x.astype(np.float32) - units.offset) * units.factor
