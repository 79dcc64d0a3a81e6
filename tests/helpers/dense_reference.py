"""A stack of dense layers trained in float64 NumPy: what the engines are held against.

Written from the formulas alone, one array operation each, with nothing of the package in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[..., np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Each activation, and its derivative by its input as a function of its value.
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "linear": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda value: (value > 0).astype(float)),
    "sigmoid": (sigmoid, lambda value: value * (1 - value)),
    "tanh": (np.tanh, lambda value: 1 - value**2),
}

HUBER_THRESHOLD = 0.3
# Each loss of a value found where another was wanted, and its derivative by the value found.
LOSSES: dict[str, tuple[Function, Function]] = {
    "l2": (lambda y, x: (y - x) ** 2, lambda y, x: 2 * (y - x)),
    "l1": (lambda y, x: np.abs(y - x), lambda y, x: np.sign(y - x)),
    "huber": (
        lambda y, x: np.where(
            np.abs(y - x) <= HUBER_THRESHOLD,
            (y - x) ** 2 / 2,
            HUBER_THRESHOLD * (np.abs(y - x) - HUBER_THRESHOLD / 2),
        ),
        lambda y, x: np.clip(y - x, -HUBER_THRESHOLD, HUBER_THRESHOLD),
    ),
    "bce": (
        lambda y, x: -(x * np.log(y) + (1 - x) * np.log(1 - y)),
        lambda y, x: (1 - x) / (1 - y) - x / y,
    ),
}


@dataclass
class DenseReference:
    """The stack and Adam's state.

    Attributes:
        weights: one (inputs, outputs) array per layer.
        biases: one (outputs,) array per layer.
        activations: one name per layer.
        loss: a name in LOSSES.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activations: list[str]
    loss: str

    def __post_init__(self) -> None:
        self.weights = [np.array(weight, np.float64) for weight in self.weights]
        self.biases = [np.array(bias, np.float64) for bias in self.biases]
        self.first = [np.zeros_like(array) for array in self.parameters]
        self.second = [np.zeros_like(array) for array in self.parameters]
        self.steps = 0

    @property
    def parameters(self) -> list[np.ndarray]:
        """Weight and bias of each layer in turn; changing them changes the stack."""
        pairs = zip(self.weights, self.biases, strict=True)
        return [array for pair in pairs for array in pair]

    def values(self, x: np.ndarray) -> list[np.ndarray]:
        """What goes into the stack, (n, inputs), and what each layer makes of it."""
        found = [x]
        for weight, bias, name in zip(self.weights, self.biases, self.activations, strict=True):
            found.append(ACTIVATIONS[name][0](found[-1] @ weight + bias))
        return found

    def total_loss(self, x: np.ndarray) -> float:
        """The loss summed over all items and their values."""
        return float(LOSSES[self.loss][0](self.values(x)[-1], x).sum())

    def gradient(self, x: np.ndarray) -> list[np.ndarray]:
        """The derivative of the mean loss by each array of ``parameters``."""
        values = self.values(x)
        slopes: list[np.ndarray] = []
        above = LOSSES[self.loss][1](values[-1], x) / x.size
        for layer in reversed(range(len(self.weights))):
            delta = above * ACTIVATIONS[self.activations[layer]][1](values[layer + 1])
            slopes = [values[layer].T @ delta, delta.sum(axis=0), *slopes]
            above = delta @ self.weights[layer].T
        return slopes

    def adam_step(
        self,
        slopes: list[np.ndarray],
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
    ) -> None:
        """Kingma and Ba, arXiv:1412.6980, Algorithm 1 in the order of the end of its section 2."""
        self.steps += 1
        correction = np.sqrt(1 - beta2**self.steps) / (1 - beta1**self.steps)
        parts = zip(self.parameters, self.first, self.second, slopes, strict=True)
        for array, first, second, slope in parts:
            first += (1 - beta1) * (slope - first)
            second += (1 - beta2) * (slope**2 - second)
            array -= learning_rate * correction * first / (np.sqrt(second) + epsilon)

    def train(self, x: np.ndarray, batch_size: int, *adam: float) -> list[float]:
        """One step per batch of ``x``, the last one short; each step's loss before it."""
        losses = []
        for start in range(0, len(x), batch_size):
            batch = x[start : start + batch_size]
            losses.append(self.total_loss(batch))
            self.adam_step(self.gradient(batch), *adam)
        return losses
