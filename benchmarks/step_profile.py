"""Where the time of narrows' training step goes: each part of it alone, on all cores; see
train_speed.py.

    python benchmarks/step_profile.py FOLDER RESULT.json

Every thread repeats a part on its own share of a batch, as it does in a step where each has items
of its own, and what one round takes is the part's time. The parts' data stay in the caches here. In
a step they do not all, and threads wait for one another: the difference between a whole step and
the sum of its parts. Where the machine's speed changes meanwhile, it may be below zero.
"""

import statistics
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from common import leave_result, load_mnist
from narrows.engine import AdamSettings
from narrows.engine.fused import gradients, losses, moving, products
from narrows.engine.fused.layers import fused_layers
from narrows.engine.fused.machine import flush_denormals
from narrows.engine.fused.registers import LANES, TILE_COLUMNS, adam
from narrows.engine.fused.sharing import worker_of
from narrows.engine.fused.stack import LayerStack
from narrows.engine.fused.structure import SQUARED, Adam, Batch, Loss, Source
from narrows.engine.fused.trainer import FusedTrainer
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.support.compiling import checksum_of
from narrows.support.compiling.native import Kernel, compiled
from narrows.support.compiling.translating import Part, part

BATCH_SIZE = 64
_REPEATS, _ROUNDS = 200, 7
_LOSS = Loss(SQUARED, np.float32(1))
# A learning rate of 0: a repeated update must not run away.
_ADAM = Adam(*(np.float32(constant) for constant in (0, 0, 0.1, 1e-3, 1e-7)))


@part
def work_of(s: Any, thread: int) -> Any:
    return s.work[thread * s.work_row :]


@part
def panels_of(s: Any, threads: int, thread: int) -> int:
    """How many panels of a batch a thread takes: every ``threads``-th."""
    return max(s.slots // TILE_COLUMNS - thread + threads - 1, 0) // threads


@part
def read(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    batch, work = Batch(source, source, order, s.gradient, first, BATCH_SIZE), work_of(s, thread)
    for i in range(panels_of(s, threads, thread)):
        number = thread + i * threads
        moving.read_batch_panel(s, batch, number, work, i * s.panel_size, thread)


@part
def forward(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    work, panels = work_of(s, thread), panels_of(s, threads, thread)
    for layer in range(1, len(s.width)):
        products.forward(s, layer, panels, work, worker_of(thread, 1))


@part
def loss(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    wanted_at, room, scale = s.value_at[0], s.gradient[thread], np.float32(1e-5)
    for i in range(panels_of(s, threads, thread)):
        own = s.work[thread * s.work_row + i * s.panel_size :]
        found = losses.panel_loss(s, _LOSS, TILE_COLUMNS, own, wanted_at)
        s.panel_losses[thread + i * threads] = found
        losses.output_deltas(s, _LOSS, TILE_COLUMNS, scale, own, wanted_at, room)


@part
def until_back(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    read(s, source, order, threads, thread, first)
    forward(s, source, order, threads, thread, first)
    loss(s, source, order, threads, thread, first)


@part
def lay_out(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    work, worker = work_of(s, thread), worker_of(thread, 1)
    for layer in range(len(s.width) - 1, 0, -1):
        for i in range(panels_of(s, threads, thread)):
            number = thread + i * threads
            gradients.keep_for_gradient(s, layer, number, work, i * s.panel_size, worker)


@part
def backward(s: Any, source: Any, order: Any, threads: int, thread: int, first: int) -> None:
    work, panels = work_of(s, thread), panels_of(s, threads, thread)
    for layer in range(len(s.width) - 1, 1, -1):
        products.backward(s, layer, panels, work, worker_of(thread, 1))


@part
def learn(s: Any, threads: int, thread: int) -> None:
    for task in range(s.task_bounds[thread], s.task_bounds[thread + 1]):
        gradients.update(s, _ADAM, s.tasks[task], BATCH_SIZE, thread)


@part
def update(s: Any, threads: int, thread: int) -> None:
    vectors = len(s.parameters) // LANES
    for vector in range(vectors * thread // threads, vectors * (thread + 1) // threads):
        adam(
            s.gradient[thread], 0, s.parameters, s.first_moment, s.second_moment, vector * LANES,
            vector * LANES, _ADAM.rate, _ADAM.keep_first, _ADAM.keep_second, _ADAM.epsilon,
            _ADAM.decay,
        )  # fmt: skip


def for_panels(work: Part) -> Kernel:
    """``work`` on a thread's panels of items, together as in a step, many times over."""

    def repeat(s: Any, source: Any, order: Any, threads: int, thread: int, repeats: int) -> None:
        control = flush_denormals(0)
        for i in range(repeats):
            first = i * BATCH_SIZE % (len(order) - BATCH_SIZE)
            work(s, source, order, threads, thread, first)
        flush_denormals(control)

    return _compiled(repeat, work)


def _compiled(repeat: Callable[..., None], work: Part) -> Kernel:
    folders = Path(__file__).parent, Path(gradients.__file__).parent
    sources = [checksum_of(folder) for folder in folders]
    return compiled(repeat, zlib.crc32(repr((work.function.__name__, sources)).encode()))


def for_each_task(work: Part) -> Kernel:
    """``work`` on a thread's share of the weights, many times over."""

    def repeat(s: Any, source: Any, order: Any, threads: int, thread: int, repeats: int) -> None:
        control = flush_denormals(0)
        for _ in range(repeats):
            work(s, threads, thread)
        flush_denormals(control)

    return _compiled(repeat, work)


PARTS = {
    "read the items: gather, convert, turn": for_panels(read),
    "forward products and activations": for_panels(forward),
    "loss and output deltas": for_panels(loss),
    "lay out the gradients' factors": for_panels(lay_out),
    "backward products": for_panels(backward),
    "weight gradients and Adam": for_each_task(learn),
}


def seconds_of(function: Callable[..., Any], *arguments: Any) -> float:
    """The median over several calls, after a first one."""
    times = []
    for _ in range(_ROUNDS + 1):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def profile_parts(x_train: np.ndarray) -> dict[str, float]:
    """Seconds of each part of one step, and of Adam alone, which is in one of them."""
    model = initial_model(preset_spec("simple", (28, 28)), Scaling(), 0)
    layers = fused_layers(model.spec)
    assert layers is not None
    stack = LayerStack(layers, BATCH_SIZE)
    stack.load(stack.stack.parameters, model.arrays)
    items = np.ascontiguousarray(x_train)
    source = Source(items.ctypes.data, True, len(items), np.float32(0), np.float32(1))
    order = np.random.default_rng(0).permutation(len(items))
    with ThreadPoolExecutor(stack.threads) as pool:

        def on_all_threads(repeat: Callable[..., None], repeats: int = _REPEATS) -> None:
            shares = [
                pool.submit(repeat, stack.stack, source, order, stack.threads, thread, repeats)
                for thread in range(stack.threads)
            ]
            for share in shares:
                share.result()

        found, fresh = {}, for_panels(until_back)
        for name, repeat in {**PARTS, "Adam alone": for_each_task(update)}.items():
            # deltas whose loss was taken again and again are all zero, and cost nothing on the way
            on_all_threads(fresh, 1)
            found[name] = seconds_of(on_all_threads, repeat) / _REPEATS
        return found


def profile_engine(x_train: np.ndarray, x_test: np.ndarray) -> dict[str, float]:
    """Seconds of an epoch's steps, all in one call, and of a validation."""
    model = initial_model(preset_spec("simple", (28, 28)), Scaling(), 0)
    trainer = FusedTrainer(model, Objective(), AdamSettings(), BATCH_SIZE)
    order = np.random.default_rng(0).permutation(len(x_train))
    return {
        "steps": seconds_of(trainer.train, x_train, order),
        "validation": seconds_of(trainer.measure, x_test),
    }


def profile_numpy() -> float:
    """Seconds of one step's matrix products alone in NumPy, all cores, results written in place."""
    widths = (784, 100, 20, 100, 784)
    random = np.random.default_rng(0)
    values = [random.random((BATCH_SIZE, width), np.float32) for width in widths]
    weights = [random.random(pair, np.float32) for pair in pairwise(widths)]
    gradients = [np.empty_like(weight) for weight in weights]
    outputs = [np.empty_like(value) for value in values]

    def products() -> None:
        for _ in range(_REPEATS):
            for n, weight in enumerate(weights):
                np.matmul(values[n], weight, out=outputs[n + 1])
                np.matmul(values[n].T, values[n + 1], out=gradients[n])
                if n > 0:
                    np.matmul(values[n + 1], weight.T, out=outputs[n])

    return seconds_of(products) / _REPEATS


def main(folder: str, result: str) -> None:
    x_train, x_test = load_mnist(folder)
    leave_result(
        result,
        {
            "parts": profile_parts(x_train),
            **profile_engine(x_train, x_test),
            "numpy_products": profile_numpy(),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
