"""Which columns of a table are exact sums of others, such as a total of its parts."""

import numpy as np
from jaxtyping import Float

from narrows.data.tables.schema import TableSchema
from narrows.support.blas import one_blas_thread

# Features are float32, of seven digits: what is left of a sum is at most this share of a variance.
_EXACT = 1e-10
# Rows with a number further than so many times the range between these shares of its column from it
# are left out: where the same rows are wild in two columns, they are all that varies.
_FAR, _TAIL = 10, 0.05
# A column takes part where more than this of its direction does; of more columns nobody looks.
_TAKES_PART, _MOST_COLUMNS = 1e-6, 300


@one_blas_thread()
def exact_sums(table: TableSchema, features: Float[np.ndarray, "n width"]) -> tuple[str, ...]:
    """The columns whose numbers, each times a factor, add up to the same in every row of
    ``features``: directions in which standardised numbers do not vary at all."""
    numbers = [c for c in table.learnt if c.is_number and c.kind != "boolean"]
    columns = [c for c in numbers if c.same_as is None]  # copies are kept
    if not 1 < len(columns) <= _MOST_COLUMNS:
        return ()
    cells = np.stack([c.numbers(features[:, c.features]) for c in columns], axis=1)
    cells = _usual(cells[~np.isnan(cells).any(axis=1)])
    if len(cells) <= 2 * len(columns):
        return ()
    varies = np.ptp(cells, axis=0) > 0
    standard = (cells - cells.mean(axis=0))[:, varies] / cells.std(axis=0)[varies]
    sizes, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    share = np.square(directions[:, sizes < _EXACT]).sum(axis=1)
    varying = [c.name for c, some in zip(columns, varies, strict=True) if some]
    return tuple(name for name, part in zip(varying, share, strict=True) if part > _TAKES_PART)


def _usual(cells: Float[np.ndarray, "n columns"]) -> Float[np.ndarray, "m columns"]:
    """The rows without numbers far from those of their column."""
    if not len(cells):
        return cells
    low, high = np.quantile(cells, (_TAIL, 1 - _TAIL), axis=0)
    reach = np.where(high > low, _FAR * (high - low), np.inf)
    return cells[(np.maximum(low - cells, cells - high) <= reach).all(axis=1)]
