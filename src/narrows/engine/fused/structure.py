"""What the kernels are told: where everything lies, where items come from, what is minimised.

Activations and deltas are stored values x items ("columns are items"), so that every vector
instruction works on 8 or 16 items, whatever the width of a layer. The values of an image are its
places in rows, and the channels of each place together.

A layer is a matrix that is applied to an item at one place or many. On one side of it the values
may be *windows* of an image: a convolution takes its inputs from windows of the image below, and
the transpose of one lays its outputs over windows of the image above.

A weight matrix is held as (rows, columns): the gradient's vectors run along the columns, and what
is zero of the values or deltas that go with its rows costs nothing. ``flipped`` says whether that
is (outputs, inputs).
"""

from typing import NamedTuple

import numpy as np

from narrows.support.compiling.kinds import hold

LINEAR, RELU, SIGMOID, TANH, SILU, GELU, GAUSSIAN = range(7)
SQUARED, ABSOLUTE, HUBER, CROSS_ENTROPY = range(4)
NO_WINDOWS, WINDOWS_BELOW, WINDOWS_ABOVE = range(3)
# Weights that do not fit in the cache are fetched once for so many panels; the panels have to fit.
PANELS_AT_A_TIME = 4
# What lies in a call's control, each on cache lines of its own: how often threads came to a
# barrier; whether the caller asked them to end early, and whether they do after this step; how many
# steps were made; how much of the work was claimed; and where pauses stand that a test has threads
# make, or 0.
APART = 16
ARRIVALS, ASKED, ENDING, MADE, CLAIMED, PAUSES = range(0, 6 * APART, APART)
# Behind it: of each owner how many pieces of rows were claimed, and of weights; and for each layer
# how often threads were done with it.
CONTROL_SIZE = 6 * APART


@hold
class Stack(NamedTuple):
    """Where everything of a stack of layers lies. Layer 0 is the input.

    The first group has one entry per layer, 0 to L; what belongs to weights is unused at 0.
    """

    width: np.ndarray  # values per item after this layer
    activation: np.ndarray  # LINEAR, RELU, SIGMOID, TANH, SILU, GELU or GAUSSIAN
    inputs: np.ndarray  # of the matrix
    outputs: np.ndarray
    places: np.ndarray  # at which the matrix is applied to an item
    windows: np.ndarray  # NO_WINDOWS, and places is 1; or on which side they are
    taps_at: np.ndarray  # offset into taps
    taps_count: np.ndarray  # image places in a window
    taps_run: np.ndarray  # values at each of them
    flipped: np.ndarray  # weights are held (outputs, inputs), not (inputs, outputs)
    weight_at: np.ndarray  # offset into parameters
    weight_row: np.ndarray  # from one row there to the next: the columns and some padding
    bias_at: np.ndarray
    bias_size: np.ndarray
    sums_at: np.ndarray  # offset into a panel's bias_sums
    value_at: np.ndarray  # offset into a thread's work space: activations
    delta_at: np.ndarray  # and deltas; the last layer's lie where its activations were
    slope_at: np.ndarray  # and the derivatives of activations that their values do not determine
    left_at: np.ndarray  # offset into left
    right_at: np.ndarray  # offset into right

    taps: np.ndarray  # (places, count) per layer: the image's value that a tap begins with, or -1
    parameters: np.ndarray  # float32, flat
    first_moment: np.ndarray
    second_moment: np.ndarray
    work: np.ndarray  # a run of each thread's: of layers with windows a window, and its panels
    work_row: int  # from one thread's to the next's
    panels_at_a_time: int  # of each thread
    panel_size: int  # values in there that belong to one panel: blocks of (width, TILE_COLUMNS)
    wanted_at: int  # where in a panel lies what should come out, where it is not what went in
    window_at: int  # where in a work space the window in use lies: it comes first
    left: np.ndarray  # left factors of the gradients, (rows, slots x places) per layer
    right: np.ndarray  # right factors, (tiles of columns, slots x places, TILE_COLUMNS) per layer
    tiles_at: int  # behind them, of each thread: a panel's items as they are read
    gradient: np.ndarray  # (threads, a block or the longest row): of what a thread updates
    bias_sums: np.ndarray  # (panels, sums_size): the gradients of all biases
    panel_losses: np.ndarray  # (panels,) float64

    present: np.ndarray  # (threads, a crew's panels, longest side): inputs not zero in a panel
    present_count: np.ndarray  # how many of them, or 0 where nearly all are
    nonzero: np.ndarray  # (threads, tile rows x words): of a tile's left factor, 64 slots a word
    claimed: np.ndarray  # (threads, 2 x threads): a thread's own note of what was claimed in full

    tasks: np.ndarray  # (tasks, 5): layer, first and last row + 1 or equal ones for the bias,
    # columns, offset into moments
    task_bounds: np.ndarray  # (threads + 1,): which tasks each of the most threads owns
    control: np.ndarray  # what threads tell one another; each call gets its own
    no_starts: np.ndarray  # zeros, where a product adds nothing
    slots: int  # items that fit at once: the batch, padded to whole panels
    drawing: int  # the layer that draws codes, or 0
    beta: np.float32  # what its divergence weighs


class Source(NamedTuple):
    """Items in memory, seen through value = (raw - offset) * factor."""

    address: int
    is_bytes: bool  # uint8, else float32
    rows: int
    offset: np.float32
    factor: np.float32


class Target(NamedTuple):
    """Where items go that come out, one behind the other: float32 values as they are, or, as uint8,
    value * scale + offset, rounded and no lower or higher than the limits."""

    address: int
    values: int  # of an item
    is_bytes: bool  # uint8, else float32
    scale: float
    offset: float
    lowest: float
    highest: float


class Steps(NamedTuple):
    """Steps over items, a batch after the other."""

    inputs: Source  # what goes in
    wanted: Source  # what should come out
    order: np.ndarray  # int64: which items, and in which order
    noise: np.ndarray  # float32: a row of draws for each of them, where codes are drawn
    batch_size: int
    rates: np.ndarray  # float32, one a step, and decays too; see Adam
    decays: np.ndarray
    losses: np.ndarray  # float64, one a step, written: over items and values, before it is taken


class Batch(NamedTuple):
    """The items of one step."""

    inputs: Source
    wanted: Source
    order: np.ndarray
    noise: np.ndarray
    start: int  # the first of them in the order
    size: int


class Group(NamedTuple):
    """Panels of a batch that go through the layers together."""

    first: int  # the number of the first
    panels: int  # how many
    apart: int  # from one's number to the next's
    is_last: bool  # of those that a thread takes in this step


class Loss(NamedTuple):
    """Which loss, and the threshold of Huber's."""

    kind: int
    threshold: np.float32


class Adam(NamedTuple):
    """Adam's constants for one step; see :func:`narrows.engine.fused.registers.adam`."""

    rate: np.float32  # learning rate x sqrt(1 - beta2^t) / (1 - beta1^t)
    decay: np.float32  # learning rate x decoupled weight decay
    keep_first: np.float32  # 1 - beta1
    keep_second: np.float32  # 1 - beta2
    epsilon: np.float32
