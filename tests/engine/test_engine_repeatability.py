"""The same run ends in the same bytes, however it is cut up and whoever shares the work."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.engine_cases import ANY_CASE, TRAINERS, Case, each_trainer, state_bytes, use_threads
from narrows.engine import Trainer
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.trainer import FusedTrainer


@pytest.mark.slow
@pytest.mark.parametrize("absent", [0.0, 0.8])
@pytest.mark.parametrize("widths", [(5, 3, 5), (64, 2, 64), (100, 1, 100), (270, 4, 300)])
def test_any_number_of_threads_gives_the_same_bytes(
    widths: tuple[int, ...], absent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case((33,), widths, "relu", batch_size=100, count=330, absent=absent)
    results = []
    for threads, together in [(1, True), (2, False), (2, True), (3, False), (3, True), (5, True)]:
        use_threads(threads, together, monkeypatch)
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
