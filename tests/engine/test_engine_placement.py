"""Where the engine lays a stack's arrays."""

import numpy as np
import pytest

from narrows.engine.fused.layers import fused_layers
from narrows.engine.fused.placement import lay_out
from narrows.engine.fused.registers import TILE_ROWS
from narrows.engine.fused.structure import Stack
from narrows.nn.presets import preset_spec

_LINE_BYTES = 64


def _stack(size: int, width: int) -> Stack:
    layers = fused_layers(preset_spec("simple", (size,), latent=16, hidden=(width,)))
    assert layers is not None
    return lay_out(layers, 64, 2)


@pytest.mark.parametrize("width", [16, 64, 100, 128, 256, 512, 784, 1000, 1024])
def test_rows_of_weights_are_never_an_even_number_of_cache_lines_apart(width: int) -> None:
    # else a column falls on half of a cache's places, or, of 1,024 values, on one
    apart = 4 * _stack(40, width).weight_row[1:]
    assert (apart % (2 * _LINE_BYTES) != 0).all()


def test_padding_between_rows_is_nobodys_to_update() -> None:
    stack = _stack(1024, 512)
    updated = np.zeros(len(stack.parameters), int)
    for layer, first, last, columns, _ in stack.tasks:
        row = stack.weight_row[layer]
        for each in range(first, last):
            start = stack.weight_at[layer] + each * row
            updated[start : start + columns] += 1
    # every weight once: 2 x (1024 x 512 + 512 x 16)
    assert np.unique(updated).tolist() == [0, 1]
    assert updated.sum() == 2 * (1024 * 512 + 512 * 16)


def test_a_thread_has_neighbouring_rows_of_a_matrix() -> None:
    stack = _stack(1024, 512)
    halves = np.split(stack.tasks, stack.task_bounds[1:-1])
    for layer, rows in (1, 1024), (4, 512):
        own = [half[(half[:, 0] == layer) & (half[:, 2] > half[:, 1])] for half in halves]
        (first, middle), (same, last) = [(each[:, 1].min(), each[:, 2].max()) for each in own]
        assert (first, last) == (0, rows)
        assert middle == same
        assert abs(middle - rows // 2) < TILE_ROWS
