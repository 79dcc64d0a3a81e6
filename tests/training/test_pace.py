"""How fast a run was, and what its time went to."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.support import memory
from narrows.training import EpochRecord, TrainingSettings, train
from narrows.training.augmentation import Varied
from narrows.training.checkpoint import read_checkpoint, write_checkpoint
from narrows.training.noise import NoiseLimits
from narrows.training.pace import Pace, Spent

ITEMS = np.random.default_rng(0).integers(0, 256, (150, 3, 3), np.uint8)


def run(**more: Any) -> list[EpochRecord]:
    spec = preset_spec("simple", (3, 3), latent=2, hidden=(5,))
    settings = TrainingSettings(epochs=2, batch_size=16)
    return train(initial_model(spec, Scaling(), seed=3), ITEMS, ITEMS, settings, **more).history


def test_an_epochs_seconds_are_of_three_kinds_and_a_rest() -> None:
    for record in run():
        kinds = ("waiting_seconds", "computing_seconds", "validating_seconds")
        parts = [record[kind] for kind in kinds]  # type: ignore[literal-required]
        assert min(parts) > 0
        assert sum(parts) <= record["seconds"] + 1e-4  # which is rounded
        taken = sum(parts[:2])
        np.testing.assert_allclose(record["items_per_second"] * taken, 150, rtol=0.01)
        np.testing.assert_allclose(record["bytes_per_second"] * taken, 150 * 9, rtol=0.01)


def test_items_that_are_made_ready_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))  # each look at the clock is a second later
    monkeypatch.setattr("narrows.training.pace.time.monotonic", lambda: float(next(ticks)))
    spent = Spent()
    with spent.on("waiting"):
        next(ticks)
    with spent.on("computing"):
        pass
    assert (spent.waiting, spent.computing, spent.validating) == (2, 1, 0)
    with pytest.raises(KeyboardInterrupt), spent.on("validating"):
        raise KeyboardInterrupt
    assert spent.validating == 0  # it is done again


def test_what_is_mapped_is_read_before_the_engine_computes(tmp_path: Path) -> None:
    np.save(tmp_path / "items.npy", ITEMS)
    mapped = np.load(tmp_path / "items.npy", mmap_mode="r")
    shown = Varied(mapped, NoiseLimits(0, 255, 0), TrainingSettings(epochs=1))
    order = np.array([7, 3, 149])
    items, places, _ = shown.slice(order, 1, 0)
    assert not np.shares_memory(items, mapped)
    np.testing.assert_array_equal(items[places], ITEMS[order])


def test_what_an_epoch_took_before_a_stop_counts(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    chances = iter([False, True])
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, should_stop=lambda: next(chances))
    entry = read_checkpoint(path, {})
    entry.spent.waiting = 1000.0
    write_checkpoint(path, entry)
    history = run(checkpoint=path, resume=True)
    assert history[entry.epoch - 1]["waiting_seconds"] >= 1000
    assert history[-1]["waiting_seconds"] < 1000 or entry.epoch == len(history)


def epoch(waiting: float, computing: float, items: float, **more: Any) -> EpochRecord:
    rates = {"items_per_second": items, "bytes_per_second": 10 * items}
    spent = {"waiting_seconds": waiting, "computing_seconds": computing, "seconds": 30.0}
    return EpochRecord(epoch=1, **spent, **rates, **more)  # type: ignore[typeddict-item]


def test_a_runs_rates_leave_out_the_epoch_that_compiles() -> None:
    history = [epoch(0, 20, 5), epoch(1, 1, 50, peak_memory=7_000_000), epoch(1, 3, 25)]
    pace = Pace.of(history)
    assert pace == Pace(
        seconds=90.0,
        items_per_second=200 / 6,
        bytes_per_second=2000 / 6,
        waiting=2 / 6,
        peak_memory=7_000_000,
    )
    assert pace.sentence() == (
        "33.3 items or 333 bytes a second in training, 33.3% of it waiting for data; 7 MB of "
        "memory at most"
    )
    one = Pace.of(history[:1])
    assert (one.seconds, one.items_per_second, one.waiting, one.peak_memory) == (30, 5, 0, None)
    assert Pace.of([{"epoch": 0, "val_loss": 1.0}, *history[:1]]) == Pace.of(history[:1])


@pytest.mark.slow
def test_the_peak_of_memory_holds_what_was_let_go() -> None:
    # in a process of its own: this one may have held more already
    lines = (
        "from narrows.support.memory import peak_memory",
        "before = peak_memory()",
        "bytearray(b'.') * (64 << 20)",
        "print(before, peak_memory())",
    )
    made = subprocess.run([sys.executable, "-c", ";".join(lines)], capture_output=True, text=True)
    before, after = map(int, made.stdout.split())
    assert 60 << 20 <= after - before < 100 << 20
    assert before < 1 << 30  # however much the process holds that started it


def test_the_peak_of_memory_is_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    told = resource.getrusage(resource.RUSAGE_SELF)
    monkeypatch.setattr(memory, "_numbers", lambda path: {})
    for platform, unit in (("linux", 1024), ("freebsd14", 1024), ("darwin", 1)):
        monkeypatch.setattr(memory.sys, "platform", platform)
        found = memory.peak_memory()
        assert found is not None
        assert found >= told.ru_maxrss * unit
        assert found < told.ru_maxrss * unit * 2
