"""Many devices that share every batch, of one process or of several: each has the whole model and
its part of the items. XLA adds up their gradients (GSPMD: Xu et al., arXiv:2105.04663)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.engine.processes import have_joined
from narrows.engine.xla.step import Batch
from narrows.errors import UsageError


@dataclass(frozen=True)
class Spread:
    """Puts batches on devices, in parts of equal length.

    A batch that does not divide by the number of devices travels with zeros behind it, and they are
    cut off before anything is computed: losses, statistics and random numbers are those of the
    batch alone.

    Attributes:
        mesh: the devices, as JAX has them, those of a process beside one another.
    """

    mesh: Any

    def sharding(self, axis: int | None) -> Any:
        """An array's, whose items lie along ``axis``, or which is whole on all devices."""
        from jax.sharding import NamedSharding, PartitionSpec

        named = () if axis is None else (*(None,) * axis, "items")
        return NamedSharding(self.mesh, PartitionSpec(*named))

    def sent(self, rows: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> Any:
        """On the devices, what ``read`` gives for the last axis of ``rows``, ``([steps,] batch)``:
        it is asked for this process's part of each batch alone."""
        import jax

        axis, count, devices = rows.ndim - 1, rows.shape[-1], self.mesh.devices.flat
        each = -(-count // len(devices))
        own = [n for n, device in enumerate(devices) if device.process_index == jax.process_index()]
        mine = rows[..., own[0] * each : (own[-1] + 1) * each]
        part = np.asarray(read(mine))
        missing = each * len(own) - mine.shape[-1]
        if missing:
            edges = [(0, 0)] * part.ndim
            edges[axis] = 0, missing
            part = np.pad(part, edges)
        whole = (*rows.shape[:-1], each * len(devices), *part.shape[rows.ndim :])
        return jax.make_array_from_process_local_data(self.sharding(axis), part, whole)

    def copied(self, tree: Any) -> Any:
        """Arrays of this side, whole on every device, in memory that a step may be given."""
        import jax

        def sent(array: Any) -> Any:
            values = np.asarray(array)
            return jax.make_array_from_process_local_data(self.sharding(None), values, values.shape)

        return _copy(self)(jax.tree.map(sent, tree))

    def cut(self, batch: Batch, count: int) -> Batch:
        """``batch`` without what fills it up; for compiled code."""
        inputs = None if batch.inputs is None else batch.inputs[:count]
        return batch._replace(wanted=batch.wanted[:count], inputs=inputs)

    def everywhere(self, tree: Any) -> Any:
        """``tree``, whole on every device; for compiled code."""
        import jax

        return jax.lax.with_sharding_constraint(tree, self.sharding(None))


def _copy(spread: Spread) -> Any:
    import jax

    def copied(tree: Any) -> Any:
        return spread.everywhere(jax.tree.map(jax.numpy.copy, tree))

    return jax.jit(copied)


def spread_over(count: int | None) -> Spread | None:
    """``count`` devices of each process, or None where that is one: all accelerators, and one CPU,
    where nothing is asked for.

    Raises:
        UsageError: there are not so many.
    """
    if count == 1 and not have_joined():
        return None
    import jax

    here = jax.local_devices()
    if count is None:
        count = 1 if here[0].platform == "cpu" else len(here)
    if not 1 <= count <= len(here):
        raise UsageError(
            f"devices is {count}, and JAX has {len(here)} here ({here[0].platform})",
            hint="leave it out: all accelerators of the machine are used",
        )
    if count == 1 and jax.process_count() == 1:
        return None
    taken = list[Any]()
    for process in range(jax.process_count()):
        own = [device for device in jax.devices() if device.process_index == process]
        taken += sorted(own, key=lambda device: device.id)[:count]
    return Spread(jax.sharding.Mesh(np.array(taken), ("items",)))
