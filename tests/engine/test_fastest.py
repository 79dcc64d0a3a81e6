"""Of several ways to the same result the one that takes least is found, and left when it slows."""

from collections.abc import Callable

import numpy as np
import pytest

from narrows.engine.fused.fastest import Fastest, Turn, Way
from narrows.engine.fused.threads import Pace

ONE, TWO, CREW = Way(1, 1), Way(2, 1), Way(2, 2)
QUIET = {ONE: 5e-4, TWO: 3.5e-4, CREW: 3e-4}
BUSY = {ONE: 8e-4, TWO: 6e-3, CREW: 9e-3}
# What threads that wait for one another take to begin.
BEGIN = {ONE: 0.0, TWO: 5e-3, CREW: 5e-3}


class Machine:
    """Time that passes while steps are made, each way at its own speed, which may change."""

    def __init__(self, step: Callable[[float], dict[Way, float]]) -> None:
        self.now, self.step = 0.0, step
        self.gone: list[tuple[float, Turn, int]] = []

    def clock(self) -> float:
        return self.now

    def work(self, fastest: Fastest, seconds: float, begin: dict[Way, float] = BEGIN) -> int:
        """Work for so long, in calls of 250 steps at most; how many were made."""
        made, end = 0, self.now + seconds
        while self.now < end:
            turn = fastest.pick(250)
            start = self.now
            self.now += begin[turn.way]
            begun, steps, look, before = self.now, 0, start + turn.pace.seconds, 0
            while steps < turn.steps:
                self.now += self.step(self.now)[turn.way]
                steps += 1
                if self.now >= look:
                    if steps < turn.steps and steps - before < turn.pace.steps:
                        break
                    look, before = self.now + turn.pace.seconds, steps
            fastest.note(turn, steps, self.now - start, self.now - begun)
            self.gone.append((start, turn, steps))
            made += steps
        return made


def machine_of(
    step: dict[Way, float] | Callable[[float], dict[Way, float]],
) -> tuple[Machine, Fastest]:
    machine = Machine(step if callable(step) else lambda now: step)
    return machine, Fastest([ONE, TWO, CREW], machine.clock)


@pytest.mark.parametrize(("step", "best"), [(QUIET, CREW), (BUSY, ONE)])
def test_each_way_is_tried_and_the_fastest_is_kept(step: dict[Way, float], best: Way) -> None:
    machine, fastest = machine_of(step)
    made = machine.work(fastest, 20)
    assert {turn.way for _, turn, _ in machine.gone} == {ONE, TWO, CREW}
    assert sum(steps for _, turn, steps in machine.gone if turn.way == best) > 0.97 * made
    fewest = 0.95 if best == ONE else 0.93  # without what beginning takes
    assert made > fewest * 20 / step[best]


@pytest.mark.parametrize("way", [ONE, TWO, CREW])
def test_the_first_turn_may_be_any_and_cut_short(way: Way) -> None:
    machine, fastest = machine_of(QUIET)
    fastest.note(Turn(way, 8, Pace(0.01, 8)), 3, 3 * QUIET[way], 3 * QUIET[way])
    machine.work(fastest, 2)
    assert machine.gone[-1][1].way == CREW


def test_trials_of_ways_that_cost_nothing_to_begin_are_hardly_seen() -> None:
    machine, fastest = machine_of(QUIET)
    made = machine.work(fastest, 20, dict.fromkeys(BEGIN, 5e-5))
    assert made > 0.985 * 20 / QUIET[CREW]


def test_a_way_that_becomes_slow_is_left_in_the_middle_of_a_turn() -> None:
    machine, fastest = machine_of(lambda now: QUIET if now < 5 else BUSY)
    machine.work(fastest, 5)
    assert machine.gone[-1][1].way == CREW
    late = machine.now
    machine.work(fastest, 0.2)
    slow = [turn.way for start, turn, _ in machine.gone if start > late and turn.steps > 8]
    assert ONE in slow and slow.count(CREW) <= 1
    assert machine.now - late < 0.5


def test_a_machine_that_becomes_quiet_is_used_within_about_a_second() -> None:
    machine, fastest = machine_of(lambda now: BUSY if now < 5 else QUIET)
    machine.work(fastest, 6.5)
    made = machine.work(fastest, 1)
    assert made > 0.9 / QUIET[TWO]


def test_neighbours_that_come_and_go_never_cost_much() -> None:
    """Beside one thread, which they slow too."""
    machine, fastest = machine_of(lambda now: BUSY if int(now * 10) % 2 else QUIET)
    alone, only = Machine(machine.step), Fastest([ONE])
    assert machine.work(fastest, 20) > 0.9 * alone.work(only, 20)


# What a step took on two cores of a Zen 3, quiet and while one of them was shared.
FREE = {ONE: 5.85e-4, TWO: 3.05e-4, CREW: 3.34e-4}
SHARED = {ONE: 5.85e-4, TWO: 7.75e-4, CREW: 1.4e-3}
WAKING = {ONE: 2e-5, TWO: 3e-4, CREW: 3e-4}


@pytest.mark.parametrize(("seconds", "share"), [(1, 0.92), (3, 0.95)])
def test_a_core_that_is_free_for_a_moment_is_used(seconds: float, share: float) -> None:
    """Of what could be done by who knew when a neighbour computes."""
    machine, fastest = machine_of(lambda now: FREE if int(now / seconds) % 2 else SHARED)
    made = machine.work(fastest, 60, WAKING)
    assert made > share * 30 * (1 / FREE[TWO] + 1 / SHARED[ONE])


def test_to_look_for_a_free_core_costs_little_where_none_is() -> None:
    machine, fastest = machine_of(SHARED)
    assert machine.work(fastest, 60, WAKING) > 0.96 * 60 / SHARED[ONE]


def test_one_thread_that_had_bad_luck_when_a_neighbour_came_is_tried_again_soon() -> None:
    """Its first steps beside it take more than twice as long, as two threads do ever after."""
    gone = list[tuple[float, Turn, int]]()

    def step(now: float) -> dict[Way, float]:
        if now < 5:
            return FREE
        lucky = any(turn.way == ONE and start >= 5 for start, turn, _ in gone)
        return {**SHARED, ONE: SHARED[ONE] if lucky else 1.3e-3}

    machine, fastest = machine_of(step)
    gone = machine.gone
    machine.work(fastest, 6, WAKING)
    beside = [(turn.way, steps) for start, turn, steps in gone if start >= 5]
    assert beside[-1][0] == ONE
    assert sum(steps * SHARED[TWO] for way, steps in beside if way == TWO) < 0.4


def test_long_steps_are_tried_one_by_one() -> None:
    machine, fastest = machine_of({ONE: 0.05, TWO: 0.03, CREW: 0.3})
    machine.work(fastest, 60)
    trials = [steps for _, turn, steps in machine.gone if turn.way == CREW]
    assert set(trials) == {1}
    assert sum(trials) * 0.3 < 0.05 * 60


def test_the_only_way_is_gone_without_looking() -> None:
    machine = Machine(lambda now: BUSY)
    machine.work(Fastest([TWO], machine.clock), 3)
    assert {steps for _, _, steps in machine.gone} == {250}


def test_a_core_that_is_taken_away_now_and_then_does_not_cost_the_others() -> None:
    """A pause of 10 ms in every 500th step: trials have them too."""
    random, quick = np.random.default_rng(0), dict.fromkeys(BEGIN, 5e-5)

    def step(now: float) -> dict[Way, float]:
        pauses = random.random(3) < 0.002
        return {way: QUIET[way] + 0.01 * each for way, each in zip(QUIET, pauses, strict=True)}

    machine, fastest = machine_of(step)
    alone, only = Machine(step), Fastest([CREW])
    assert machine.work(fastest, 120, quick) > 0.91 * alone.work(only, 120, quick)
