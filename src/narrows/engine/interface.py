"""What every engine can do: train a model and run it. An engine is one way of computing both."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped

from narrows.support.rounding import ValueType


@dataclass(frozen=True, kw_only=True)
class AdamSettings:
    """Adam's constants (Kingma and Ba, arXiv:1412.6980), with Keras's defaults, and what goes with
    them over a run.

    Attributes:
        learning_rate: the highest of the run, and its only one where there is no schedule.
        weight_decay: what share of itself every weight loses at a learning rate of 1, beside the
            gradient's step (Loshchilov and Hutter, arXiv:1711.05101); biases keep theirs.
        warmup_steps: over so many steps the learning rate rises from 0 in a line.
        total_steps: from there it falls to 0 at this step along half a cosine (Loshchilov and
            Hutter, arXiv:1608.03983); None to keep it.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    warmup_steps: int = 0
    total_steps: int | None = None

    def learning_rates(self, first: int, count: int) -> Float64[np.ndarray, " steps"]:
        """The learning rate of ``count`` steps, the first numbered ``first`` counting from 1: a
        float64 array of shape (count,)."""
        t = np.arange(first, first + count, dtype=np.float64)
        rates = np.full(count, self.learning_rate)
        if self.total_steps is not None:
            length = max(self.total_steps - self.warmup_steps, 1)
            # the step after the last one would have a rate of 0
            done = np.clip((t - 1 - self.warmup_steps) / length, 0, 1)
            rates *= 0.5 * (1 + np.cos(np.pi * done))
        return rates * np.minimum(t / (self.warmup_steps + 1), 1)

    def step_sizes(self, first: int, count: int) -> Float32[np.ndarray, " steps"]:
        """learning rate x sqrt(1 - beta2^t) / (1 - beta1^t) for the same steps: a float32 array of
        shape (count,)."""
        t = np.arange(first, first + count, dtype=np.float64)
        corrections = np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        return (self.learning_rates(first, count) * corrections).astype(np.float32)

    def decays(self, first: int, count: int) -> Float32[np.ndarray, " steps"]:
        """The share of itself that every weight loses in the same steps: float32 (count,)."""
        return (self.learning_rates(first, count) * self.weight_decay).astype(np.float32)


@dataclass(frozen=True)
class TrainingState:
    """Everything a training step changes: dictionaries of float32 arrays with the same names.

    Attributes:
        arrays: the model's.
        first_moment: Adam's running mean of the gradient.
        second_moment: Adam's running mean of its square.
        steps: how many steps have been taken.
    """

    arrays: dict[str, np.ndarray]
    first_moment: dict[str, np.ndarray] = field(default_factory=dict)
    second_moment: dict[str, np.ndarray] = field(default_factory=dict)
    steps: int = 0

    @classmethod
    def start(cls, arrays: dict[str, np.ndarray]) -> "TrainingState":
        """The state before the first step."""
        zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
        return cls(arrays, zeros, dict(zeros), 0)


#: Waits for the losses of steps that may still be computed, and gives one for each.
Losses = Callable[[], Float64[np.ndarray, " steps"]]


class Trainer(Protocol):
    """Trains one model. Losses are in network units, summed over items and their values."""

    #: Steps that take a fraction of a second: what one call of :meth:`begin` should ask
    #: for at most, so that a progress bar moves and an interrupt is answered.
    steps_per_call: int

    def state(self) -> TrainingState:
        """A copy of the state as it is now."""
        ...

    def restore(self, state: TrainingState) -> None:
        """Go on from ``state``."""
        ...

    def begin(
        self,
        items: Shaped[np.ndarray, "n *item"],
        order: Int64[np.ndarray, " m"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> Losses:
        """Take the items named by ``order`` (int64, (m,)) in batches, one step each, the last one
        short. ``items`` has shape (n, \\*item_shape) in data units. ``inputs``, of the same shape,
        is what the encoder gets in their place: what the loss compares with stays ``items``.
        Returns what waits for each step's loss before it, float64 of shape (steps,): the steps may
        still be under way, and need ``items`` and ``inputs`` no longer."""
        ...

    def train(
        self,
        items: Shaped[np.ndarray, "n *item"],
        order: Int64[np.ndarray, " m"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> Float64[np.ndarray, " steps"]:
        """As :meth:`begin`, and wait for the losses."""
        return self.begin(items, order, inputs)()

    def measure(
        self,
        items: Shaped[np.ndarray, "n *item"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> float:
        """The loss over all ``items``, changing nothing; ``inputs`` as in :meth:`begin`."""
        ...


@runtime_checkable
class Runner(Protocol):
    """Runs one trained model.

    Attributes:
        calls_at_once: how many calls by threads are worth making at the same time: one can wait for
            a disk meanwhile.
    """

    calls_at_once: int

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        """Latent codes, float32 (n, latent_size), of items (n, \\*item_shape) in data units."""
        ...

    def decode(
        self, codes: Shaped[np.ndarray, "n latent"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        """Items (n, \\*item_shape) in data units, of codes (n, latent_size): as ``to`` says, or
        floats, float32, or float64 where data units are other than the network's."""
        ...

    def reconstruct(
        self, items: Shaped[np.ndarray, "n *item"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        """What encoder and decoder make together of items (n, \\*item_shape) in data units, as
        :meth:`decode` gives it: the one way through a model whose decoder uses more than the
        code."""
        ...
