"""The same run ends in the same bytes, however it is cut up and whoever shares the work."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.engine_cases import ANY_CASE, TRAINERS, Case, each_trainer, state_bytes, use_threads
from narrows.engine import Trainer
from narrows.engine.fused import stack, threads
from narrows.engine.fused.fastest import Fastest, Turn, Way
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.structure import PAUSES, Stack
from narrows.engine.fused.threads import Pace
from narrows.engine.fused.trainer import FusedTrainer


@pytest.mark.slow
@pytest.mark.parametrize("absent", [0.0, 0.8])
@pytest.mark.parametrize("widths", [(5, 3, 5), (64, 2, 64), (100, 1, 100), (270, 4, 300)])
def test_any_number_of_threads_gives_the_same_bytes(
    widths: tuple[int, ...], absent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case((33,), widths, "relu", batch_size=100, count=330, absent=absent)
    results = []
    for count, together in [(1, True), (2, False), (2, True), (3, False), (3, True), (5, True)]:
        use_threads(count, together, monkeypatch)
        trainer = FusedTrainer(case.model(), case.objective, case.adam, case.batch_size)
        losses = trainer.train(case.items(), case.order())
        state = trainer.state()
        runner = FusedRunner(replace(case.model(), arrays=state.arrays))
        codes = runner.encode(case.items())
        results.append(
            [
                losses.tobytes(),
                state_bytes(state),
                trainer.measure(case.items()),
                codes.tobytes(),
                runner.decode(codes).tobytes(),
            ]
        )
    assert all(result == results[0] for result in results)


@pytest.mark.slow
def test_more_threads_than_panels_of_a_batch_measure_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has a place of its own for the items that it reads."""
    case = Case((300,), (8, 2, 8), "relu", batch_size=20, count=20_000)
    items, losses = case.items(), []
    for count in (1, 8, 5):
        use_threads(count, True, monkeypatch)
        trainer = FusedTrainer(case.model(), case.objective, case.adam, case.batch_size)
        assert trainer._stack.threads == count
        losses += [trainer.measure(items) for _ in range(1 if count == 1 else 20)]
    assert set(losses) == {losses[0]}


class Random(Fastest):
    """Goes any way for any number of steps, and looks so often that turns end early."""

    seed = 0

    def __init__(self, ways: list[Way]) -> None:
        super().__init__(ways)
        self.ways, self.random = ways, np.random.default_rng(self.seed)

    def pick(self, left: int) -> Turn:
        way = self.ways[self.random.integers(len(self.ways))]
        pace = Pace(float(self.random.exponential(1e-4)), int(self.random.integers(3)))
        return Turn(way, int(self.random.integers(1, left + 1)), pace)


@pytest.mark.slow
def test_any_change_of_threads_and_any_pauses_give_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """200 runs in which all is drawn: who waits how long where, how many threads there are, and
    when a turn ends."""
    case = Case((33,), (64, 2, 64), "relu", batch_size=50, count=260, absent=0.5)
    items, order = case.items(), case.order()
    use_threads(1, True, monkeypatch)
    trainer = FusedTrainer(case.model(), case.objective, case.adam, case.batch_size)
    start = trainer.state()
    expected = trainer.train(items, order).tobytes(), state_bytes(trainer.state())
    pauses = np.random.default_rng(0)

    new_control = threads.new_control

    def pausing(stack: Stack) -> np.ndarray:
        control = new_control(stack)
        control[PAUSES] = len(control)
        turns = pauses.integers(0, 3000, 97) * (pauses.random(97) < 0.2)
        return np.concatenate([control, turns])

    use_threads(4, True, monkeypatch)
    monkeypatch.setattr(stack, "Fastest", Random)
    monkeypatch.setattr(threads, "new_control", pausing)
    for seed in range(200):
        if seed % 50 == 0:
            monkeypatch.setattr(Random, "seed", seed)
            trainer = FusedTrainer(case.model(), case.objective, case.adam, case.batch_size)
            assert trainer._stack.threads == 4
        trainer.restore(start)
        found = trainer.train(items, order).tobytes(), state_bytes(trainer.state())
        assert found == expected


@pytest.mark.slow
@each_trainer
def test_a_run_ends_in_the_same_bytes_whole_or_in_slices(make: type) -> None:
    case = ANY_CASE
    items, order = case.items(), case.order()

    trainer, again = (
        make(case.model(), case.objective, case.adam, case.batch_size) for _ in range(2)
    )
    start = trainer.state()

    def run(trainer: Trainer, slices: list[np.ndarray]) -> tuple[bytes, dict[str, bytes]]:
        trainer.restore(start)
        losses = np.concatenate([trainer.train(items, part) for part in slices])
        return losses.tobytes(), state_bytes(trainer.state())

    whole = run(trainer, [order])
    assert run(again, [order]) == whole
    assert run(trainer, np.split(order, [66, 132])) == whole
    assert run(trainer, np.split(order, [33, 33])) == whole


@each_trainer
def test_a_restored_run_goes_on_to_the_same_bytes(make: type) -> None:
    case = ANY_CASE
    items, order = case.items(), case.order()
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    trainer.train(items, order)
    kept = trainer.state()
    before = state_bytes(kept)
    losses = trainer.train(items, order)
    end = state_bytes(trainer.state())
    assert state_bytes(kept) == before

    other = make(case.model(), case.objective, case.adam, case.batch_size)
    for fresh in (trainer, other):
        fresh.restore(kept)
        assert fresh.state().steps == kept.steps
        assert state_bytes(fresh.state()) == before
        assert fresh.train(items, order).tobytes() == losses.tobytes()
        assert state_bytes(fresh.state()) == end
    assert state_bytes(kept) == before


def test_a_run_goes_on_in_the_other_engine() -> None:
    case = ANY_CASE
    trainers = [
        make(case.model(), case.objective, case.adam, case.batch_size) for make in TRAINERS.values()
    ]
    for trainer in trainers:
        trainer.train(case.items(), case.order())
    states = [trainer.state() for trainer in trainers]
    for trainer, state in zip(trainers, reversed(states), strict=True):
        trainer.restore(state)
    first, second = (trainer.train(case.items(), case.order()) for trainer in trainers)
    np.testing.assert_allclose(first, second, rtol=1e-4)
