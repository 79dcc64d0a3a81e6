"""New items: codes drawn as those of the training set lie, and paths between and along codes.

Codes are drawn from the density of the training codes. A variational model was trained towards the
standard normal distribution, its prior, and can draw from that as well.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.evidence import is_variational
from narrows.errors import ShapeError, UsageError
from narrows.learnt.density import MOST_NUMBERS, Density
from narrows.model.trained import TrainedModel
from narrows.planning.traits import is_rounded

#: More would take years.
MOST_DRAWN = 10**12
#: What codes can be drawn from.
Source = Literal["density", "prior"]

# Keeps the drawn codes' random numbers apart from those of other uses of the same seed.
_SAMPLING_STREAM = 0x5A3E
# Codes that are drawn at a time, whatever part of them is asked for.
_BLOCK = 1 << 12


class DrawnCodes:
    """Codes drawn at random, each in the moment that it is looked at: any number takes no memory.

    It has the length, and gives slices, of an array (n, latent). A code depends on the seed and on
    its place alone: the first codes of many are those of few.

    Args:
        trained: the model.
        count: how many, from 0 to :data:`MOST_DRAWN`.
        seed: the same seed gives the same codes.
        source: ``density``, or for a variational model ``prior``, the standard normal distribution;
            None for the density, whose items are better, where the model file has one.

    Raises:
        UsageError: the model's decoder needs more than a code, it has no such source, or ``count``
            or ``seed`` is outside its limits.
    """

    def __init__(
        self, trained: TrainedModel, count: int, seed: int, source: str | None = None
    ) -> None:
        if not 0 <= count <= MOST_DRAWN:
            raise UsageError(
                f"the number of items to draw is {count:,}, and must be from 0 to {MOST_DRAWN:,}",
                hint="give a whole number, such as 64",
            )
        if seed < 0:
            raise UsageError(
                f"the seed is {seed}, and must be at least 0", hint="leave it out, or give another"
            )
        _require_codes_alone(trained)
        self._density = _density(trained, source)
        self._count, self._seed = count, seed
        self._size = trained.model.spec.latent_size
        self._whole = is_rounded(trained.model.spec)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: slice) -> Float32[np.ndarray, "m latent"]:
        """The codes of a slice without steps: float32 (m, latent)."""
        start, stop, step = rows.indices(self._count)
        if step != 1:
            raise ValueError(f"codes are drawn one after the other, not in steps of {step}")
        blocks = range(start // _BLOCK, -(-stop // _BLOCK)) if start < stop else range(0)
        drawn = [
            self._block(block)[max(start - block * _BLOCK, 0) : stop - block * _BLOCK]
            for block in blocks
        ]
        return np.concatenate(drawn) if drawn else np.zeros((0, self._size), np.float32)

    def _block(self, number: int) -> Float32[np.ndarray, "block latent"]:
        random = np.random.default_rng([self._seed, _SAMPLING_STREAM, number])
        if self._density is None:
            return random.standard_normal((_BLOCK, self._size), np.float32)
        codes = self._density.sample(_BLOCK, random)
        return np.rint(codes) if self._whole else codes


def interpolated(
    first: Shaped[np.ndarray, " latent"], last: Shaped[np.ndarray, " latent"], steps: int
) -> Float32[np.ndarray, "steps latent"]:
    """Codes at equal distances on the line from one code to another, both of them included.

    Args:
        first: (latent,), and ``last`` likewise.
        steps: how many codes, at least 2.

    Raises:
        UsageError: fewer steps.
        ShapeError: codes of two sizes.
    """
    if steps < 2:
        raise UsageError(
            f"{steps} steps cannot lead from one item to another",
            hint="give at least 2: the first is the one item, the last the other",
        )
    if first.shape != last.shape or first.ndim != 1:
        raise ShapeError(
            f"codes of shapes {first.shape} and {last.shape} have no line between them",
            hint="give two codes of the same model",
        )
    share = np.linspace(0, 1, steps)[:, None]
    return ((1 - share) * first + share * last).astype(np.float32)


def traversed(
    trained: TrainedModel,
    number: int,
    steps: int,
    code: Shaped[np.ndarray, " latent"] | None,
    *,
    first: int = 0,
) -> Float32[np.ndarray, "steps latent"]:
    """Codes that differ in one latent number, which goes from its lowest to its highest value over
    the training set: float32 (steps, latent).

    Args:
        trained: the model.
        number: which one, counting from ``first``.
        steps: how many codes, at least 2.
        code: the other numbers, (latent,); None for their means over the training set.
        first: what the first number is called: 0 in Python, 1 on the command line and on pages.

    Raises:
        UsageError: there is no such number, it never changed over the training set, there are fewer
            steps, or the model's decoder needs more than a code, or its file does not say how its
            codes lie.
    """
    size, latent = trained.model.spec.latent_size, trained.latent
    _require_codes_alone(trained)
    place = number - first
    if not 0 <= place < size:
        raise UsageError(
            f"there is no latent number {number}: the codes of this model have {size}",
            hint=f"give one from {first} to {size - 1 + first}",
        )
    if not latent:
        raise UsageError(
            "the model file does not say how the codes of its training set lie",
            hint="train it again with narrows fit",
        )
    low, high = (float(latent[end][place]) for end in ("lowest", "highest"))
    if low == high:
        alive = [each + first for each in range(size) if each not in trained.dead]
        raise UsageError(
            f"latent number {number} was {low:g} for every item of the training set",
            hint=f"take one that changed: {', '.join(map(str, alive[:20])) or 'none did'}",
        )
    start = (latent["mean"] if code is None else code).copy()
    end = start.copy()
    start[place], end[place] = low, high
    return interpolated(start, end, steps)


def _require_codes_alone(trained: TrainedModel) -> None:
    if trained.model.spec.crosses:
        raise UsageError(
            "this model's decoder uses tensors that its encoder kept, so that no items can be "
            "drawn from codes alone",
            hint="train one of another preset, such as variational",
        )


def _density(trained: TrainedModel, source: str | None) -> Density | None:
    """What codes are drawn from; None for the prior."""
    variational, size = is_variational(trained.model.spec), trained.model.spec.latent_size
    if source not in (None, *get_args(Source)):
        raise UsageError(
            f"codes cannot be drawn from {source!r}", hint=f"give {' or '.join(get_args(Source))}"
        )
    if source == "prior" and not variational:
        raise UsageError(
            "this model was not trained towards a distribution from which codes could be drawn",
            hint="draw from its density, or train one with --preset variational",
        )
    density = trained.learnt_density
    if source == "prior" or (source is None and variational and density is None):
        return None
    if density is not None:
        return density
    if size > MOST_NUMBERS:
        raise UsageError(
            f"the codes of this model have {size:,} numbers, and those of more than "
            f"{MOST_NUMBERS:,} have no density",
            hint="train a model with a smaller --latent",
        )
    raise UsageError(
        "the model file does not say how the codes of its training set lie: it has no density",
        hint="train it again with narrows fit",
    )
