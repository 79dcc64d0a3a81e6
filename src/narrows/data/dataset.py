"""What every source of data becomes: items of one shape, and what is known about their values."""

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from narrows.data.file_arrays import SelectedRows, in_file
from narrows.data.image_files import ImageFiles
from narrows.data.image_options import ImageOptions
from narrows.data.limits import extent_of
from narrows.data.storage import LARGEST_IN_MEMORY, concatenated
from narrows.errors import DataError
from narrows.support.chunks import CACHED_VALUES, chunks
from narrows.support.number_text import count_of

if TYPE_CHECKING:
    from narrows.data.tables.part_tables import RowPlaces
    from narrows.data.tables.schema import TableSchema


@dataclass(frozen=True)
class Dataset:
    """Items of one shape, all in one array, which may be memory-mapped.

    Attributes:
        name: what the user called it: ``mnist``, ``scans/``, ``readings.npy``.
        items: array of shape (n, \\*item_shape) and any real dtype. 8-bit data stay uint8.
        value_range: the lowest and the highest value that the source's format can hold, such as
            (0, 255) for 8-bit images, or None where it sets no limit.
        labels: integer array of shape (n,), or None. Nothing is ever trained on them.
        classes: what the numbers in ``labels`` stand for, where these are names: the folders that
            images lie in.
        files: the files that images of a folder came from; None for all other items.
        table: how the items, float32 features (n, width), were made of a table's columns; None
            where they were given as they are.
        places: where the rows of a table of many files lie; None for other items, and for some of
            the rows only.
        notes: what a user should be told of how the source was read, in sentences.
        inputs: what goes into an encoder in place of the items, an array of their shape, where a
            model shall learn to make the items of it: noisy images of clean ones. None for the
            items themselves.
        tile: the height and width of the tiles that the items were cut into; None for whole items.
    """

    name: str
    items: np.ndarray
    value_range: tuple[float, float] | None = None
    _: KW_ONLY
    labels: np.ndarray | None = None
    table: "TableSchema | None" = None
    notes: tuple[str, ...] = ()
    inputs: np.ndarray | None = None
    tile: int | None = None
    classes: tuple[str, ...] | None = None
    files: ImageFiles | None = None
    places: "RowPlaces | None" = None

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        """What a notebook shows of it: ``Dataset('digits', 1,797 items of (8, 8), uint8)``."""
        labels = "" if self.labels is None else ", labels"
        shape, dtype = self.items.shape[1:], self.items.dtype
        return f"Dataset({self.name!r}, {len(self):,} items of {shape}, {dtype}{labels})"

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one item; () where items are single numbers."""
        return self.items.shape[1:]

    @property
    def changes(self) -> ImageOptions:
        """What was done to the images of a folder, and is to be done to others like them."""
        made = ImageOptions() if self.files is None else self.files.options
        return replace(made, skip_damaged=False)

    @cached_property
    def item_size(self) -> int:
        """How many values one item holds."""
        return int(np.prod(self.item_shape, dtype=np.int64))

    @cached_property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest of all values."""
        if self.item_size <= MOST_COLUMNS and self.items.ndim == 2:
            lowest, highest = self.column_extents
            return float(lowest.min()), float(highest.max())
        return extent_of(self.items)

    @cached_property
    def column_extents(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest of each value of flat rows, (values,) each."""
        parts = chunks(self.items, values=CACHED_VALUES)
        lows, highs = zip(*((part.min(axis=0), part.max(axis=0)) for part in parts), strict=True)
        return np.min(lows, axis=0), np.max(highs, axis=0)

    def rows(self, indices: np.ndarray, *, in_place: bool = False) -> "Dataset":
        """The items (labels, inputs, files) at ``indices``, an integer array of shape (m,).

        Args:
            in_place: leave rows in the file that they are read from, see :func:`selected_rows`.
        """
        labels = None if self.labels is None else self.labels[indices]
        take = selected_rows if in_place else take_rows
        inputs = None if self.inputs is None else take(self.inputs, indices)
        files = None if self.files is None else self.files.rows(indices)
        return replace(
            self,
            items=take(self.items, indices),
            labels=labels,
            inputs=inputs,
            files=files,
            places=None,
        )

    def split(
        self, fraction: float, seed: int, *, restated: bool = True, in_place: bool = False
    ) -> tuple["Dataset", "Dataset"]:
        """Hold out a random ``fraction`` of the rows: (the rest, the held-out rows).

        Both keep the order of the source. The same seed always holds out the same rows.

        The features of a table are restated with the statistics of the rows that are not held out,
        so that the others have no part in the scaling; which columns and categories there are is
        known from all rows.

        Args:
            fraction: of the rows, from 0 to 1.
            seed: says which.
            restated: False where a table's features are to stay as a trained model takes them.
            in_place: leave rows in the file that they are read from, see :func:`selected_rows`.

        Raises:
            DataError: fewer than two rows, so that one part would be empty.
        """
        rest, held_out = (
            self.rows(part, in_place=in_place) for part in self.split_places(fraction, seed)
        )
        if self.table is None or not restated:
            return rest, held_out
        schema = self.table.restandardised(lambda: chunks(rest.items, values=CACHED_VALUES))
        return rest.reencoded(schema), held_out.reencoded(schema)

    def split_places(self, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Which rows :meth:`split` makes its two parts of, int (n,), ascending.

        Raises:
            DataError: fewer than two rows, so that one part would be empty.
        """
        count = len(self)
        if count < 2:
            raise DataError(
                f"{self.name} has {count_of(count, 'rows')}, "
                "and 2 are needed to hold one out for validation",
                hint="give more rows, or a validation set of its own",
            )
        held = min(max(round(count * fraction), 1), count - 1)
        order = np.random.default_rng([seed, _SPLIT_STREAM]).permutation(count)
        return np.sort(order[held:]), np.sort(order[:held])

    def reencoded(self, schema: "TableSchema") -> "Dataset":
        """The rows of a table with the features that ``schema`` would have made of them: one of
        the same columns and categories, with other statistics."""
        before = self.table
        assert before is not None
        blocks = (
            schema.reencoded(block, before) for block in chunks(self.items, values=CACHED_VALUES)
        )
        return replace(
            self, items=concatenated(blocks, self.item_shape, self.items.dtype), table=schema
        )


def take_rows(items: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Rows of an array: in memory, or where they are many, in a temporary file that is mapped."""
    if len(indices) * items[:1].nbytes <= LARGEST_IN_MEMORY:
        return np.asarray(items[indices])
    return concatenated(
        chunks(items, values=CACHED_VALUES, at=indices), items.shape[1:], items.dtype
    )


def selected_rows(items: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The same, but many rows of a file are not copied: they are read when they are asked for.

    For who asks for slices and places alone: NumPy's functions written in C, such as
    ``np.asarray``, do not see the values of a :class:`narrows.data.file_arrays.SelectedRows`.
    """
    if in_file(items) and len(indices) * items[:1].nbytes > LARGEST_IN_MEMORY:
        return SelectedRows.among(items, indices)
    return take_rows(items, indices)


def format_range(dtype: np.dtype) -> tuple[float, float] | None:
    """The limits of the dtypes that image formats use; in others, integers are just numbers."""
    limits = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}
    return (0.0, limits[dtype.name]) if dtype.name in limits else None


#: Values of a row up to which the range of each is kept.
MOST_COLUMNS = 4096
# Keeps the split's random numbers apart from those of other uses of the same seed.
_SPLIT_STREAM = 0x5B117
