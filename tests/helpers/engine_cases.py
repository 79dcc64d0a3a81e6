"""What the tests of the engines have in common: models, items, and a reference for both."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from helpers.dense_reference import HUBER_THRESHOLD, DenseReference
from narrows.engine import AdamSettings, TrainingState
from narrows.engine.fused import runner, stack
from narrows.engine.fused.fastest import Fastest, Way
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.xla import XlaRunner, XlaTrainer
from narrows.nn.blocks import Block, Dense, Flatten, Reshape, Shape
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

TRAINERS = {"fused": FusedTrainer, "xla": XlaTrainer}
RUNNERS = {"fused": FusedRunner, "xla": XlaRunner}
each_trainer = pytest.mark.parametrize("make", TRAINERS.values(), ids=TRAINERS)
each_runner = pytest.mark.parametrize("make", RUNNERS.values(), ids=RUNNERS)

# An epsilon that gradients are not small against keeps Adam's division from magnifying rounding,
# and shows where it is added.
WELL_CONDITIONED = AdamSettings(learning_rate=0.01, beta1=0.8, beta2=0.99, epsilon=1e-3)

AS_IT_IS = Scaling()
BYTES = Scaling(0, 255)


@dataclass(frozen=True)
class Case:
    """A model, what it is trained on, and how.

    ``widths`` are those of all dense layers but the last, which the items settle; the encoder has
    the layers up to the narrowest. Of the items' values a share of ``absent`` is the same in all of
    them, 0 for the network, and as many of the others are 0 here and there.
    """

    item_shape: Shape = (7,)
    widths: tuple[int, ...] = (5, 3, 5)
    activation: str = "tanh"
    ending: str = "linear"
    loss: str = "l2"
    batch_size: int = 7
    count: int = 25
    dtype: type = np.float32
    scaling: Scaling = AS_IT_IS
    adam: AdamSettings = WELL_CONDITIONED
    absent: float = 0.0

    @property
    def objective(self) -> Objective:
        return Objective(self.loss, HUBER_THRESHOLD * self.scaling.scale)

    def model(self) -> Model:
        """Initial weights, and biases that are not all zero."""
        narrowest = self.widths.index(min(self.widths)) + 1
        size = int(np.prod(self.item_shape, dtype=int))
        blocks: list[Block] = [Dense(width, self.activation) for width in self.widths]
        encoder = (Flatten(), *blocks[:narrowest])
        decoder = (*blocks[narrowest:], Dense(size, self.ending), Reshape(self.item_shape))
        model = initial_model(Spec(self.item_shape, encoder, decoder), self.scaling, seed=3)
        random = np.random.default_rng(4)
        arrays = {
            name: array + np.float32(0.1) * random.standard_normal(array.shape, np.float32)
            for name, array in model.arrays.items()
        }
        return replace(model, arrays=arrays)

    def items(self) -> np.ndarray:
        """Items in data units whose network values lie in 0..1."""
        random = np.random.default_rng(5)
        shape = (self.count, *self.item_shape)
        if self.dtype is np.uint8:
            items = random.integers(0, 256, shape, np.uint8)
        else:
            values = random.uniform(0, 1, shape) * self.scaling.scale + self.scaling.offset
            items = values.astype(self.dtype)
        zero = (random.random(self.item_shape) < self.absent) | (random.random(shape) < self.absent)
        items[zero] = self.scaling.offset
        return items

    def order(self) -> np.ndarray:
        return np.random.default_rng(6).permutation(self.count)

    def network_values(self) -> np.ndarray:
        """The items as the reference takes them: float64 rows."""
        values = (self.items().astype(np.float64) - self.scaling.offset) / self.scaling.scale
        return values.reshape(self.count, -1)

    def reference(self, rounding: float = 0) -> DenseReference:
        """The model in float64, each weight off by about a share of ``rounding``."""
        random = np.random.default_rng(7)
        activations = [*(self.activation for _ in self.widths), self.ending]
        arrays = [
            array * (1 + rounding * random.standard_normal(array.shape))
            for array in self.model().arrays.values()
        ]
        return DenseReference(arrays[0::2], arrays[1::2], activations, self.loss)


ANY_CASE = Case((33,), (64, 2, 64), "relu", batch_size=33, count=150)


def use_threads(count: int, together: bool, patch: pytest.MonkeyPatch) -> None:
    """Have the fused engine use ``count`` threads, which take the same items ``together`` where
    layers are dense, or some each."""
    for module in (stack, runner):
        patch.setattr(module, "usable_cores", lambda: count)
    patch.setattr(stack, "_WEIGHTS_OF_A_THREAD", 1)
    patch.setattr(stack, "Fastest", lambda ways: Fastest([_way_of_all(ways, together)]))


def _way_of_all(ways: list[Way], together: bool) -> Way:
    most = max(way.threads for way in ways)
    return [way for way in ways if way.threads == most][-1 if together else 0]


def state_bytes(state: TrainingState) -> dict[str, bytes]:
    """Every array of a state by a name of its own."""
    parts = {"": state.arrays, "first ": state.first_moment, "second ": state.second_moment}
    return {
        prefix + name: array.tobytes()
        for prefix, part in parts.items()
        for name, array in part.items()
    }


# What goes with Adam over a run, for 20 steps; and the activations that the float64 reference of
# the other cases has no slope of. The epsilon is one that does not matter: optax adds it elsewhere.
_PLAIN = Case(
    activation="tanh",
    batch_size=5,
    count=100,
    adam=AdamSettings(learning_rate=0.01, beta1=0.8, beta2=0.99, epsilon=1e-9),
)
RECIPES = {
    "plain": _PLAIN,
    "silu": replace(_PLAIN, activation="silu"),
    "gelu": replace(_PLAIN, activation="gelu", loss="l1"),
    "silu-wide": replace(_PLAIN, item_shape=(33,), widths=(64, 2, 64), activation="silu"),
    "decay": replace(_PLAIN, adam=replace(_PLAIN.adam, weight_decay=0.5)),
    "warm-up": replace(_PLAIN, adam=replace(_PLAIN.adam, warmup_steps=7)),
    "cosine": replace(_PLAIN, adam=replace(_PLAIN.adam, total_steps=20)),
    "everything": replace(
        _PLAIN,
        activation="gelu",
        adam=replace(_PLAIN.adam, weight_decay=0.1, warmup_steps=4, total_steps=20),
    ),
}
each_recipe = pytest.mark.parametrize("case", RECIPES.values(), ids=RECIPES)
