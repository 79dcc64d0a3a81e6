"""How likely a code is: a Gaussian mixture over the codes of a training set.

    p(z) = Σ_k w_k N(z; m_k, L_k L_kᵀ)

Its number of components is what held-out codes are likeliest under. It is fitted by expectation
maximisation (:mod:`narrows.learnt.mixture`), lives in the model file as plain arrays, and needs
NumPy alone to judge codes and to draw new ones. Ghosh et al. (arXiv:1903.12436) draw so from
autoencoders whose codes were never trained towards a distribution.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from narrows.errors import ShapeError
from narrows.learnt.mixture import Mixture, first_mixture, fit_mixture
from narrows.support.blas import one_blas_thread
from narrows.support.progress import Tracker, silent
from narrows.support.tensor_file import require_floats

#: Codes that are enough to fit a density to; more cost time and tell little.
MOST_CODES = 20_000
#: The longest codes that have a density: its matrices would be larger than most models.
MOST_NUMBERS = 1024
#: Components that are tried, until held-out codes get no likelier.
COMPONENTS = (1, 4, 16, 64)

_HELD_OUT = 5  # one code in so many
# Codes for each number and component, below which a covariance is mostly chance.
_CODES_A_NUMBER = 2
# Added to variances, where each number has a variance of 1, so that no component is a point: much
# for many components of few codes, and less where held-out codes are likelier so.
_ADDED, _ADDED_LESS = 1e-2, 1e-3
# Codes whose squares add up to less than this are taken in float32, twice as fast: what rounding
# makes of such squares is less than what is added to variances.
_NEAR = 1 << 12
# Nats a code: a fit that is there to choose the number of components ends with a step that gains
# less. It need not be near its end for that, and all such fits but one are dropped.
_ROUGH = 0.1
# Steps of a mixture from where it is, to other codes of the same kind.
_MORE_STEPS = 10
# Codes that are judged at a time.
_BLOCK = 1 << 13


@dataclass(frozen=True, kw_only=True)
class Density:
    """A Gaussian mixture over codes; :func:`fit_density` makes one.

    A number that was constant over the training codes has a scale of 0. It is drawn as that
    constant, and has no part in how likely a code is.

    Attributes:
        weights: of the components, (k,); their sum is 1.
        means: (k, latent), of codes less ``centre`` over ``scale``.
        cholesky: (k, latent, latent), the lower triangle L of each covariance L Lᵀ, in their unit.
        centre: (latent,), in the codes' own unit, as ``scale`` is.
        scale: (latent,).
    """

    weights: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k latent"]
    cholesky: Float[np.ndarray, "k latent latent"]
    centre: Float[np.ndarray, " latent"]
    scale: Float[np.ndarray, " latent"]

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], size: int, name: str = "density"
    ) -> "Density":
        """From what a model file holds (``TrainedModel.density``).

        Args:
            size: numbers of a code.
            name: of the arrays' group in the file.

        Raises:
            ValueError: it is no mixture of normal distributions over such codes.
        """
        k = np.size(arrays.get("weights", ()))
        shapes = {
            "centre": (size,),
            "scale": (size,),
            "weights": (max(k, 1),),
            "means": (k, size),
            "cholesky": (k, size, size),
        }
        require_floats(arrays, shapes, name)
        weights, cholesky = arrays["weights"], arrays["cholesky"]
        if (weights < 0).any() or not np.isclose(weights.sum(dtype=np.float64), 1, atol=1e-3):
            raise ValueError(f"{name}/weights are no shares of 1")
        if (np.diagonal(cholesky, axis1=1, axis2=2) <= 0).any() or (arrays["scale"] < 0).any():
            raise ValueError(f"{name}/cholesky and {name}/scale must be widths above 0")
        if np.triu(cholesky, 1).any():
            raise ValueError(f"{name}/cholesky must be lower triangles")
        wide = {each.name: arrays[each.name].astype(np.float64) for each in fields(cls)}
        return cls(**wide | {"weights": wide["weights"] / wide["weights"].sum()})

    def to_arrays(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """What a model file holds: float32 arrays by the names of the attributes."""
        return {each.name: getattr(self, each.name).astype(np.float32) for each in fields(self)}

    def log_density(self, codes: Shaped[np.ndarray, "n latent"]) -> Float64[np.ndarray, " n"]:
        """log p(z) of each code, in nats: float64 (n,).

        Args:
            codes: (n, latent), any real dtype.

        Raises:
            ShapeError: codes of another size.
        """
        size = len(self.centre)
        if codes.ndim != 2 or codes.shape[1] != size:
            raise ShapeError(
                f"codes of shape {codes.shape} do not fit a density of codes of {size} numbers",
                hint=f"give an array of shape (n, {size}), such as narrows encode writes",
            )
        result, live = np.empty(len(codes)), self.live
        for start in range(0, len(codes), _BLOCK):
            block = codes[start : start + _BLOCK, live] - self.centre[live]
            result[start : start + _BLOCK] = self._log_density(block / self.scale[live])
        return result

    def _log_density(self, z: Float64[np.ndarray, "n live"]) -> Float64[np.ndarray, " n"]:
        """The same of codes of a few live numbers, less centre over scale."""
        exponents = np.empty((len(z), len(self.weights)))
        with np.errstate(over="ignore"):  # infinitely far is infinitely unlikely
            for k, (mean, whitening) in enumerate(zip(self.means, self.whitening, strict=True)):
                exponents[:, k] = -0.5 * np.square((z - mean[self.live]) @ whitening.T).sum(axis=1)
        exponents += self.log_factors
        # a code too far from all components for float64 is as unlikely as can be said
        most = np.maximum(exponents.max(axis=1), np.finfo(np.float64).min)
        with np.errstate(divide="ignore"):
            return most + np.log(np.exp(exponents - most[:, None]).sum(axis=1))

    def sample(self, count: int, random: np.random.Generator) -> Float32[np.ndarray, "n latent"]:
        """Codes drawn at random: float32 (count, latent)."""
        chosen = random.choice(len(self.weights), size=count, p=self.weights)
        normal = random.standard_normal((count, len(self.centre)))
        codes = np.empty_like(normal)
        for k in np.unique(chosen):
            rows = chosen == k
            codes[rows] = self.means[k] + normal[rows] @ self.cholesky[k].T
        return (self.centre + self.scale * codes).astype(np.float32)

    @cached_property
    def live(self) -> np.ndarray:
        """Which numbers were not constant over the training codes."""
        return self.scale > 0

    @cached_property
    @one_blas_thread()
    def whitening(self) -> list[np.ndarray]:
        """L⁻¹ of each component, over the live numbers."""
        live = np.flatnonzero(self.live)
        return [np.linalg.inv(lower[np.ix_(live, live)]) for lower in self.cholesky]

    @cached_property
    def log_factors(self) -> np.ndarray:
        """What does not depend on the code: log of each weight over the width of its component."""
        live = self.live
        diagonals = np.diagonal(self.cholesky, axis1=1, axis2=2)[:, live]
        widths = np.log(np.abs(diagonals)).sum(axis=1) + np.log(self.scale[live]).sum()
        with np.errstate(divide="ignore"):
            return np.log(self.weights) - widths - 0.5 * live.sum() * math.log(2 * math.pi)


def fit_density(
    codes: Shaped[np.ndarray, "n latent"],
    seed: int,
    *,
    trimmed: float = 0.0,
    track: Tracker = silent,
) -> Density:
    """Fit a Gaussian mixture to codes, with as many components as held-out ones ask for.

    A fifth of the codes judges mixtures of 1, 4, 16 and 64 components that are roughly fitted to
    the others, until more make it no likelier, and whether less is added to their variances; the
    best is then fitted to all. The same seed and codes give the same density.

    Args:
        codes: (n, latent), n at least 1, any real dtype. Of more than :data:`MOST_CODES` the first
            are taken.
        seed: governs what is held out, and where components start.
        trimmed: the share of the codes, the least likely ones, without which the mixture is fitted
            once more at the end. A component of fewer codes than a covariance needs makes none of
            them likely: one wild code would have its own.
    """
    wide = codes[:MOST_CODES].astype(np.float64)
    # rounding in the mean must not give a constant number a variance
    scale = np.where(np.ptp(wide, axis=0) > 0, wide.std(axis=0), 0)
    live = np.flatnonzero(scale)
    centre = wide[0].copy()
    centre[live] = wide[:, live].mean(axis=0)
    size = len(centre)
    if not len(live):
        return Density(
            weights=np.ones(1),
            means=np.zeros((1, size)),
            cholesky=np.eye(size)[None],
            centre=centre,
            scale=scale,
        )

    def density(mixture: Mixture) -> Density:
        means = np.zeros((len(mixture.weights), size))
        means[:, live] = mixture.means
        cholesky = np.tile(np.eye(size), (len(means), 1, 1))
        cholesky[:, live[:, None], live] = mixture.cholesky
        return Density(
            weights=mixture.weights, means=means, cholesky=cholesky, centre=centre, scale=scale
        )

    rows = (wide[:, live] - centre[live]) / scale[live]
    near = np.square(rows).sum(axis=1) < _NEAR
    if near.mean() >= 1 - trimmed:
        rows, wide = rows[near].astype(np.float32), wide[near]
    mixture, added = _chosen(rows, seed, track)
    if trimmed:
        likely = density(_of_many(mixture, len(rows))).log_density(wide)
        rows = rows[likely >= np.quantile(likely, trimmed)]
        mixture = fit_mixture(mixture, rows, added, _MORE_STEPS)
    return density(mixture)


def _of_many(mixture: Mixture, count: int) -> Mixture:
    """The components that more of ``count`` codes belong to than codes have numbers, or all where
    there are none."""
    many = mixture.weights * count > mixture.means.shape[1] + 0.5  # rounding is no code
    if not many.any():
        return mixture
    weights = mixture.weights[many] / mixture.weights[many].sum()
    return Mixture(weights, mixture.means[many], mixture.cholesky[many])


def _chosen(codes: np.ndarray, seed: int, track: Tracker) -> tuple[Mixture, float]:
    """The mixture that makes held-out codes likeliest, fitted to all of them, and what was added
    to its variances."""
    count, size = codes.shape
    order = np.random.default_rng([seed, _DENSITY_STREAM]).permutation(count)
    held_out, rest = codes[order[: count // _HELD_OUT]], codes[order[count // _HELD_OUT :]]
    affordable = [k for k in COMPONENTS if k * (size + 1) * _CODES_A_NUMBER <= len(rest)]
    best, likelihood, added = first_mixture(codes, 1, _ADDED, seed), -math.inf, _ADDED
    with track("fitting a density", total=sum(affordable) + 1, unit="components") as advance:
        for components in affordable if len(held_out) else ():
            start = first_mixture(rest, components, _ADDED, seed)
            mixture = fit_mixture(start, rest, _ADDED, tolerance=_ROUGH)
            found = mixture.score(held_out)
            advance(components)
            if found <= likelihood:
                break
            best, likelihood = mixture, found
        if len(held_out):
            tighter = fit_mixture(best, rest, _ADDED_LESS, _MORE_STEPS)
            if tighter.score(held_out) > likelihood:
                best, added = tighter, _ADDED_LESS
        return fit_mixture(best, codes, added), added


# Keeps these random numbers apart from those of other uses of the same seed.
_DENSITY_STREAM = 0xDE25
