"""Items that stay on an accelerator: the same training as in pieces, and what is sent when.

There is none here: the CPU is told to be one that has room.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np
import pytest

from helpers.compiling import plain_flags
from helpers.engine_cases import WELL_CONDITIONED, state_bytes
from narrows.engine.xla import XlaTrainer, resident
from narrows.engine.xla import trainer as trainers
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.resident import ResidentItems
from narrows.nn.blocks import Conv, Dense, Flatten, Gaussian, Norm
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored

SHAPE = (6, 6)
_DRAWING = (Flatten(), Dense(8), Norm("batch"), Gaussian(3))
SPEC = Spec(SHAPE, _DRAWING, mirrored(_DRAWING, SHAPE, "linear"))
FLOATS = np.random.default_rng(2).random((43, *SHAPE), np.float32)
BYTES = (255 * FLOATS).astype(np.uint8)
ORDER = np.random.default_rng(3).permutation(43)
#: Gives the device so many bytes.
Room = Callable[[int], None]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return lambda size: monkeypatch.setattr(resident, "free_bytes", lambda: size)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The bytes of everything that is put on the device by name."""
    sizes: list[int] = []
    put = jax.device_put

    def counted(tree: Any, *where: Any) -> Any:
        sizes.extend(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))
        return put(tree, *where)

    monkeypatch.setattr(jax, "device_put", counted)
    yield sizes


def nothing_unasked() -> AbstractContextManager[None]:
    return jax.transfer_guard_host_to_device("disallow")


def a_trainer(scaling: Scaling) -> XlaTrainer:
    return XlaTrainer(initial_model(SPEC, scaling, 0), Objective(), WELL_CONDITIONED, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "noisy"), [(FLOATS, True), (BYTES, False)], ids=["floats-with-inputs", "bytes-plain"]
)
def test_training_is_that_in_pieces(
    items: np.ndarray, noisy: bool, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = items[::-1].copy() if noisy else None
    scaling = Scaling.to_unit_range(0, 255) if items.dtype == np.uint8 else Scaling()
    found = []
    for size in (0, 1 << 30):
        room(size)
        monkeypatch.setattr(resident, "_PIECE_BYTES", 500)  # several, the last one short
        trained = a_trainer(scaling)
        losses = trained.train(items, ORDER, inputs)
        found.append((losses, trained.measure(items, inputs), trained.state().arrays))
        assert bool(trained._resident._sent) == bool(size)
    (losses, measured, arrays), there = found
    np.testing.assert_allclose(there[0], losses, rtol=1e-6)
    np.testing.assert_allclose(there[1], measured, rtol=1e-6)
    for name, array in there[2].items():
        np.testing.assert_allclose(array, arrays[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_set_is_measured_whole_whatever_its_size(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers, "run_batch", lambda spec: 10)
    trained = a_trainer(Scaling())
    trainers._compiled.cache_clear()
    for count in (3, 20, 43):
        items, inputs = FLOATS[:count].copy(), FLOATS[-count:].copy()
        room(0)
        expected = trained.measure(items, inputs)
        room(1 << 30)
        assert trained.measure(items, inputs) == pytest.approx(expected, rel=1e-6)
    trainers._compiled.cache_clear()


@pytest.mark.slow
def test_items_are_sent_once_and_an_epoch_needs_its_order_alone(
    room: Room, sent: list[int]
) -> None:
    room(1 << 30)
    validation = FLOATS[:11].copy()
    trained = a_trainer(Scaling())
    trained.train(FLOATS, ORDER)
    trained.measure(validation)
    assert sum(size for size in sent if size > 1000) == FLOATS.nbytes + validation.nbytes
    sent.clear()
    with nothing_unasked():
        trained.train(FLOATS, ORDER)
        # a row number each item; a step size, a decay and a number each step
        assert sum(sent) == 4 * len(ORDER) + 12 * 6
        sent.clear()
        trained.measure(validation)
        before = state_bytes(trained.state())
        assert not sent
    assert state_bytes(trained.state()) == before


def test_items_go_when_the_caller_lets_go_of_them(room: Room) -> None:
    room(1 << 30)
    kept, items = ResidentItems(Scaling()), FLOATS.copy()
    (there,) = kept.of(items) or ()
    np.testing.assert_array_equal(there, items)
    assert kept.of(items, None) == (there, None)
    del items
    assert not kept._sent


def test_what_has_no_room_or_lies_in_a_file_stays_where_it_is(room: Room, tmp_path: Any) -> None:
    kept = ResidentItems(Scaling())
    room(2 * FLOATS.nbytes)
    assert kept.of(FLOATS) is None
    assert kept.of(BYTES) is not None
    assert kept.of(BYTES, FLOATS) is None
    room(1 << 30)
    np.save(tmp_path / "x.npy", FLOATS)
    assert kept.of(np.load(tmp_path / "x.npy", mmap_mode="r")) is None
    assert kept.of(FLOATS[:0]) is None


def test_a_call_is_an_epoch_of_most_data_and_shorter_for_large_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    small, large = (preset_spec(name, (28, 28)) for name in ("simple", "dense"))
    assert trainers._steps_per_call(small, 64) * 64 >= 60_000
    assert 1 <= trainers._steps_per_call(large, 1 << 14) < 100
    convolutions = (Conv(64, 3), Conv(64, 3), Flatten(), Dense(8))
    wide = Spec((128, 128), convolutions, mirrored(convolutions, (128, 128), "linear"))
    assert 1 <= trainers._steps_per_call(wide, 64) < 100


def test_products_are_asked_for_in_float32() -> None:
    x = jax.numpy.ones((3, 3))
    assert "HIGHEST" in compiled(lambda a: a @ a).lower(x).as_text()


TWO_DEVICES = """
import jax, numpy as np
from narrows.engine.interface import AdamSettings
from narrows.engine.xla import XlaTrainer, resident
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
items = np.random.default_rng(0).integers(0, 256, (70, 9)).astype(np.uint8)
model = initial_model(preset_spec("simple", (9,), latent=2, hidden=(5,)), Scaling(), 0)
first, second = jax.devices()
found = []
for device, free in ((first, 0), (second, 1 << 30)):
    resident.free_bytes = lambda free=free: free
    with jax.default_device(device):
        trained = XlaTrainer(model, Objective(), AdamSettings(), 16)
        losses = [trained.train(items, np.arange(70)) for _ in range(2)]
        found.append((np.concatenate(losses), trained.measure(items)))
        lying = jax.tree.leaves((trained._carry, trained._run, trained._resident.of(items)))
        assert all(array.devices() == {device} for array in lying), device
        assert bool(trained._resident._sent) == bool(free)
for here, there in zip(*found, strict=True):
    np.testing.assert_allclose(here, there, rtol=1e-6)
"""


@pytest.mark.slow
def test_another_device_than_the_first_holds_and_computes_all() -> None:
    flags = f"--xla_force_host_platform_device_count=2 {plain_flags()}"
    own = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", TWO_DEVICES]
    result = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
