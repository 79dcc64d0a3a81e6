"""How estimators show themselves in notebooks."""

from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.errors import ShapeError


class ShownInNotebooks:
    """Adds what is known once fitted to scikit-learn's diagram; it stands before BaseEstimator."""

    def _result_html(self) -> str:
        """What there is to see besides the diagram; nothing before ``fit``."""
        raise NotImplementedError

    # scikit-learn's _repr_html_ gives this where its ``display`` is "diagram".
    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._result_html()  # type: ignore[misc]

    def _repr_mimebundle_(self, **given: Any) -> dict[str, Any]:
        found: dict[str, Any] = super()._repr_mimebundle_(**given)  # type: ignore[misc]
        if "text/html" in found:
            found["text/html"] = self._repr_html_inner()
        return found


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
