"""Gaussian mixtures, fitted by expectation maximisation (Dempster, Laird and Rubin, 1977).

    p(z) = Σ_k w_k N(z; m_k, L_k L_kᵀ)

The exponent of a component is linear in the numbers of z, their products in pairs, and 1. A matrix
product takes these to the exponents of all components, and another one the components' shares in
the rows to all that weights, means and covariances are made of: on one core that is ten times as
fast as one component after the other, as scikit-learn has it. Rows are taken in parts of one size,
and what is found of them is added in order, so that the result does not depend on how many cores
there are. Products of float32 rows are float32, and their sums over many rows float64.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Float64, Int64

from narrows.support.blas import one_blas_thread, side_by_side

#: Steps of a fit, at most.
MOST_STEPS = 100
_TOLERANCE = 1e-2  # nats a row
# Steps of k-means that the first groups are from.
_FIRST_STEPS = 3
# Rows of a part. Those of more numbers have too many pairs, and their components go one by one, as
# do those of more numbers a component, where to make the pairs takes longer than to use them.
_PART, _MOST_NUMBERS_IN_PAIRS, _MOST_NUMBERS_A_COMPONENT = 1 << 11, 128, 4
# Bytes that are held of a few rows, pairs among them: more would not stay in the cache, and
# products of fewer rows are too short to be worth their calls.
_HELD = 1 << 22
# A component that has less of all rows together than this goes.
_LEAST_ROWS = 0.5


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture.

    Attributes:
        weights: of the components, (k,); their sum is 1.
        means: (k, d).
        cholesky: (k, d, d), the lower triangle L of each covariance L Lᵀ.
    """

    weights: Float64[np.ndarray, " k"]
    means: Float64[np.ndarray, "k d"]
    cholesky: Float64[np.ndarray, "k d d"]

    def score(self, rows: Float[np.ndarray, "n d"]) -> float:
        """The mean of log p(z) over ``rows``, in nats."""
        return _sums(self, rows).likelihood / len(rows)


@one_blas_thread()
def first_mixture(
    rows: Float[np.ndarray, "n d"], components: int, added: float, seed: int
) -> Mixture:
    """A mixture to start from: of groups of rows that a few steps of k-means made, from centres
    that are far from one another.

    Args:
        added: to the variances, so that no component is a point.
        seed: draws the first centres.
    """
    centres = rows[_far_apart(rows, components, np.random.RandomState(seed % (1 << 32)))]
    groups = _nearest(rows, centres)
    for _ in range(_FIRST_STEPS):
        members = [rows[groups == k] for k in range(components)]
        means = [each.mean(axis=0) if len(each) else None for each in members]
        centres = np.stack([c if m is None else m for c, m in zip(centres, means, strict=True)])
        groups = _nearest(rows, centres)
    members = [rows[groups == k] for k in range(components)]
    return _Sums(
        np.array([float(len(each)) for each in members]),
        np.stack([each.sum(axis=0) for each in members]),
        np.stack([each.T @ each for each in members]),
    ).mixture(added)


@one_blas_thread()
def fit_mixture(
    mixture: Mixture,
    rows: Float[np.ndarray, "n d"],
    added: float,
    most: int = MOST_STEPS,
    tolerance: float = _TOLERANCE,
) -> Mixture:
    """``mixture`` after as many steps as make ``rows`` likelier.

    Args:
        rows: of numbers that have a variance of about 1, n at least 1.
        added: to the variances.
        most: steps.
        tolerance: nats a row that the last step gains at most.
    """
    before = -math.inf
    for _ in range(most):
        found = _sums(mixture, rows)
        mixture = found.mixture(added)
        if found.likelihood - before < tolerance * len(rows):
            break
        before = found.likelihood
    return mixture


@dataclass(frozen=True)
class _Sums:
    """What the components of a mixture have of rows, added up: each row counts by its share.

    Attributes:
        counts: rows, (k,).
        firsts: of the rows, (k, d).
        seconds: of their products in pairs, (k, d, d).
        likelihood: of log p(z).
    """

    counts: Float[np.ndarray, " k"]
    firsts: Float[np.ndarray, "k d"]
    seconds: Float[np.ndarray, "k d d"]
    likelihood: float = 0.0

    @one_blas_thread()
    def mixture(self, added: float) -> Mixture:
        """The likeliest mixture where components have these shares of rows."""
        found = (self.counts, self.firsts, self.seconds)
        counts, firsts, seconds = (np.asarray(each, np.float64) for each in found)
        left = counts >= _LEAST_ROWS
        counts, means = counts[left], firsts[left] / counts[left, None]
        covariances = seconds[left] / counts[:, None, None] - means[:, :, None] * means[:, None]
        covariances += added * np.eye(means.shape[1])
        return Mixture(counts / counts.sum(), means, np.linalg.cholesky(covariances))


def _far_apart(
    rows: Float[np.ndarray, "n d"], count: int, random: np.random.RandomState
) -> list[int]:
    """Places of ``count`` rows that are far from one another, by k-means++ (Arthur and
    Vassilvitskii, SODA 2007): each of a few that are drawn by the square of their distance from
    those before, the one that leaves the least of that. It is what ``kmeans_plusplus`` of
    scikit-learn draws, whose import takes longer than a small training."""
    norms, trials = np.square(rows).sum(axis=1), 2 + int(math.log(count))
    places = [int(random.choice(len(rows), p=np.full(len(rows), 1 / len(rows))))]
    left = np.full(len(rows), math.inf)

    def beside(drawn: np.ndarray | list[int]) -> np.ndarray:
        squares = norms[drawn, None] - 2 * rows[drawn] @ rows.T + norms
        return np.minimum(np.maximum(squares, 0), left)

    left = beside(places)[0]
    while len(places) < count:
        total = np.cumsum(left)
        drawn = np.searchsorted(total, random.uniform(size=trials) * left.sum())
        drawn = np.minimum(drawn, len(rows) - 1)
        each = beside(drawn)
        best = each.sum(axis=1).argmin()
        left = each[best]
        places.append(int(drawn[best]))
    return places


def _nearest(rows: np.ndarray, centres: np.ndarray) -> Int64[np.ndarray, " n"]:
    """The nearest centre of each row."""
    return (np.square(centres).sum(axis=1) - 2 * rows @ centres.T).argmin(axis=1)


@one_blas_thread()
def _sums(mixture: Mixture, rows: Float[np.ndarray, "n d"]) -> _Sums:
    """What each component has of ``rows`` by its share in them, and how likely they are."""
    whitening = np.linalg.inv(mixture.cholesky)
    diagonals = np.diagonal(mixture.cholesky, axis1=1, axis2=2)
    constants = np.log(mixture.weights) - np.log(diagonals).sum(axis=1)
    constants -= 0.5 * rows.shape[1] * math.log(2 * math.pi)
    most = min(_MOST_NUMBERS_IN_PAIRS, _MOST_NUMBERS_A_COMPONENT * len(constants))
    if rows.shape[1] <= most:
        factors = _factors(mixture.means, whitening, constants)
        work = partial(_in_pairs, factors.astype(rows.dtype))
        total = np.zeros(factors.shape)
    else:
        of_each = (mixture.means, whitening, constants)
        work = partial(_one_by_one, *(array.astype(rows.dtype) for array in of_each))
        size = rows.shape[1]
        total = np.zeros((len(constants), size * size + size + 1))
    likelihood = 0.0
    parts = (rows[start : start + _PART].T for start in range(0, len(rows), _PART))
    for found, more in side_by_side(work, parts):
        total += found
        likelihood += more
    return _unpacked(total, rows.shape[1], likelihood)


def _unpacked(totals: Float64[np.ndarray, "k q"], size: int, likelihood: float) -> _Sums:
    """Sums of products, in pairs as those of :func:`_with_pairs` or all, of numbers and of 1."""
    products = totals[:, : -size - 1]
    if products.shape[1] < size * size:  # each pair once
        places = np.zeros((size, size), np.int64)
        first, second = np.triu_indices(size)
        places[first, second] = places[second, first] = np.arange(len(first))
        products = np.take(products, places.ravel(), axis=1)
    seconds = products.reshape(len(totals), size, size)
    return _Sums(totals[:, -1], totals[:, -size - 1 : -1], seconds, likelihood)


def _shares(exponents: Float[np.ndarray, "k n"]) -> float:
    """Make each component's share in each row of log(w_k N(z; m_k, S_k)); the sum of log p(z)."""
    most = exponents.max(axis=0)
    exponents -= most
    np.exp(exponents, out=exponents)
    sums = exponents.sum(axis=0)
    exponents /= sums
    return float((most + np.log(sums)).sum(dtype=np.float64))


def _one_by_one(
    means: np.ndarray, whitening: np.ndarray, constants: np.ndarray, z: Float[np.ndarray, "d n"]
) -> tuple[Float[np.ndarray, "k q"], float]:
    """The sums of a part, by the definition: of all products, the numbers and 1."""
    each = zip(means, whitening, constants, strict=True)
    exponents = [c - 0.5 * np.square(w @ (z - m[:, None])).sum(axis=0) for m, w, c in each]
    shares = np.stack(exponents)
    likelihood = _shares(shares)
    seconds = [((share * z) @ z.T).ravel() for share in shares]
    return np.hstack([seconds, shares @ z.T, shares.sum(axis=1)[:, None]]), likelihood


def _factors(
    means: np.ndarray, whitening: np.ndarray, constants: np.ndarray
) -> Float64[np.ndarray, "k q"]:
    """What takes numbers and their pairs, in the order of :func:`_with_pairs`, to exponents:

    -½ (z - m)ᵀ P (z - m) = -½ Σ_i P_ii z_i² - Σ_i<j P_ij z_i z_j + (P m)ᵀ z - ½ mᵀ P m
    """
    precisions = whitening.swapaxes(1, 2) @ whitening
    first, second = np.triu_indices(means.shape[1])
    of_pairs = np.where(first == second, -0.5, -1.0) * precisions[:, first, second]
    of_numbers = (precisions @ means[:, :, None])[:, :, 0]
    constants = constants - 0.5 * (of_numbers * means).sum(axis=1)
    return np.hstack([of_pairs, of_numbers, constants[:, None]])


def _with_pairs(z: Float[np.ndarray, "d n"], found: Float[np.ndarray, "q n"]) -> None:
    """Make ``found`` the products z_i z_j, i <= j, then the numbers, then 1."""
    start, size = 0, len(z)
    for i in range(size):
        np.multiply(z[i], z[i:], out=found[start : start + size - i])
        start += size - i
    found[start:-1] = z
    found[-1] = 1


def _in_pairs(
    factors: Float[np.ndarray, "k q"], z: Float[np.ndarray, "d n"]
) -> tuple[Float64[np.ndarray, "k q"], float]:
    """The sums of a part, by products in pairs: of these, the numbers and 1."""
    totals, likelihood = np.zeros(factors.shape), 0.0
    numbers, count = factors.shape[1], z.shape[1]
    step = min(max(_HELD // (numbers * z.itemsize), 16), count)
    held = np.empty((numbers, step), z.dtype)
    for start in range(0, count, step):
        some = np.ascontiguousarray(z[:, start : start + step])
        pairs = held[:, : some.shape[1]]
        _with_pairs(some, pairs)
        shares = factors @ pairs
        likelihood += _shares(shares)
        totals += shares @ pairs.T
    return totals, likelihood
