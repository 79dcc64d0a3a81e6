"""What context mixing learns of an array, kept as a model for archives of others like it."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from narrows.archive.arrays import Layout, array_of
from narrows.archive.blocks import block_extents
from narrows.archive.bounds import Quantiser
from narrows.archive.choosing import candidates
from narrows.archive.container import Part, write_container
from narrows.archive.filters import NARROW
from narrows.archive.methods import EFFORTS, Effort, Stored
from narrows.archive.methods.mixing import Mixing, byte_rows
from narrows.archive.methods.primed import PART
from narrows.archive.mixing import Course, Prior, learn
from narrows.archive.mixing.contexts import COUNT, WITHOUT_PRIOR
from narrows.archive.mixing.kinds import ALL, FIRST, Mixers
from narrows.archive.mixing.learned import Settings
from narrows.archive.model import KIND, Model
from narrows.archive.pipeline import Pipeline
from narrows.archive.writing import array_bound, block_values
from narrows.data.storage import release
from narrows.errors import DataError
from narrows.support import arguments
from narrows.support.progress import Tracker, silent

# Contexts that are looked at.
_CONTEXTS: dict[Effort, int] = {"fast": 6, "normal": WITHOUT_PRIOR, "best": COUNT}
# Mixers that weigh what they say.
_MIXERS: dict[Effort, Mixers] = {"fast": FIRST, "normal": ALL, "best": ALL}
# Of so many bytes of values mixing learns what there is to learn; more only fill its tables.
_ENOUGH = 16 << 20
# Bytes of the values on which quantisers are compared.
_SAMPLE_BYTES = 1 << 18


def learn_model(
    items: np.ndarray,
    *,
    max_error: Any = None,
    effort: Effort = "normal",
    name: str = "X",
    track: Tracker = silent,
) -> Model:
    """Go through an array as if it were coded, and keep what that has taught.

    Of an array of more than 16 MiB it takes the first items of every block.

    Args:
        items: as for :func:`narrows.archive.write_archive`; archives that start from the model hold
            items of the same shape and dtype.
        max_error: the largest error, as there; archives have the same.
        effort: how much is looked at: ``fast`` makes a small model, ``best`` a large one.
        name: what messages call the data.
        track: told how far it is.

    Raises:
        UsageError: ``max_error`` cannot be meant.
        DataError: values that an archive does not hold, or that context mixing does not take.
    """
    arguments.one_of("effort", effort, EFFORTS)
    arguments.text("name", name)
    arguments.tracker("track", track)
    items = array_of(items)
    layout = Layout.of(items)
    items = items.reshape(1) if items.ndim == 0 else items
    bound = array_bound(items, layout, max_error, name)
    levels = _Levels(items, layout, bound, name)
    settings, values = levels.settings(_CONTEXTS[effort], _MIXERS[effort])
    prior = Prior.before(settings, values)
    with track(f"learning from {name}", total=len(levels.extents), unit="block") as advance:
        for rows, course in levels.rows():
            learn(rows, course, prior)
            advance(1)
    entry = levels.quantiser.to_header()
    header = {
        "data": {"kind": KIND, **layout.to_header()},
        "bound": bound,
        **({} if entry is None else {"levels": entry}),
    }
    out = io.BytesIO()
    write_container(out, header, [Part.of(PART, levels.front + prior.to_bytes())])
    return Model("the model", out.getvalue())


class _Levels:
    """The integers of an array's values, block by block, as bytes that context mixing takes.

    Attributes:
        extents: of the blocks.
        quantiser: what makes them.
        front: the width and the lowest of all.
    """

    def __init__(self, items: np.ndarray, layout: Layout, bound: float, name: str) -> None:
        """Choose a quantiser, and find the range of its levels.

        Raises:
            DataError: there is nothing to learn from.
        """
        self._items, self._layout, self._bound, self._name = items, layout, bound, name
        self.extents = list(block_extents(layout))
        if not self.extents:
            raise DataError(
                f"{name} has no values, and nothing can be learnt of it",
                hint="learn from data like those that shall be compressed",
            )
        self.quantiser = self._smallest()
        self._pipeline = Pipeline(Stored(), self.quantiser)
        dtype = self.quantiser.level_dtype(layout.working_dtype)
        limits = [(int(levels.min()), int(levels.max())) for levels in self._blocks()]
        lowest, highest = min(low for low, _ in limits), max(high for _, high in limits)
        self.front = NARROW.front_of(lowest, highest, dtype)

    def _smallest(self) -> Quantiser:
        """The quantiser whose levels mixing makes the fewest bytes of, on a piece of a block."""
        values = self._values(*self.extents[len(self.extents) // 2])
        piece = values[: max(_SAMPLE_BYTES // values[:1].nbytes, 1)]
        found = candidates(piece, self._bound)
        ways = [Pipeline(Mixing(), each) for each in found]
        if len(ways) == 1 or not all(way.takes(piece.shape, piece.dtype) for way in ways):
            return found[-1]  # the coarsest
        return min(ways, key=lambda way: len(way.encode(piece, self._bound, "fast"))).quantiser

    def settings(self, contexts: int, mixers: Mixers) -> tuple[Settings, int]:
        """Those of all blocks, with so many contexts and mixers; and how many bytes these have.

        Raises:
            DataError: the items are too long and narrow for the steps that they take.
        """
        counts = np.zeros(256, np.int64)
        for rows, _ in self.rows():
            counts += np.bincount(rows.ravel(), minlength=256)
        if not counts.any():
            raise DataError(
                f"context mixing, which makes models, takes no items of shape "
                f"{self._layout.item_shape} as {self._name} has",
                hint="leave --keep-model out",
            )
        top = int(np.flatnonzero(counts)[-1])
        return Settings(contexts, int(counts.argmax()), top, mixers), int(counts.sum())

    def rows(self) -> Iterator[tuple[np.ndarray, Course]]:
        """The bytes of each block, uint8 (items, places), and the way through them."""
        for levels in self._blocks():
            raised = NARROW.raised(levels, self.front)
            course = Course.of(levels.shape, raised.dtype.itemsize)
            if course.quick:
                yield byte_rows(raised, course), course

    def _blocks(self) -> Iterator[np.ndarray]:
        for start, size in map(self._beginning, self.extents):
            yield self._pipeline.prepare(self._values(start, size), self._bound)[1]
            release(self._items)

    def _beginning(self, extent: tuple[int, int]) -> tuple[int, int]:
        """What is learnt of a block: all of it, or as large a share as of all others."""
        (start, size), an_item = extent, self._layout.item_size
        share = min(_ENOUGH / self._layout.nbytes, 1.0)
        whole = size // an_item if size >= an_item else 0
        return start, max(int(whole * share), 1) * an_item if whole else size

    def _values(self, start: int, size: int) -> np.ndarray:
        return block_values(self._items, self._layout, start, size)
