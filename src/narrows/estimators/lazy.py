"""Dask collections: each block or partition goes through the same method, when it is asked for.

Dask is looked for only where a collection of its own is given. The estimator is one task of its
graph, which a worker gets once, however many blocks it does.
"""

import copy
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from sklearn import get_config

from narrows.errors import ShapeError, UsageError
from narrows.estimators.inputs import features

if TYPE_CHECKING:
    from narrows.model.trained import TrainedModel

Method = TypeVar("Method", bound=Callable[..., Any])
#: Of a result that has a row for each item: the shape of a row, and its dtype.
Form = Callable[["TrainedModel"], tuple[tuple[int, ...], Any]]


def codes(trained: "TrainedModel") -> tuple[tuple[int, ...], Any]:
    """The form of codes."""
    return (trained.model.spec.latent_size,), np.float32


def items(trained: "TrainedModel") -> tuple[tuple[int, ...], Any]:
    """The form of reconstructed items; of a table each row is a frame's."""
    return trained.item_shape, trained.data.dtype


def scores(trained: "TrainedModel") -> tuple[tuple[int, ...], Any]:
    """The form of one score an item."""
    return (), np.float64


def labels(trained: "TrainedModel") -> tuple[tuple[int, ...], Any]:
    """The form of one label an item."""
    return (), np.int64


def takes_dask(form: Form) -> Callable[[Method], Method]:
    """Have a method of a fitted estimator take Dask arrays and dataframes too, and give lazy ones.

    Args:
        form: of what it gives.
    """

    def decorated(method: Method) -> Method:
        @wraps(method)
        def either(self: Any, X: Any) -> Any:
            if not is_dask(X):
                return method(self, X)
            self._require_fitted()
            return _lazy(self, method.__name__, X, form)

        return cast(Method, either)

    return decorated


def is_dask(X: Any) -> bool:
    """Whether ``X`` is a Dask collection."""
    return type(X).__module__.partition(".")[0] in ("dask", "dask_expr")


def _lazy(estimator: Any, name: str, X: Any, form: Form) -> Any:
    """What a method gives of a Dask collection.

    Raises:
        ShapeError: its items have another shape than those that the model was trained on.
        DataError: it lacks a column.
        UsageError: the result is to be in memory.
    """
    from dask.delayed import delayed

    _require_arrays(estimator, name)
    shared = delayed(_as_it_is(estimator), pure=True)
    if form is items and estimator._trained().data.table is not None:
        X = X.to_dask_dataframe() if hasattr(X, "to_dask_dataframe") else X
        return _by_partitions(X, shared, name, _frame_of(X._meta, estimator, name))
    if hasattr(X, "map_partitions"):
        if form is not items:
            return _of_frame(estimator, name, X, form, shared)
        X = X.to_dask_array()
    return _of_array(estimator, name, X, form, shared)


def _as_it_is(estimator: Any) -> Any:
    """The estimator now, whatever it is told later, without what only going on with more data
    needs; it calls what it gets a block, for it judges each by itself."""
    worker = copy.copy(estimator)
    worker.__dict__.pop("_reservoir", None)
    worker._given = "a block of X"
    if "autoencoder_" in worker.__dict__:
        worker.autoencoder_ = _as_it_is(worker.autoencoder_)
    return worker


def _require_arrays(estimator: Any, name: str) -> None:
    """Make sure that scikit-learn does not make a frame in memory of what is lazy."""
    asked = getattr(estimator, "_sklearn_output_config", {})
    usual = get_config()["transform_output"]
    if name == "transform" and asked.get("transform", usual) != "default":
        raise UsageError(
            "transform is to give frames in memory, and X is a Dask collection",
            hint="set_output(transform='default'): of a Dask frame it gives a Dask frame anyway",
        )


def _of_frame(estimator: Any, name: str, X: Any, form: Form, shared: Any) -> Any:
    import pandas as pd

    trained = estimator._trained()
    if trained.data.table is not None:
        features(estimator, X._meta, trained.data.table)  # a column that is missing shows now
    row, dtype = form(trained)
    empty, meta = np.empty((0, *row), dtype), X._meta.index[:0]
    if row:
        names = list(estimator.get_feature_names_out())
        made: Any = pd.DataFrame(empty, columns=names, index=meta)
    else:
        made = pd.Series(empty, index=meta, name=name)
    return _by_partitions(X, shared, name, made)


def _by_partitions(X: Any, shared: Any, name: str, meta: Any) -> Any:
    """A lazy frame of what a method gives of each partition, under the divisions of ``X``."""
    import dask.dataframe as dd
    from dask.delayed import delayed

    # map_partitions hands a delayed argument to its function as it is, before Dask 2025.5
    one = delayed(_frame_of)
    parts = [one(part, shared, name) for part in X.to_delayed()]
    divisions = X.divisions if X.known_divisions else None
    return dd.from_delayed(parts, meta=meta, divisions=divisions, verify_meta=False)


def _frame_of(part: Any, estimator: Any, name: str) -> Any:
    """What a method gives of a partition, under its index."""
    import pandas as pd

    found = getattr(estimator, name)(part)
    if hasattr(found, "to_pandas"):  # of a model of a polars frame or an Arrow table
        found = found.to_pandas().set_axis(part.index)
    if isinstance(found, pd.DataFrame | pd.Series):
        return found
    if found.ndim == 1:
        return pd.Series(found, index=part.index, name=name)
    return pd.DataFrame(found, columns=estimator.get_feature_names_out(), index=part.index)


def _of_array(estimator: Any, name: str, X: Any, form: Form, shared: Any) -> Any:
    trained = estimator._trained()
    row, dtype = form(trained)
    given = (trained.model.spec.latent_size,) if form is items else trained.item_shape
    table = trained.data.table
    allowed = {given, (int(np.prod(given)),)} if table is None else {(len(table.names),)}
    if X.shape[1:] not in allowed:
        raise ShapeError(
            f"the items have shape {X.shape[1:]}, and the model takes {min(allowed, key=len)}",
            hint="give items of that shape",
        )
    whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return whole.map_blocks(
        _array_of,
        estimator=shared,
        method=name,
        row=row,
        result=np.dtype(dtype).str,
        dtype=dtype,
        chunks=(whole.chunks[0], *((size,) for size in row)),
        drop_axis=list(range(1, X.ndim)),
        new_axis=list(range(1, 1 + len(row))),
        meta=np.empty((0, *row), dtype),
    )


def _array_of(
    block: Any, *, estimator: Any, method: str, row: tuple[int, ...], result: str
) -> np.ndarray:
    """What a method gives of a block, (m, \\*row)."""
    if not len(block):
        return np.empty((0, *row), result)
    found: np.ndarray = getattr(estimator, method)(block)
    return found
