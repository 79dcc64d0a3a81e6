"""``digits``: 1,797 handwritten digits of 8x8 grey levels that come with scikit-learn.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test set).
"""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from narrows.data.dataset import Dataset


def load_digits(name: str, *, labels: bool = False) -> Dataset:
    """The digits as uint8 items of shape (1797, 8, 8) with levels 0 to 16."""
    table = _table()
    return Dataset(
        name,
        items=table[:, :-1].reshape(-1, 8, 8),
        value_range=(0.0, 16.0),
        labels=table[:, -1] if labels else None,
    )


def _table() -> np.ndarray:
    """uint8 array of shape (1797, 65): the 64 pixels, then the label."""
    # Importing scikit-learn takes about a second, and finding its folder takes none.
    package = importlib.util.find_spec("sklearn")
    if package is not None and package.origin is not None:
        file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            with gzip.open(file, "rt", encoding="ascii") as lines:
                return np.loadtxt(lines, dtype=np.uint8, delimiter=",")

    # Where the file lies is no promise of scikit-learn's; this function is.
    from sklearn.datasets import load_digits as load_from_scikit_learn

    bunch = load_from_scikit_learn()
    return np.column_stack([bunch.data, bunch.target]).astype(np.uint8)
