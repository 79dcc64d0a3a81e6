"""One training step as a pure function, and many of them in one compiled call."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from narrows.engine.xla.loss import LossFunction
from narrows.engine.xla.transfer import Units, to_network
from narrows.nn.flow import Flow

Arrays = Mapping[str, Any]


class Run(NamedTuple):
    """What is the same in all steps of a run, and may differ from one run of a model to another.

    Attributes:
        units: of the items.
        seed: of all random numbers, as :func:`short_seed` gives it; those of a step depend on it
            and on the step's number alone.
    """

    units: Units
    seed: Any


class Carry(NamedTuple):
    """What a step changes: dictionaries of float32 arrays with the same names."""

    arrays: Arrays
    first_moment: Arrays
    second_moment: Arrays


class Batch(NamedTuple):
    """What a step needs besides. In a scan, each of these has one more axis: the steps.

    Attributes:
        wanted: items as :func:`narrows.engine.xla.transfer.for_device` sends them.
        inputs: what the encoder gets, if not the same; else None.
        step_size: the learning rate with Adam's correction.
        decay: the share of itself that every weight loses.
        number: the step's, counting from 1: what its random numbers are drawn from.
    """

    wanted: Any
    inputs: Any
    step_size: Any
    decay: Any
    number: Any


@dataclass(frozen=True, kw_only=True)
class Step:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101) on a model's loss.

    Attributes:
        loss: what is minimised.
        beta1, beta2, epsilon: Adam's constants.
        decays: whether weights lose a share of themselves.
        statistics: names of the arrays that have no gradient and no decay, but new values from the
            blocks themselves.
    """

    loss: LossFunction
    beta1: float
    beta2: float
    epsilon: float
    decays: bool
    statistics: frozenset[str]

    def __call__(self, run: Run, carry: Carry, batch: Batch) -> tuple[Carry, Any]:
        """The carry after the step, and the loss before it, summed over the batch."""
        import jax

        fixed = {name: carry.arrays[name] for name in self.statistics}
        learnt = {name: a for name, a in carry.arrays.items() if name not in fixed}
        losses = jax.grad(self._losses, has_aux=True)
        slopes, (total, updates) = losses(learnt, fixed, run, batch)

        first = dict(carry.first_moment)
        second = dict(carry.second_moment)
        arrays = {**carry.arrays, **updates}
        for name, g in slopes.items():
            # Kingma and Ba, arXiv:1412.6980, end of section 2
            p, m, v = learnt[name], first[name], second[name]
            first[name] = m = m + (g - m) * (1 - self.beta1)
            second[name] = v = v + (g * g - v) * (1 - self.beta2)
            change = batch.step_size * m / (v**0.5 + self.epsilon)
            if self.decays and name.endswith(".weight"):
                change += batch.decay * p
            arrays[name] = p - change
        return Carry(arrays, first, second), total

    def _losses(self, learnt: Arrays, fixed: Arrays, run: Run, batch: Batch) -> tuple[Any, Any]:
        """What is minimised; and beside it the total loss, and the statistics' new values."""
        wanted = to_network(run.units, batch.wanted)
        inputs = wanted if batch.inputs is None else to_network(run.units, batch.inputs)
        flow = drawing_flow(run.seed, batch.number, training=True)
        total = self.loss.total({**learnt, **fixed}, inputs, wanted, flow)
        return self.loss.minimised(total, wanted.size, flow), (total, flow.updates)


def short_seed(seed: int) -> np.uint32:
    """A seed of any size as the 32 bits that JAX takes."""
    return np.random.SeedSequence(seed).generate_state(1)[0]


def drawing_flow(seed: Any, number: Any, *, training: bool) -> Flow:
    """A flow whose draws, float32, are the same for the same short seed and number.

    A key of its own is made for each call of its functions.
    """
    import jax

    key = jax.random.fold_in(jax.random.key(seed), number)
    calls = itertools.count()

    def drawn(kind: Callable[..., Any]) -> Callable[[tuple[int, ...]], Any]:
        def draw(shape: tuple[int, ...]) -> Any:
            return kind(jax.random.fold_in(key, next(calls)), shape, np.float32)

        return draw

    return Flow(
        training=training,
        uniform=drawn(jax.random.uniform),
        normal=drawn(jax.random.normal),
    )
