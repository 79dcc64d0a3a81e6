"""Columns of a group that are coded together, to bytes and back.

First how many states the coder has (2 bytes); then for each column how it is predicted; then the
states and words of the coder, as in :mod:`narrows.archive.mixing.ans`.
"""

import struct
from collections.abc import Sequence
from functools import cache

import numpy as np

from narrows.archive.mixing.ans import Player, Recorder
from narrows.archive.mixing.logistic import ONE
from narrows.archive.tables.column_prediction import ColumnPrediction, column_predictions
from narrows.archive.tables.row_scan import RowScan
from narrows.support.blas import one_blas_thread

_STATES = struct.Struct("<H")
# A state costs 8 bytes, and wastes about 6 of them; more of them decode faster.
_BYTES_A_STATE, _MOST_STATES = 1024, 1024
# Costs of answers are in 1/_BIT.
_BIT = 1 << 16


@one_blas_thread()
def encode_jointly(columns: Sequence[np.ndarray]) -> tuple[bytes, list[float]]:
    """Code columns of as many integers from 0 to 2^MOST_BITS - 1, int64 (n,) each.

    Returns:
        The bytes, and how many of them are due to each column.
    """
    predictions = column_predictions(columns)
    recorder = Recorder()
    RowScan(len(columns[0]), predictions).run(recorder, columns)
    costs = _bytes_of(recorder.batches, [each.width for each in predictions])
    states = min(max(int(sum(costs)) // _BYTES_A_STATE, 1), _MOST_STATES)
    front = [each.to_bytes(number) for number, each in enumerate(predictions)]
    costs = [cost + len(each) for cost, each in zip(costs, front, strict=True)]
    return _STATES.pack(states) + b"".join(front) + recorder.finish(states), costs


def _bytes_of(batches: Sequence[np.ndarray], widths: Sequence[int]) -> list[float]:
    """The bytes that each column's answers take: its bits come in turn, row by row."""
    turns = [number for number, width in enumerate(widths) for _ in range(width)]
    costs = [0] * len(widths)
    for place, noted in enumerate(batches):
        chances = noted.astype(np.int64) & ~1
        taken = np.where(noted & 1, chances, ONE - chances)
        costs[turns[place % len(turns)]] += int(_costs()[taken].sum())
    return [cost / (8 * _BIT) for cost in costs]


@one_blas_thread()
def decode_jointly(content: bytes, rows: int, count: int) -> list[np.ndarray]:
    """The ``count`` columns of ``rows`` integers that :func:`encode_jointly` was given.

    Raises:
        ValueError, IndexError, struct.error: ``content`` is not what it made.
    """
    (states,) = _STATES.unpack_from(content)
    if not 1 <= states <= _MOST_STATES:
        raise ValueError(f"{states:,} states")
    predictions, place = [], _STATES.size
    for number in range(count):
        prediction, place = ColumnPrediction.read(content, place, number)
        predictions.append(prediction)
    player = Player(content[place:], states)
    columns = RowScan(rows, predictions).run(player, None)
    player.finish()
    return columns


@cache
def _costs() -> np.ndarray:
    """What an answer of each chance costs, in 1/_BIT: int64 (ONE,)."""
    chances = np.maximum(np.arange(ONE), 1) / ONE
    return np.rint(-np.log2(chances) * _BIT).astype(np.int64)
