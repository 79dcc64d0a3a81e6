"""What estimators are given: arrays, images, sparse matrices, data frames, rows of a table."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from narrows.data import Dataset, TableSchema
from narrows.data.array_inputs import array_input
from narrows.data.image_folder import are_pillow_images, images_as_dataset
from narrows.data.tables import arrow_table, is_frame
from narrows.errors import ShapeError, UsageError
from narrows.support.progress import warn

#: What scikit-learn's checks are told: numbers in any shape, as they lie in memory.
ANY_ARRAY: dict[str, Any] = {"dtype": "numeric", "allow_nd": True, "order": None}
# Values of an array whose checks take no longer than what is computed of it.
_SMALL = 1 << 16


def given_array(X: Any, stacklevel: int = 4) -> Any:
    """``X``, or the items of Pillow images, upright and in grey or RGB, as those of a folder; notes
    on these are warnings to the caller so many calls above."""
    if not are_pillow_images(X):
        return array_input(X)
    data = images_as_dataset(X)
    for note in data.notes:
        warn(note, stacklevel=stacklevel)
    return data.items


def is_plain(X: Any, shape: tuple[int, ...]) -> bool:
    """Whether ``X`` is a small array of finite numbers, at least one item of this shape, or of flat
    rows of as many values. scikit-learn's checks would find the same, in ten times as long as a
    model takes for one item."""
    return (
        type(X) is np.ndarray
        and X.dtype.kind in "biuf"
        and 0 < X.size <= _SMALL
        and (X.shape[1:] == shape or X.shape[1:] == (math.prod(shape),))
        and (X.dtype.kind != "f" or bool(np.isfinite(X).all()))
    )


def features(estimator: Any, X: Any, table: TableSchema) -> np.ndarray:
    """The features of a data frame, or of rows of numbers in the order of its columns."""
    if isinstance(X, Dataset):
        return _reencoded(X, table)
    if not is_frame(X):
        rows = validate_data(
            estimator, array_input(X), reset=False, dtype=None, ensure_all_finite=False
        )
        X = arrow_table(table.names, rows)
    else:
        check_labels(estimator, X, reset=False)
    return table.encode(X)


def check_labels(estimator: Any, X: Any, *, reset: bool) -> None:
    """Keep the names of a frame's columns as scikit-learn does; where some are texts and others
    are not, which it refuses, the table's schema alone knows them.

    Of later frames it says which are missing. Their order does not matter, and others may be
    there, which the schema ignores with a message.
    """
    labels = getattr(X, "column_names", None)  # Arrow's
    labels = list(X.columns if labels is None else labels)
    texts = {isinstance(label, str) for label in labels}
    if not reset:
        known = getattr(estimator, "feature_names_in_", ())
        if False in texts or set(known) <= set(labels):
            return
    if len(texts) > 1:
        if reset:
            estimator.n_features_in_ = len(labels)
        return
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def explored_data(estimator: Any, items: np.ndarray, X: Any, labels: Any) -> Dataset:
    """Items to explore, and what they are called.

    Args:
        estimator: a fitted Autoencoder.
        items: ``X`` as the estimator takes it, features of a table.
        X: as it was given.
        labels: of the items, (n,), or None for those that ``X`` brings.

    Raises:
        ShapeError: there is not one label for each item.
    """
    ranks, classes = (X.labels, X.classes) if isinstance(X, Dataset) else (None, None)
    if labels is not None:
        given = np.asarray(labels)
        if given.shape != (len(items),):
            raise ShapeError(
                f"labels have the shape {given.shape}, and {len(items):,} items need "
                f"({len(items)},)",
                hint="give one label for each item",
            )
        names, ranks = np.unique(given, return_inverse=True)
        classes = tuple(map(str, names))
    known = estimator.model_.data
    return Dataset(
        "X",
        estimator._in_use().shaped(items),
        known.value_range,
        labels=ranks,
        classes=classes,
        table=known.table,
    )


def _reencoded(data: Dataset, table: TableSchema) -> np.ndarray:
    """The features of a table that was read on its own, as the model's table has them."""

    def kinds(schema: TableSchema | None) -> list[tuple[Any, ...]]:
        columns = () if schema is None else schema.columns
        return [(c.name, c.kind, c.width, c.missing, c.categories) for c in columns]

    if data.table is None or kinds(data.table) != kinds(table):
        raise UsageError(
            f"{data.name} was not read as the table that the model was trained on",
            hint="read it with the model's: load_data(path, table=ae.model_.data.table)",
        )
    return table.reencoded(data.items, data.table)
