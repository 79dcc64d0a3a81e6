"""Of several ways to the same result the one that takes least is found, and left when it slows."""

import itertools

from narrows.engine.fused.fastest import Fastest


def uses(fastest: Fastest, seconds: dict[int, float], count: int) -> list[int]:
    """Which ways are gone in ``count`` uses, each taking its ``seconds``."""
    gone = []
    for _ in range(count):
        way, _ = fastest.pick()
        fastest.note(way, seconds[way])
        gone.append(way)
    return gone


def test_each_way_is_tried_and_the_fastest_is_kept() -> None:
    gone = uses(Fastest([1, 2, 4]), {1: 3.0, 2: 1.0, 4: 2.0}, 7)
    assert sorted(gone[:3]) == [1, 2, 4]
    assert gone[3:] == [2] * 4


def test_a_way_that_slows_down_is_left_at_once() -> None:
    fastest = Fastest([1, 2])
    uses(fastest, {1: 2.0, 2: 1.0}, 4)
    assert uses(fastest, {1: 2.0, 2: 9.0}, 3) == [2, 1, 1]


def test_the_others_are_tried_again_ever_more_rarely() -> None:
    gone = uses(Fastest([1, 2]), {1: 2.0, 2: 1.0}, 1000)
    trials = [number for number, way in enumerate(gone) if way == 1]
    gaps = [after - before for before, after in itertools.pairwise(trials)]
    assert gaps == sorted(gaps)
    assert max(gaps) == 128 + 2  # uses, and trials of both
    assert len(trials) < 15


def test_a_way_that_was_slow_once_is_found_again() -> None:
    fastest = Fastest([1, 2])
    uses(fastest, {1: 1.0, 2: 9.0}, 3)
    assert uses(fastest, {1: 1.0, 2: 0.5}, 20)[-1] == 2


def test_trials_are_told_from_use() -> None:
    fastest = Fastest([1, 2])
    told = []
    for _ in range(5):
        way, is_trial = fastest.pick()
        told.append((way, is_trial))
        fastest.note(way, float(way))
    assert told == [(1, True), (2, True), (1, False), (1, False), (1, False)]


def test_the_only_way_is_always_gone() -> None:
    assert uses(Fastest([1]), {1: 1.0}, 300) == [1] * 300
