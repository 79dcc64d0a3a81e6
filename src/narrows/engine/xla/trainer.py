"""Trainer of any model, compiled by XLA for whatever device JAX finds."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, Shaped

from narrows.engine.evidence import is_variational, require_likelihood
from narrows.engine.interface import AdamSettings, Losses, Trainer, TrainingState
from narrows.engine.xla.convolution import has_native_convolutions, with_native_convolutions
from narrows.engine.xla.loss import LossFunction
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.resident import ResidentItems
from narrows.engine.xla.spread import Spread, spread_over
from narrows.engine.xla.step import Batch, Carry, Run, Step, short_seed
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    for_device,
    run_batch,
    to_network,
)
from narrows.nn.flow import Flow
from narrows.nn.model import Model
from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec
from narrows.nn.summary import operations
from narrows.support.forks import require_xla_threads

# Steps in one call on the CPU. More hide the cost of a call better; this many take a fraction of a
# second even for models a thousand times the size of the simple one, or a tenth of it with
# convolutions.
_STEPS_PER_SCAN = 64
_STEPS_ONE_BY_ONE = 16
# And on accelerators, which wait for the host between calls: an epoch of most data. Their small
# kernels take some milliseconds a step; the operations, of large models, are a fraction of a second
# where they go at 10 TFLOP/s.
_MOST_STEPS = 1024
_OPERATIONS_PER_CALL = 4e12


class XlaTrainer(Trainer):
    """Trains any model; see :class:`narrows.engine.interface.Trainer`.

    ``seed`` governs what the blocks draw in training, and ``devices`` says how many of this
    process's share every batch (:func:`narrows.engine.xla.spread.spread_over`).

    Raises:
        UsageError: a variational model, and an objective that is no likelihood; XLA cannot
            compute in this process; or there are not so many devices.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        adam: AdamSettings,
        batch_size: int,
        seed: int = 0,
        *,
        devices: int | None = None,
    ) -> None:
        require_xla_threads()
        import jax

        self._spread = spread_over(devices)

        spec = with_native_convolutions(model.spec)
        self._scans = scans(spec)
        self.steps_per_call = _steps_per_call(spec, batch_size)
        self._scaling = model.scaling
        self._batch_size = batch_size
        self._adam = adam
        self._steps = 0
        self._run_batch = run_batch(spec)
        if is_variational(spec):
            require_likelihood(objective)
        loss = LossFunction(spec, objective.in_model_units(model.scaling.scale))
        self._step = Step(
            loss=loss,
            beta1=adam.beta1,
            beta2=adam.beta2,
            epsilon=adam.epsilon,
            decays=adam.weight_decay > 0,
            statistics=spec.statistics,
        )
        run = Run(Units.of(model.scaling), short_seed(seed))
        self._run = jax.device_put(run) if self._spread is None else self._spread.copied(run)
        self._resident = ResidentItems(model.scaling)
        self.restore(TrainingState.start(model.arrays))

    def state(self) -> TrainingState:
        import jax

        # all at once; and copies, for on the CPU it is the memory that the next step is given
        here = jax.tree.map(np.array, jax.device_get(self._carry))
        arrays, first, second = map(dict, here)
        return TrainingState(arrays, first, second, self._steps)

    def restore(self, state: TrainingState) -> None:
        import jax

        parts = Carry(state.arrays, state.first_moment, state.second_moment)
        # copies: what goes into the compiled step is given up to it
        if self._spread is None:
            self._carry = jax.tree.map(lambda array: jax.numpy.array(array, copy=True), parts)
        else:
            self._carry = self._spread.copied(parts)
        self._steps = state.steps

    def begin(
        self,
        items: Shaped[np.ndarray, "n *item"],
        order: Int64[np.ndarray, " m"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> Losses:
        whole = len(order) // self._batch_size * self._batch_size
        runs = [order[:whole].reshape(-1, self._batch_size), order[whole:].reshape(1, -1)]
        losses = [self._slice(items, run, inputs) for run in runs if run.size]
        # JAX computes by itself; who asks for a loss waits
        return lambda: np.concatenate([np.zeros(0), *(np.asarray(a, np.float64) for a in losses)])

    def _slice(self, items: np.ndarray, order: np.ndarray, inputs: np.ndarray | None) -> Any:
        """Begin a step for each row of ``order`` (steps, batch); gives their losses on the way."""
        import jax

        first, steps = self._steps + 1, len(order)
        sizes, decays = self._adam.step_sizes(first, steps), self._adam.decays(first, steps)
        numbers = np.arange(first, first + steps, dtype=np.uint32)
        there = self._there(items, inputs)
        compiled = self._compiled(order.shape[-1])

        def batch(which: Any) -> Batch:
            wanted = self._sent(items, order[which])
            given = None if inputs is None else self._sent(inputs, order[which])
            return Batch(wanted, given, sizes[which], decays[which], numbers[which])

        losses: Any
        if there is not None:
            rows = order.astype(np.int32)
            plan = jax.device_put(Batch(rows, None, sizes, decays, numbers))
            self._carry, losses = compiled.scan_rows(self._run, self._carry, there, plan)
        elif self._scans:
            self._carry, losses = compiled.scan(self._run, self._carry, batch(slice(None)))
        else:
            losses = np.empty(steps, object)
            for step in range(steps):
                self._carry, losses[step] = compiled.step(self._run, self._carry, batch(step))
        self._steps += steps
        return losses

    def _there(self, *arrays: np.ndarray | None) -> tuple[Any, ...] | None:
        """Items that stay on the device; None where they are sent in parts, to each device its."""
        return self._resident.of(*arrays) if self._spread is None else None

    def _sent(self, items: np.ndarray, rows: Any) -> Any:
        """The items that ``rows`` name, on their way to where they are computed."""
        if self._spread is None:
            return for_device(items[rows], self._scaling)
        return self._spread.sent(rows, lambda mine: for_device(items[mine], self._scaling))

    def _compiled(self, count: int) -> "_Compiled":
        """What computes batches of ``count`` items."""
        return _compiled(self._step, self._spread, 0 if self._spread is None else count)

    def measure(
        self,
        items: Shaped[np.ndarray, "n *item"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> float:
        units, arrays = self._run.units, self._carry.arrays
        there = self._there(items, inputs)
        if there is not None:
            totals = self._compiled(0).measure_rows(units, arrays, there)
            return float(np.asarray(totals, np.float64).sum())
        total = 0.0
        for start in range(0, len(items), self._run_batch):
            stop = min(start + self._run_batch, len(items))
            rows = slice(start, stop) if self._spread is None else np.arange(start, stop)
            sent = self._sent(items, rows)
            same = sent if inputs is None else self._sent(inputs, rows)
            total += float(self._compiled(stop - start).measure(units, arrays, sent, same))
        return total


class _Compiled(NamedTuple):
    """Compiled functions of a :class:`Step`. They give a carry and losses, or losses alone.

    Attributes:
        step: a step.
        scan: many of them in one call.
        scan_rows: the same, where items and inputs, or None, are on the device, and the batches say
            which rows they are of.
        measure: the loss summed over a batch, which changes nothing.
        measure_rows: the same of all rows on the device, a sum for every ``run_batch`` of them.
    """

    step: Any
    scan: Any
    scan_rows: Any
    measure: Any
    measure_rows: Any


@lru_cache(COMPILED_SPECS)
def _compiled(step: Step, spread: Spread | None, count: int) -> _Compiled:
    """``count`` is how many items of a batch are none that fill it up, where it is spread."""
    import jax

    size = run_batch(step.loss.spec)

    def one_step(run: Run, carry: Carry, batch: Batch) -> Any:
        if spread is None:
            return step(run, carry, batch)
        return spread.everywhere(step(run, carry, spread.cut(batch, count)))

    def scan(run: Run, carry: Carry, batches: Batch) -> Any:
        return jax.lax.scan(lambda c, b: one_step(run, c, b), carry, batches)

    def scan_rows(run: Run, carry: Carry, there: Any, plan: Batch) -> Any:
        def one(carry: Carry, batch: Batch) -> Any:
            wanted, inputs = (None if each is None else each[batch.wanted] for each in there)
            return one_step(run, carry, batch._replace(wanted=wanted, inputs=inputs))

        return jax.lax.scan(one, carry, plan)

    def measure(units: Units, arrays: Any, wanted: Any, x: Any) -> Any:
        if spread is not None:
            wanted, x = wanted[:count], x[:count]
        total = step.loss.total(arrays, to_network(units, x), to_network(units, wanted), Flow())
        return total if spread is None else spread.everywhere(total)

    def measure_rows(units: Units, arrays: Any, there: Any) -> Any:
        wanted, inputs = there
        given = wanted if inputs is None else inputs
        count = len(wanted) // size
        whole = count * size

        def part(both: Any) -> Any:
            return measure(units, arrays, *both)

        parts = (each[:whole].reshape(count, size, *each.shape[1:]) for each in (wanted, given))
        totals = jax.lax.map(part, tuple(parts))
        if whole < len(wanted):
            rest = part((wanted[whole:], given[whole:]))
            totals = jax.numpy.append(totals, rest)
        return totals

    return _Compiled(
        compiled(one_step, donate_argnums=1),
        compiled(scan, donate_argnums=1),
        compiled(scan_rows, donate_argnums=1),
        compiled(measure),
        compiled(measure_rows),
    )


def _steps_per_call(spec: Spec, batch_size: int) -> int:
    import jax

    if jax.default_backend() == "cpu":
        return _STEPS_PER_SCAN if scans(spec) else _STEPS_ONE_BY_ONE
    a_step = batch_size * sum(operations(spec, part) for part in ("encoder", "decoder"))
    return int(min(max(_OPERATIONS_PER_CALL // max(a_step, 1), 1), _MOST_STEPS))


def scans(spec: Spec) -> bool:
    """Whether many steps of a model in one compiled call are faster than one at a time.

    Everywhere they are, but for convolutions on the CPU: inside a loop XLA does not take its fast
    kernel for them (jax issue 12868), and a step takes up to 30 times as long.
    """
    import jax

    return jax.default_backend() != "cpu" or not has_native_convolutions(spec)
