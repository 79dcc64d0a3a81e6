"""How estimators show themselves in notebooks."""

from typing import Any


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
