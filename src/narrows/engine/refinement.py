"""Better codes for a given decoder: what the encoder gives is where a search begins.

An encoder answers at once, and each answer is a guess; the decoder alone says what a code stands
for. A step of Gauss and Newton on the squared error of one item, in its latent numbers alone, costs
as much as decoding it once for each of them, and takes back a large part of what the guess lost
(the amortisation gap: Cremer, Li and Duvenaud, arXiv:1801.03558).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.interface import Runner
from narrows.support.rounding import ValueType

# The damping of a first step, as a share of each latent number's own curvature, and what a step
# that made an item worse, or better, does to the next one (Marquardt, 1963).
_DAMPING, _MORE, _LESS = 1e-2, 10.0, 0.1
# Curvature that is added to all alike, as a share of the mean: a dead number has none of its own.
_LEAST_CURVATURE = 1e-6
_TINY = float(np.finfo(np.float32).tiny)


@runtime_checkable
class Refiner(Protocol):
    """Improves codes of one model."""

    def refined(
        self, items: Shaped[np.ndarray, "n *item"], codes: Float32[np.ndarray, "n latent"]
    ) -> Float32[np.ndarray, "n latent"]:
        """Codes whose reconstructions are at least as near to ``items`` as those of ``codes``. None
        depends on the items beside it."""
        ...


class RefiningRunner:
    """Runs a model and improves its codes; see :class:`narrows.engine.interface.Runner`.

    Args:
        runner: runs the encoder and the decoder, which must need nothing but a code.
        refiner: improves what the encoder gives.
    """

    calls_at_once = 1

    def __init__(self, runner: Runner, refiner: Refiner) -> None:
        self._runner, self._refiner = runner, refiner

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        return self._refiner.refined(items, self._runner.encode(items))

    def decode(
        self, codes: Shaped[np.ndarray, "n latent"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        return self._runner.decode(codes, to)

    def reconstruct(
        self, items: Shaped[np.ndarray, "n *item"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        return self.decode(self.encode(items), to)


class Search(NamedTuple):
    """Where the search for some items' codes is: arrays of NumPy or of JAX.

    Attributes:
        codes: (n, latent).
        found: what they decode to, network values, (n, values).
        damping: of each item's next step, (n, 1).
    """

    codes: Any
    found: Any
    damping: Any


def begun(codes: Any, found: Any) -> Search:
    """A search at what the encoder gives."""
    xp = codes.__array_namespace__()
    return Search(codes, found, xp.full((len(codes), 1), _DAMPING, dtype=codes.dtype))


def stepped(
    search: Search,
    wanted: Any,
    *,
    decode: Callable[[Any], Any],
    slopes_and_curvature: Callable[[Any], tuple[Any, Any]],
    solve: Callable[[Any, Any], Any],
) -> Search:
    """The search after one more step of Levenberg and Marquardt.

    Args:
        wanted: the items, network values, (n, values).
        decode: gives these of codes.
        slopes_and_curvature: of codes, as :func:`narrows.engine.xla.decoder.slopes_and_curvature`.
        solve: the solutions of linear systems, (n, latent, latent) and (n, latent, 1).
    """
    codes, found, damping = search
    xp = codes.__array_namespace__()
    missed = wanted - found
    slopes, curvature = slopes_and_curvature(codes)
    own = xp.einsum("nii->ni", curvature)
    least = _LEAST_CURVATURE * own.mean(axis=1, keepdims=True) + _TINY
    diagonal = xp.eye(codes.shape[1], dtype=codes.dtype)
    damped = curvature + diagonal * (damping * own + least)[:, None]
    downhill = xp.einsum("ind,nd->ni", slopes, missed)
    there = codes + solve(damped, downhill[..., None])[..., 0]
    found_there = decode(there)
    # what is no number is not better
    better = (_squared(wanted - found_there) < _squared(missed))[:, None]
    return Search(
        xp.where(better, there, codes),
        xp.where(better, found_there, found),
        damping * xp.where(better, xp.asarray(_LESS, codes.dtype), xp.asarray(_MORE, codes.dtype)),
    )


def filled(rows: np.ndarray, count: int) -> np.ndarray:
    """``rows`` and zeros behind them, ``count`` together: what is computed always alike takes
    always as many."""
    return np.pad(rows, [(0, count - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def _squared(differences: Any) -> Any:
    """The squared length of each row."""
    return (differences * differences).sum(axis=1)
