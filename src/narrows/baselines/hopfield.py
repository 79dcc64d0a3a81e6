"""The Hopfield network: an associative memory of binary patterns.

N units s of -1 or +1, each coupled to every other by a symmetric matrix W with an empty diagonal.
A state is recalled by setting units to the sign of what they get, s_i ← sign(Σ_j W_ij s_j), until
nothing changes. One after another, that never raises the energy E(s) = -½ sᵀ W s, so that it always
ends (Hopfield, PNAS 79:2554, 1982); all at once, it may go to and fro between two states.

Patterns ξ are stored by one of two rules:

- ``hebbian``: W = 1/N Σ ξ ξᵀ. For random patterns retrieval breaks down above 0.138 N of them
  (Amit, Gutfreund and Sompolinsky, Phys. Rev. Lett. 55:1530, 1985), and sooner for patterns that
  resemble each other, as images do;
- ``pseudo-inverse``: W projects onto the patterns, so that every one of up to N independent ones
  is a fixed point, however alike they are (Personnaz, Guyon and Dreyfus, J. Physique Lettres
  46:359, 1985).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from narrows.errors import ShapeError, UsageError
from narrows.support.blas import one_blas_thread

Rule = Literal["hebbian", "pseudo-inverse"]

#: Patterns per unit above which the Hebbian rule retrieves no random pattern any more.
CAPACITY = 0.138


@dataclass(frozen=True)
class HopfieldNetwork:
    """A network with its patterns stored; :func:`store` makes one.

    Attributes:
        weights: W, float64 (N, N), symmetric, 0 on the diagonal.
    """

    weights: np.ndarray

    def energy(self, states: np.ndarray) -> np.ndarray:
        """E(s) = -½ sᵀ W s of each state, float64 (n,), of states (n, N)."""
        states = self._checked(states)
        return -0.5 * np.einsum("ni,ij,nj->n", states, self.weights, states, optimize=True)

    @one_blas_thread()
    def recall(
        self, states: np.ndarray, *, synchronous: bool = False, sweeps: int = 100, seed: int = 0
    ) -> np.ndarray:
        """The states that others settle in, int8 (n, N).

        A unit that gets exactly 0 stays as it is.

        Args:
            states: (n, N), of -1 and +1.
            synchronous: all units change at once, instead of one after another in an order drawn
                for each sweep.
            sweeps: how often each unit is looked at, at most; it ends when nothing changes.
            seed: of the orders.

        Raises:
            ShapeError: states of another size.
            UsageError: a value other than -1 and +1.
        """
        current = self._checked(states)
        random = np.random.default_rng(seed)
        for _ in range(sweeps):
            before = current.copy()
            if synchronous:
                current = _signs(current @ self.weights, current)
            else:
                for unit in random.permutation(len(self.weights)):
                    current[:, unit] = _signs(current @ self.weights[unit], current[:, unit])
            if np.array_equal(current, before):
                break
        return current.astype(np.int8)

    def _checked(self, states: np.ndarray) -> np.ndarray:
        if states.ndim != 2 or states.shape[1] != len(self.weights):
            raise ShapeError(
                f"states of shape {states.shape} do not fit a network of {len(self.weights)} units"
            )
        _require_binary(states)
        return states.astype(np.float64)


@one_blas_thread()
def store(patterns: np.ndarray, rule: Rule = "hebbian") -> HopfieldNetwork:
    """A network that remembers ``patterns``.

    Args:
        patterns: (p, N), of -1 and +1; at least one.
        rule: "hebbian" or "pseudo-inverse".

    Raises:
        UsageError: no such rule, no patterns, or a value other than -1 and +1.
    """
    if patterns.ndim != 2 or not patterns.size:
        raise UsageError(f"patterns of shape {patterns.shape} are no rows of units")
    _require_binary(patterns)
    rows = patterns.astype(np.float64)
    if rule == "hebbian":
        weights = rows.T @ rows / rows.shape[1]
    elif rule == "pseudo-inverse":
        # the projection onto the rows: X⁺ X
        weights = np.linalg.pinv(rows) @ rows
        weights = (weights + weights.T) / 2
    else:
        raise UsageError(
            f"there is no storage rule called {rule!r}", hint="take hebbian or pseudo-inverse"
        )
    np.fill_diagonal(weights, 0)
    return HopfieldNetwork(weights)


def _signs(fields: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.where(fields == 0, before, np.sign(fields))


def _require_binary(values: np.ndarray) -> None:
    if not np.isin(values, (-1, 1)).all():
        raise UsageError(
            "a Hopfield network's units are -1 or +1, and other values were given",
            hint="take np.where(images > 127, 1, -1)",
        )
