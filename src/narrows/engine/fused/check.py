"""Whether the fused engine computes what it should here: a small net, held against NumPy."""

from collections.abc import Callable

import numpy as np

from narrows.engine.fused.layers import Layer, fused_layers
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.interface import AdamSettings
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling

Function = Callable[[np.ndarray], np.ndarray]
_ITEMS, _VALUES, _BATCH = 70, 21, 40


def check(kernel: int) -> None:
    """Take a net forward, kernel 0, or back and through Adam's steps, kernel 1.

    Raises:
        ArithmeticError: a number differs from NumPy's.
    """
    items = np.random.default_rng(0).random((_ITEMS, _VALUES), np.float32)
    model = initial_model(preset_spec("simple", (_VALUES,), latent=3, hidden=(9,)), Scaling(), 0)
    layers = fused_layers(model.spec)
    assert layers is not None
    net = _Net(layers, model.arrays)
    settings = AdamSettings(learning_rate=0.01)
    trainer = FusedTrainer(model, Objective(), settings, _BATCH)
    if kernel == 0:
        _require_close("the loss", trainer.measure(items), net.loss(items))
        return
    batches = [items[at : at + _BATCH] for at in range(0, _ITEMS, _BATCH)]
    found = trainer.train(items, np.arange(_ITEMS))
    _require_close("the losses", found, [net.step(batch, settings) for batch in batches])
    arrays = trainer.state().arrays
    for layer, weights, bias in zip(layers, net.arrays[::2], net.arrays[1::2], strict=True):
        for one, other in zip(layer.packed(arrays), (weights, bias), strict=True):
            _require_close("a weight", one, other)


def _require_close(what: str, found: object, expected: object) -> None:
    if not np.allclose(found, expected, rtol=1e-4, atol=1e-4):  # type: ignore[arg-type]
        raise ArithmeticError(f"{what} that the fused engine computes differs from NumPy's")


class _Net:
    """The same layers in float64, as formulas: the squared error, and Adam (arXiv:1412.6980)."""

    def __init__(self, layers: list[Layer], arrays: dict[str, np.ndarray]) -> None:
        self.activations = [layer.activation for layer in layers]
        packed = [array for layer in layers for array in layer.packed(arrays)]
        self.arrays = [array.astype(np.float64) for array in packed]
        self.first = [np.zeros_like(array) for array in self.arrays]
        self.second = [np.zeros_like(array) for array in self.arrays]
        self.steps = 0

    def loss(self, items: np.ndarray) -> float:
        return float(np.square(self._values(items)[-1] - items).sum())

    def _values(self, items: np.ndarray) -> list[np.ndarray]:
        """What goes in, and what each layer makes of it."""
        values = [items.astype(np.float64)]
        for number, activation in enumerate(self.activations):
            sums = values[-1] @ self.arrays[2 * number] + self.arrays[2 * number + 1]
            values.append(_ACTIVATIONS[activation](sums))
        return values

    def step(self, items: np.ndarray, settings: AdamSettings) -> float:
        """Take a step on the mean loss; the sum of the losses before it."""
        values = self._values(items)
        slopes: list[np.ndarray] = []
        above = 2 * (values[-1] - items) / items.size
        for number in reversed(range(len(self.activations))):
            delta = above * _SLOPES[self.activations[number]](values[number + 1])
            slopes = [values[number].T @ delta, delta.sum(axis=0), *slopes]
            above = delta @ self.arrays[2 * number].T
        self.steps += 1
        size = float(settings.step_sizes(self.steps, 1)[0])
        for array, first, second, slope in zip(
            self.arrays, self.first, self.second, slopes, strict=True
        ):
            first += (1 - settings.beta1) * (slope - first)
            second += (1 - settings.beta2) * (slope**2 - second)
            array -= size * first / (np.sqrt(second) + settings.epsilon)
        return float(np.square(values[-1] - items).sum())


# Each activation, and its derivative as a function of its value.
_ACTIVATIONS: dict[str, Function] = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0)}
_SLOPES: dict[str, Function] = {
    "linear": np.ones_like,
    "relu": lambda value: (value > 0).astype(float),
}
