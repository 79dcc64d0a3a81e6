"""Whether whole numbers name rows instead of measuring anything: customer numbers, row numbers.

Such a column holds another number in every row. That alone is no evidence, as amounts do too: the
numbers must also be consecutive, or nearly so and in order, or spread evenly over a range far wider
than there are rows, or the column must be called an identifier.
"""

import re

import numpy as np

# With fewer rows, numbers differ by chance.
_FEWEST, _FEWEST_EVEN = 20, 50
# Numbers that are kept to be compared.
_MOST_KEPT = 200_000
# Words of a name that say so, and such as say so where no other says what is measured.
_NAMES = frozenset({"id", "ids", "uid", "uuid", "guid", "pid", "key", "pk", "serial"})
_MAY_NAME = frozenset({"index", "idx", "row", "rowid", "no", "nr", "number", "code"})
# What counts time, or measures, is no name of a row, however even it is; nor is x or t.
_TIMES = frozenset(
    {"year", "month", "week", "day", "hour", "minute", "second", "time", "timestamp", "datetime"}
    | {"date", "ts", "step", "epoch", "age"}
)
_MEASURES = _TIMES | frozenset(
    {"price", "amount", "income", "sale", "salary", "cost", "total", "count", "size", "length"}
    | {"height", "width", "weight", "score", "rate", "value", "population", "area", "distance"}
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_YEARS = (1500, 2200)
# The largest distance from an even distribution, over the root of the number of rows, that one row
# set in a hundred exceeds (Kolmogorov).
_EVEN = 1.63
_LARGE, _FAR_WIDER = 100_000, 100
# The share of the numbers from the lowest to the highest that names given in order make up, where
# some were deleted.
_DENSE = 0.5
_BEYOND_MEASURES = 1 << 53


class IdentifierFinder:
    """Takes a column's numbers in blocks, in the order of the rows; ``whole`` says whether all are,
    as floats may be too: those of pandas where cells are missing."""

    def __init__(self) -> None:
        self.whole = self._possible = self._rising = self._falling = True
        self._kept: list[np.ndarray] = []
        self._count = self._kept_count = 0
        self._last = self._lowest = self._highest = 0

    def add(self, numbers: np.ndarray) -> None:
        """The next numbers, none of them missing: (n,), integers or float64."""
        if not self.whole or not len(numbers):
            return
        self.whole = numbers.dtype.kind in "iu" or np.array_equal(np.rint(numbers), numbers)
        self._possible = self._possible and self.whole
        if not self._possible or len(np.unique(numbers)) < len(numbers):
            self._possible, self._kept = False, []
            return
        lowest, highest, first = int(numbers.min()), int(numbers.max()), self._count == 0
        self._rising &= bool((numbers[1:] > numbers[:-1]).all())
        self._rising &= first or int(numbers[0]) > self._last
        self._falling &= bool((numbers[1:] < numbers[:-1]).all())
        self._falling &= first or int(numbers[0]) < self._last
        self._last = int(numbers[-1])
        self._count += len(numbers)
        self._lowest = lowest if first else min(self._lowest, lowest)
        self._highest = highest if first else max(self._highest, highest)
        if self._kept_count < _MOST_KEPT:
            self._kept.append(numbers)
            self._kept_count += len(numbers)

    def found(self, name: str) -> bool:
        """Whether the column of that name identifies rows."""
        if not self._possible or self._count < _FEWEST:
            return False
        numbers = np.sort(np.concatenate(self._kept))
        if not (numbers[1:] > numbers[:-1]).all():
            return False
        if is_called_one(name):
            return True
        words = _words_of(name)
        measures = words & _MEASURES or {word.rstrip("s") for word in words} & _MEASURES
        years = _YEARS[0] <= self._lowest and self._highest <= _YEARS[1]
        if measures or years or len(name) == 1:
            return False
        if words & _MAY_NAME:
            return True
        width = self._highest - self._lowest
        in_order = self._rising or self._falling
        return (
            width + 1 == self._count
            or (in_order and self._count > _DENSE * (width + 1))
            or self._highest >= _BEYOND_MEASURES
            or (self._lowest >= 0 and self._highest >= _LARGE and self._is_even(numbers, width))
        )

    def _is_even(self, numbers: np.ndarray, width: int) -> bool:
        """Whether they are spread evenly over a range far wider than they are many."""
        count = len(numbers)
        if count < _FEWEST_EVEN or width <= _FAR_WIDER * self._count:
            return False
        shares = (numbers.astype(np.float64) - self._lowest) / width
        distance = np.abs(shares - (np.arange(count) + 0.5) / count).max()
        return bool(distance * np.sqrt(count) < _EVEN)


def is_called_one(name: str) -> bool:
    """Whether a column's name alone says that its whole numbers name something."""
    return not _words_of(name).isdisjoint(_NAMES)


def _words_of(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}
