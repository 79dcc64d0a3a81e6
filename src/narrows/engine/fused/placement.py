"""Where everything of a stack of layers lies in memory, and who owns which weights."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from narrows.engine.fused.layers import Layer
from narrows.engine.fused.moving import TILES_APART
from narrows.engine.fused.registers import (
    CHOSEN_AHEAD,
    FLOATS_PER_LINE,
    LANES,
    TILE_COLUMNS,
    TILE_ROWS,
)
from narrows.engine.fused.structure import (
    GAUSSIAN,
    GELU,
    LINEAR,
    NO_WINDOWS,
    PANELS_AT_A_TIME,
    RELU,
    SIGMOID,
    SILU,
    TANH,
    WINDOWS_ABOVE,
    WINDOWS_BELOW,
    Stack,
)
from narrows.engine.fused.zeros import BLOCK_TILES

#: What the kernels call each activation.
ACTIVATIONS = {
    "linear": LINEAR,
    "relu": RELU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "silu": SILU,
    "gelu": GELU,
    "gaussian": GAUSSIAN,
}
# Of these the value does not determine the derivative, which has its own place.
_WITH_SLOPES = ("silu", "gelu", "gaussian")
_FLOATS_PER_PAGE = 1 << 19  # of 2 MB
# What Adam costs a weight, in items whose gradient takes as long.
_ADAM_ITEMS = 32
# Values between what two threads write: a core asks for lines ahead of those it needs, and takes
# them from the one that writes them. A training step on two cores took 4 % longer without, and 8 %
# where these share no cache.
_APART = 1 << 10

_Task = tuple[int, int, int, int]


def padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _zeros(*sizes: int) -> list[np.ndarray]:
    """Runs of float32 zeros of these sizes in one piece, which NumPy asks the system to hold in
    huge pages: a step goes through all of it, and would miss the page tables thousands of times."""
    places, size = _offsets(sizes)
    raw = np.zeros(size + _FLOATS_PER_PAGE, np.float32)
    skip = (-raw.ctypes.data % (4 * _FLOATS_PER_PAGE)) // 4
    return [raw[skip + at : skip + at + size] for at, size in zip(places, sizes, strict=True)]


def _offsets(sizes: Sequence[int], unit: int = FLOATS_PER_LINE) -> tuple[np.ndarray, int]:
    """Where runs of these sizes begin when they lie one behind the other, each at a whole unit,
    and where they end."""
    ends = np.cumsum([0, *(padded(size, unit) for size in sizes)])
    return ends[:-1].copy(), int(ends[-1])


class _Panel(NamedTuple):
    """Where everything of one panel of items lies in a thread's work space.

    Attributes:
        value_at, delta_at, slope_at: of each layer, as in :class:`Stack`.
        wanted_at: what should come out, where it is not what went in.
        size: of all of it.
    """

    value_at: np.ndarray
    delta_at: np.ndarray
    slope_at: np.ndarray
    wanted_at: int
    size: int


def _panel(layers: Sequence[Layer], window: int) -> _Panel:
    """The first panel of a work space, behind its window of a size."""
    widths = [layers[0].taken, *(layer.width for layer in layers)]
    blocks = [padded(width, LANES) * TILE_COLUMNS for width in widths]
    slopes = [
        block if layer.activation in _WITH_SLOPES else 0
        for layer, block in zip(layers, blocks[1:], strict=True)
    ]
    # What goes in comes out again: the panel that the loss compares with is as large as the input.
    places, size = _offsets([*blocks, *blocks[1:-1], *slopes, blocks[0]])
    places += window
    count = len(layers)
    value_at, delta_at, slope_at = np.split(places[:-1], [count + 1, 2 * count])
    return _Panel(
        value_at.copy(),
        # The deltas of the last layer take the place of its activations; the input has none.
        np.array([0, *delta_at, value_at[-1]]),
        np.array([0, *slope_at]),
        int(places[-1]),
        size,
    )


def _of_each_layer(layers: Sequence[Layer], slots: int, panel: _Panel) -> dict[str, np.ndarray]:
    """The first group of a :class:`Stack`: an entry for each layer, entry 0 for the input."""

    def numbers(of: Callable[[Layer], int], first: int = 0) -> np.ndarray:
        return np.array([first, *map(of, layers)])

    def offsets(of: Callable[[Layer], int], unit: int = FLOATS_PER_LINE) -> np.ndarray:
        return _offsets([0, *map(of, layers)], unit)[0]

    weight_row = numbers(_weight_row)
    places = _offsets(_parameter_runs(layers))[0]
    return {
        "width": numbers(lambda layer: layer.width, layers[0].taken),
        "activation": numbers(lambda layer: ACTIVATIONS[layer.activation], LINEAR),
        "inputs": numbers(lambda layer: layer.inputs),
        "outputs": numbers(lambda layer: layer.outputs),
        "places": numbers(lambda layer: layer.places),
        "windows": numbers(_windows),
        "taps_at": offsets(lambda layer: layer.taps.size, 1),
        "taps_count": numbers(lambda layer: layer.taps.shape[1]),
        "taps_run": numbers(lambda layer: layer.run),
        "flipped": np.array([False, *(layer.flipped for layer in layers)]),
        "weight_at": places[0::2].copy(),
        "weight_row": weight_row,
        "bias_at": places[1::2].copy(),
        "bias_size": numbers(lambda layer: layer.bias_size),
        "sums_at": offsets(lambda layer: layer.bias_size),
        "value_at": panel.value_at,
        "delta_at": panel.delta_at,
        "slope_at": panel.slope_at,
        "left_at": offsets(lambda layer: _left_size(layer, slots)),
        "right_at": _offsets(_right_sizes(layers, slots))[0],
    }


def _row(layer: Layer) -> int:
    """The columns of a matrix, in whole vectors."""
    return padded(layer.columns, LANES)


def _weight_row(layer: Layer) -> int:
    """How far each row of a matrix lies from the next. Products walk down the columns too, and
    where rows are an even number of cache lines apart, a column's values fall on few places of a
    cache and throw one another out: with 512 columns of 512 values that took a third longer."""
    row = _row(layer)
    return row if row % (2 * FLOATS_PER_LINE) else row + LANES


def _left_size(layer: Layer, slots: int) -> int:
    return layer.rows * slots * layer.places


def _parameter_runs(layers: Sequence[Layer]) -> list[int]:
    """The sizes of all weights and biases, in turns; of the input there are none."""
    runs = [0, 0]
    for layer in layers:
        runs += [layer.rows * _weight_row(layer), layer.bias_size]
    return [padded(run, LANES) for run in runs]


def lay_out(layers: Sequence[Layer], slots: int, threads: int) -> Stack:
    """Give everything its place. Entry 0 of each array stands for the input."""
    # the squares in which values are turned reach beyond the last of them
    longest = max(max(layer.rows, layer.columns) for layer in layers)
    tail = padded((longest + LANES) * TILE_COLUMNS, FLOATS_PER_LINE)
    # the window first, so that one thread's panels may reach over what would be another's
    window = tail * any(layer.has_windows for layer in layers)
    panel = _panel(layers, window)
    panels_of_a_thread = -(-slots // (TILE_COLUMNS * threads))
    drawing = [number for number, layer in enumerate(layers, 1) if layer.activation == "gaussian"]
    at_a_time = panels_of_a_thread if drawing else min(PANELS_AT_A_TIME, panels_of_a_thread)
    work_row = window + at_a_time * panel.size
    longest = padded(longest, TILE_COLUMNS)
    block_or_row = max(TILE_ROWS * BLOCK_TILES * TILE_COLUMNS, longest)
    factors = _offsets(_right_sizes(layers, slots))[1]
    tasks, bounds = _share_out(layers, slots, threads)
    tasks, moments = _with_moments(tasks, bounds)
    parameters, first_moment, second_moment, work, left, right, gradient = _zeros(
        _offsets(_parameter_runs(layers))[1],
        *[moments] * 2,
        threads * work_row + tail,
        _offsets([_left_size(layer, slots) for layer in layers])[1],
        factors + threads * -(-layers[0].taken // TILE_COLUMNS) * TILES_APART,
        threads * (padded(block_or_row, FLOATS_PER_LINE) + _APART),
    )
    sums = _offsets([layer.bias_size for layer in layers])[1]
    return Stack(
        **_of_each_layer(layers, slots, panel),
        taps=np.concatenate([layer.taps.reshape(-1) for layer in layers]),
        parameters=parameters,
        first_moment=first_moment,
        second_moment=second_moment,
        work=work,
        work_row=work_row,
        panels_at_a_time=at_a_time,
        panel_size=panel.size,
        wanted_at=panel.wanted_at,
        window_at=0,
        left=left,
        right=right,
        tiles_at=factors,
        gradient=gradient.reshape(threads, -1),
        bias_sums=np.zeros((slots // TILE_COLUMNS, sums), np.float32),
        panel_losses=np.zeros(slots // TILE_COLUMNS),
        present=np.zeros((threads, at_a_time * threads, longest + CHOSEN_AHEAD), np.int64),
        present_count=np.zeros((threads, at_a_time * threads + _APART), np.int64),
        nonzero=np.zeros((threads, TILE_ROWS * padded(slots, 64) // 64 + _APART), np.int64),
        claimed=np.zeros((threads, 2 * threads + _APART), np.int64),
        tasks=tasks,
        task_bounds=bounds,
        control=np.zeros(0, np.int64),
        no_starts=np.zeros(longest, np.float32),
        slots=slots,
        drawing=drawing[0] if drawing else 0,
        beta=np.float32(layers[drawing[0] - 1].beta if drawing else 0),
    )


def moment_places(s: Stack) -> np.ndarray:
    """Where the moments of each parameter lie, int64 (parameters,).

    They lie in the order in which they are updated, a task after the other and of its rows a column
    of vectors after the other, so that the processor sees them come: with the weights' own it would
    have three times as many rows to follow. What belongs to no task lies together at the end.
    """
    places = np.full(len(s.parameters), len(s.first_moment) - 1)
    for layer, first, last, columns, moments_at in s.tasks:
        row, rows = s.weight_row[layer], last - first
        if rows:
            start = s.weight_at[layer] + first * row
            own = places[start : start + rows * row].reshape(rows, row)[:, :columns]
            order = np.arange(rows * columns).reshape(columns // LANES, rows, LANES)
            own[...] = moments_at + order.swapaxes(0, 1).reshape(rows, columns)
        else:
            start = s.bias_at[layer]
            places[start : start + columns] = moments_at + np.arange(columns)
    return places


def factor_bytes(layers: Sequence[Layer], batch_size: int) -> int:
    """What the factors of all gradients of a batch take: with images, most of the memory."""
    slots = padded(batch_size, TILE_COLUMNS)
    rows = sum(_left_size(layer, slots) for layer in layers)
    return 4 * (rows + sum(_right_sizes(layers, slots)))


def work_bytes(layers: Sequence[Layer]) -> int:
    """About what one panel of items takes on its way through ``layers``."""
    return 4 * TILE_COLUMNS * 4 * sum(layer.taken + layer.width for layer in layers)


def _right_sizes(layers: Sequence[Layer], slots: int) -> list[int]:
    """Of each layer's right factor; the input has none."""
    sizes = [padded(layer.columns, TILE_COLUMNS) * slots * layer.places for layer in layers]
    return [0, *sizes]


def _windows(layer: Layer) -> int:
    if not layer.has_windows:
        return NO_WINDOWS
    return WINDOWS_ABOVE if layer.lays_windows else WINDOWS_BELOW


def _share_out(layers: Sequence[Layer], slots: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide all weights among threads.

    Each thread has a run of a matrix's rows. Of the gradient's left factor it then needs these rows
    alone, half of which another core has written: with a share of the columns it would need all,
    and a step took 5 % longer. As one crew, each thread learns what it multiplies by in one
    direction. What is left is dealt in tiles of even height, and neighbouring ones to different
    threads, for how much of them is zero is known only once there are items; large ones first, so
    that small ones even out what is left.

    Returns the tasks, (layer, first row, last row + 1, columns), where equal rows stand for the
    bias and columns for its values, and the bounds of each thread's tasks: the last layer's first,
    whose gradient is complete first.
    """
    own: list[list[_Task]] = [[] for _ in range(threads)]
    costs = [0] * threads

    def give(thread: int, task: _Task) -> None:
        own[thread].append(task)
        costs[thread] += cost(task)

    def cost(task: _Task) -> int:
        layer = layers[task[0] - 1]
        return (task[2] - task[1]) * task[3] * (slots * layer.places + _ADAM_ITEMS)

    dealt = []
    for number, layer in enumerate(layers, 1):
        in_runs = not layer.has_windows and layer.rows >= threads * TILE_ROWS
        for first, last in _tiles(layer):
            columns = _row(layer) if last > first else padded(layer.bias_size, LANES)
            task = number, first, last, columns
            if last > first and in_runs:
                give(first * threads // layer.rows, task)
            else:
                dealt.append(task)
    for task in sorted(dealt, key=cost, reverse=True):
        give(costs.index(min(costs)), task)
    tasks = [task for each in own for task in sorted(each, key=lambda task: (-task[0], task))]
    return np.array(tasks), np.cumsum([0, *map(len, own)])


def _with_moments(tasks: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, int]:
    """The tasks, each with where its moments begin; and how many moments there are."""
    sizes = np.maximum(tasks[:, 2] - tasks[:, 1], 1) * tasks[:, 3]
    threads = len(bounds) - 1
    apart = _APART * np.repeat(np.arange(threads), np.diff(bounds))
    places = np.cumsum(sizes) - sizes + apart
    return np.column_stack([tasks, places]), int(sizes.sum()) + threads * _APART


def _tiles(layer: Layer) -> Iterator[tuple[int, int]]:
    """No row, for the bias, and a layer's rows in tiles."""
    yield 0, 0
    count = -(-layer.rows // TILE_ROWS)
    edges = [layer.rows * tile // count for tile in range(count + 1)]
    yield from itertools.pairwise(edges)
