"""What estimators are fitted to: the training set, and what is held out of it or beside it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from narrows.data import Dataset, checked, load_data
from narrows.data.file_arrays import FileArray, loaded
from narrows.data.tables import is_frame
from narrows.errors import DataError, ShapeError, UsageError
from narrows.estimators.inputs import ANY_ARRAY, check_labels, features, given_array
from narrows.estimators.lazy import is_dask
from narrows.model.trained import TrainedModel
from narrows.planning.options import FitOptions
from narrows.support import arguments
from narrows.support.number_text import count_of
from narrows.support.progress import warn
from narrows.tasks.training_data import taken_by

# Fewer rows than this are all trained on: a tenth of them would say nothing.
_FEWEST_TO_HOLD_OUT_FROM = 20


def fit_data(
    estimator: Any,
    X: Any,
    options: FitOptions,
    *,
    start: TrainedModel | None = None,
    target: Any = None,
    validation_data: Any = None,
    advice: str = "",
) -> tuple[Dataset, Dataset | None]:
    """The training set and what is held out, as ``fit`` was given them; the estimator gets to know
    the columns of ``X`` as those of scikit-learn do. For a model that goes on, ``start``, columns,
    categories and scaling are those that it has. ``advice`` ends a warning of what is held in
    memory.

    Raises:
        DataError: they cannot be learnt from.
        ShapeError: ``target`` does not go with ``X``, or ``X`` not with ``start``.
        UsageError: ``X`` has no columns of the types that are declared, a table has a target, or
            ``validation_data`` is no pair where there is one.
    """
    if is_dask(X):
        warn(
            f"X is a Dask collection, and all of it is computed and held in memory{advice}",
            stacklevel=3,
        )
    if start is None:
        training = _training(estimator, X, options.types or {})
    else:
        training = taken_by(start, _as_before(estimator, X, start, 6))
    if target is not None:
        training = _towards(training, target)
    if validation_data is None:
        share = options.validation_fraction
        if share > 0 and len(training) >= _FEWEST_TO_HOLD_OUT_FROM:
            return training.split(share, options.seed, restated=start is None, in_place=True)
        return training, None
    if target is None:
        return training, _held_out(estimator, validation_data, training, start)
    noisy, clean = _pair(validation_data)
    return training, _towards(_held_out(estimator, noisy, training, start), clean)


def _as_before(estimator: Any, X: Any, start: TrainedModel, stacklevel: int) -> Dataset:
    """Items as a model takes them, of its shape, whatever they were given as."""
    data, table = start.data, start.data.table
    if table is not None:
        return Dataset("X", features(estimator, X, table), table=table)
    if isinstance(X, Dataset):
        X = loaded(X.items)
    items = given_array(X, stacklevel)
    if len(start.item_shape) == 1:
        items = validate_data(estimator, items, reset=False, **ANY_ARRAY)
    else:
        items = check_array(items, **ANY_ARRAY)
    if items.shape[1:] == (math.prod(start.item_shape),):
        items = items.reshape(len(items), *start.item_shape)
    return checked(Dataset("X", items, data.value_range))


def seed_of(random_state: Any) -> int:
    """A seed for our own generators, leaving NumPy's global one alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    given = arguments.scalar(random_state)
    if isinstance(given, Integral) and not isinstance(given, bool) and int(given) >= 0:
        return int(given)
    raise arguments.refused(
        "random_state", random_state, "None, a RandomState or an integer of at least 0"
    )


def _training(estimator: Any, X: Any, types: Mapping[str, str]) -> Dataset:
    """What to train on, whatever it was given as."""
    if is_frame(X):
        return _table(estimator, X, types)
    _require_types(types, X)
    if not isinstance(X, Dataset):
        return _array(estimator, X)
    if len(X) < 2:
        raise DataError(f"n_samples={len(X)}: 2 are the fewest to learn from")
    if X.table is None:
        # scikit-learn would look at all of a file as if it were in memory; checked() does in parts
        some = X.items[:2] if isinstance(X.items, FileArray) else X.items
        validate_data(estimator, some, **ANY_ARRAY)
    else:
        estimator.n_features_in_ = len(X.table.names)
        estimator.feature_names_in_ = np.array(X.table.names, dtype=object)
    return checked(X)


def _table(estimator: Any, X: Any, types: Mapping[str, str]) -> Dataset:
    """A data frame to train on, as features."""
    check_labels(estimator, X, reset=True)
    if len(X) < 2:
        raise DataError(
            f"n_samples={len(X)}: the table has {count_of(len(X), 'rows')}, and 2 are the "
            "fewest to learn from",
            hint="give more rows",
        )
    return load_data(X, types=types)


def _array(estimator: Any, X: Any) -> Dataset:
    return _dataset(validate_data(estimator, given_array(X, 7), **ANY_ARRAY, ensure_min_samples=2))


def _held_out(estimator: Any, X: Any, training: Dataset, start: TrainedModel | None) -> Dataset:
    if start is not None:
        return _as_before(estimator, X, start, 7)
    if training.table is not None:
        return replace(training, items=features(estimator, X, training.table))
    return _dataset(check_array(given_array(X, 6), **ANY_ARRAY))


def _towards(data: Dataset, target: Any) -> Dataset:
    """``data`` as what goes in, and what they shall become as the items."""
    if data.table is not None:
        raise UsageError("a table has no target", hint="train with noise='masking:0.3'")
    clean = _dataset(check_array(given_array(target, 6), **ANY_ARRAY))
    if (clean.items.shape, clean.items.dtype) != (data.items.shape, data.items.dtype):
        raise ShapeError(
            f"target is {clean.items.dtype.name} of shape {clean.items.shape}, and what goes "
            f"in {data.items.dtype.name} of {data.items.shape}",
            hint="give what each item shall become, in its shape and dtype",
        )
    return replace(clean, inputs=data.items)


def _dataset(items: np.ndarray) -> Dataset:
    limits = (0.0, 255.0) if items.dtype == np.uint8 else None
    return checked(Dataset("X", items, limits))


def _require_types(types: Mapping[str, str], data: Any) -> None:
    """Make sure that what is no data frame has columns of the declared types."""
    if not types:
        return
    table = data.table if isinstance(data, Dataset) else None
    if table is None:
        raise UsageError(
            f"types says what {next(iter(types))!r} is, and X has no named columns",
            hint="give a data frame, or leave types out",
        )
    kinds = {column.name: column.kind for column in table.columns}
    for name, kind in types.items():
        if kinds.get(name) not in (kind, "constant"):
            found = f"was read as {kinds[name]}" if name in kinds else "is not there"
            raise UsageError(
                f"types says that column {name!r} is {kind}, and in {data.name} it {found}",
                hint="declare it where the table is read: load_data(..., types={...})",
            )


def _pair(validation_data: Any) -> tuple[Any, Any]:
    """What goes in and what it shall become, to validate on."""
    if isinstance(validation_data, tuple | list) and len(validation_data) == 2:
        return validation_data[0], validation_data[1]
    raise arguments.refused(
        "validation_data", validation_data, "a pair of arrays where there is a target",
        "give (noisy, clean)",
    )  # fmt: skip
