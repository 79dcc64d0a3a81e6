"""Threads that share work in pieces: every piece is done once, whoever comes first."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows.engine.fused import sharing
from narrows.engine.fused.layers import fused_layers
from narrows.engine.fused.machine import inner
from narrows.engine.fused.placement import lay_out
from narrows.engine.fused.sharing import Worker, next_piece, wait_for_crew
from narrows.engine.fused.structure import PAUSES, Stack
from narrows.engine.fused.threads import new_control
from narrows.nn.presets import preset_spec
from narrows.support.compiling import checksum_of
from narrows.support.compiling.native import compiled

_OWNERS = 2


@inner
def _take(s: Any, worker: Worker, pieces: int, taken: Any) -> int:
    """Take pieces of all owners until there are none; ``taken`` gets 100 x owner + piece."""
    count = 0
    for shift in range(worker.parts):
        owner = (worker.part + shift) % worker.parts
        each = next_piece(s, worker, owner, pieces, -1)
        while each >= 0:
            taken[count] = 100 * owner + each
            count += 1
            each = next_piece(s, worker, owner, pieces, each)
    return count


def _take_once(s: Any, worker: Worker, pieces: int, taken: Any, count: Any) -> None:
    count[0] = _take(s, worker, pieces, taken)


def _take_in_steps(s: Any, worker: Worker, pieces: int, done: Any, taken: Any) -> None:
    """Do it a step after the other; ``done`` (steps, owners, pieces) counts who did what."""
    for step in range(len(done)):
        count = _take(s, worker, pieces, taken)
        for i in range(count):
            done[step, taken[i] // 100, taken[i] % 100] += 1
        wait_for_crew(s, worker)


_SOURCES = checksum_of(Path(__file__).parent) ^ checksum_of(Path(sharing.__file__).parent)
_once, _in_steps = compiled(_take_once, _SOURCES), compiled(_take_in_steps, _SOURCES)


def _count(stack: Stack, worker: Worker, pieces: int, taken: np.ndarray) -> int:
    count = np.zeros(1, np.int64)
    _once(stack, worker, pieces, taken, count)
    return int(count[0])


@pytest.fixture
def stack() -> Stack:
    layers = fused_layers(preset_spec("simple", (9,), latent=2, hidden=(5,)))
    assert layers is not None
    stack = lay_out(layers, 64, _OWNERS)
    return stack._replace(control=new_control(stack))


def _workers() -> list[Worker]:
    return [Worker(thread, 0, thread, _OWNERS, 0) for thread in range(_OWNERS)]


def _pieces(owner: int, count: int) -> list[int]:
    return [100 * owner + piece for piece in range(count)]


def test_who_comes_first_does_its_own_and_then_the_others(stack: Stack) -> None:
    first, second = _workers()
    taken = np.zeros(100, np.int64)
    for pieces, one, other in [(5, first, second), (3, second, first), (1, second, first)]:
        assert _count(stack, one, pieces, taken) == 2 * pieces
        expected = _pieces(one.part, pieces) + _pieces(other.part, pieces)
        assert taken[: 2 * pieces].tolist() == expected
        assert _count(stack, other, pieces, taken) == 0


def test_one_alone_takes_all_in_order(stack: Stack) -> None:
    taken = np.zeros(100, np.int64)
    for _ in range(2):
        assert _count(stack, Worker(1, 1, 0, 1, 0), 7, taken) == 7
        assert taken[:7].tolist() == _pieces(0, 7)


def test_two_do_every_piece_once_with_any_pauses(stack: Stack) -> None:
    random, pieces, steps = np.random.default_rng(0), 20, 300
    control = new_control(stack)
    control[PAUSES] = len(control)
    turns = random.integers(0, 2000, 101) * (random.random(101) < 0.3)
    stack = stack._replace(control=np.concatenate([control, turns]))
    done = np.zeros((_OWNERS, steps, _OWNERS, pieces), np.int64)
    threads = [
        threading.Thread(
            target=_in_steps,
            args=(stack, worker, pieces, done[thread], np.zeros(100, np.int64)),
        )
        for thread, worker in enumerate(_workers())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = done
    assert (counts.sum(axis=0) == 1).all()
    assert counts[0, :, 1].any() or counts[1, :, 0].any()
