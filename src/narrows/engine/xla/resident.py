"""Items that stay on the device: sent once, and kept there for as long as the caller keeps them."""

import weakref
from functools import cache
from typing import Any

import numpy as np

from narrows.engine.xla.precision import compiled
from narrows.engine.xla.transfer import for_device
from narrows.nn.scaling import Scaling

# Of what a device has free, for the items of one array: the rest is for the model, for other items
# and for what XLA works in.
_SHARE = 0.4
# What is sent at a time. In between lie, on this side, copies of no more than that.
_PIECE_BYTES = 1 << 26


class ResidentItems:
    """Finds arrays of items on the device, where they are sent at their first use.

    An array that is the same object is taken to have the same values; where the caller lets go of
    it, it goes from the device too.
    """

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        self._sent: dict[int, tuple[weakref.ref[np.ndarray], Any]] = {}

    def of(self, *arrays: np.ndarray | None) -> tuple[Any, ...] | None:
        """The arrays as :func:`narrows.engine.xla.transfer.for_device` sends them, on the device,
        and None for None; or None alone, where not all of them have room or are in memory."""
        found = []
        for items in arrays:
            there = None if items is None else self._found(items)
            if there is None and items is not None:
                return None
            found.append(there)
        return tuple(found)

    def _found(self, items: np.ndarray) -> Any:
        key = id(items)
        if key in self._sent:
            return self._sent[key][1]
        # what lies in a file is read by the piece, and may be larger than memory
        if isinstance(items, np.memmap) or not len(items):
            return None
        size = for_device(items[:1], self._scaling).nbytes
        if len(items) * size > _SHARE * free_bytes():
            return None
        there = self._send(items, max(_PIECE_BYTES // max(size, 1), 1))
        # weak: arrays on the device must not wait for a collector of circles
        own = weakref.ref(self)

        def forget(_: Any) -> None:
            kept = own()
            if kept is not None:
                kept._sent.pop(key, None)

        self._sent[key] = weakref.ref(items, forget), there
        return there

    def _send(self, items: np.ndarray, rows: int) -> Any:
        import jax

        first = for_device(items[:1], self._scaling)
        whole = jax.numpy.zeros((len(items), *first.shape[1:]), first.dtype)
        for start in range(0, len(items), rows):
            piece = for_device(items[start : start + rows], self._scaling)
            whole = _placing()(whole, *jax.device_put((piece, np.int32(start))))
            whole.block_until_ready()
        return whole


def free_bytes() -> int:
    """What is free on the device that JAX computes on: 0 on CPUs, whose memory the items are in
    already, and where a device does not tell."""
    import jax

    (device,) = jax.numpy.zeros(()).devices()
    if device.platform == "cpu":
        return 0
    told = device.memory_stats() or {}
    return max(int(told.get("bytes_limit", 0)) - int(told.get("bytes_in_use", 0)), 0)


@cache
def _placing() -> Any:
    """A function of an array, rows, and where among its own these go."""
    import jax

    def placed(whole: Any, piece: Any, start: Any) -> Any:
        return jax.lax.dynamic_update_slice_in_dim(whole, piece, start, 0)

    return compiled(placed, donate_argnums=0)
