"""The Hopfield network: energies that never rise, patterns that are remembered, and how many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.baselines.hopfield import CAPACITY, HopfieldNetwork, store
from narrows.errors import ShapeError, UsageError


def random_patterns(count: int, units: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (count, units))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(2, 24), st.integers(0, 999), st.booleans())
def test_one_after_another_the_energy_never_rises(
    count: int, units: int, seed: int, hebbian: bool
) -> None:
    patterns = random_patterns(count, units, seed)
    network = store(patterns, "hebbian" if hebbian else "pseudo-inverse")
    states = random_patterns(5, units, seed + 1)
    energies = [network.energy(states)]
    for sweep in range(6):
        states = network.recall(states, sweeps=1, seed=sweep)
        energies.append(network.energy(states))
    assert (np.diff(energies, axis=0) <= 1e-9).all()


def test_the_energy_is_the_sum_over_pairs() -> None:
    network = store(random_patterns(3, 7))
    state = random_patterns(1, 7, seed=5)
    w, s = network.weights, state[0]
    pairs = sum(w[i, j] * s[i] * s[j] for i in range(7) for j in range(i))
    np.testing.assert_allclose(network.energy(state), [-pairs])


@pytest.mark.parametrize("rule", ["hebbian", "pseudo-inverse"])
def test_weights_are_symmetric_with_an_empty_diagonal(rule: str) -> None:
    weights = store(random_patterns(4, 30), rule).weights  # type: ignore[arg-type]
    np.testing.assert_array_equal(weights, weights.T)
    assert not np.diag(weights).any()


def test_hebb_is_the_mean_outer_product() -> None:
    patterns = random_patterns(3, 10)
    wanted = sum(np.outer(row, row) for row in patterns) / 10
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(store(patterns).weights, wanted)


@pytest.mark.parametrize("synchronous", [False, True])
def test_damaged_patterns_are_recalled(synchronous: bool) -> None:
    patterns = random_patterns(6, 200)
    flipped = np.where(np.random.default_rng(1).random((6, 200)) < 0.15, -patterns, patterns)
    for rule in ("hebbian", "pseudo-inverse"):
        found = store(patterns, rule).recall(flipped, synchronous=synchronous)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, patterns)


def test_the_pseudo_inverse_keeps_patterns_that_resemble_each_other() -> None:
    base = random_patterns(1, 100)
    alike = np.where(np.random.default_rng(2).random((40, 100)) < 0.1, -base, base)
    np.testing.assert_array_equal(store(alike, "pseudo-inverse").recall(alike), alike)
    assert (store(alike).recall(alike) != alike).any()


def test_random_patterns_are_kept_below_the_capacity_and_lost_above() -> None:
    def overlap(load: float) -> float:
        patterns = random_patterns(round(load * 400), 400)
        return float((store(patterns).recall(patterns, sweeps=30) * patterns).mean())

    assert overlap(0.7 * CAPACITY) > 0.97
    assert overlap(1.6 * CAPACITY) < 0.7


def test_all_at_once_two_states_may_take_turns() -> None:
    network = HopfieldNetwork(np.array([[0.0, -1.0], [-1.0, 0.0]]))
    state = np.array([[1, 1]])
    np.testing.assert_array_equal(network.recall(state, synchronous=True, sweeps=1), -state)
    np.testing.assert_array_equal(network.recall(state, synchronous=True, sweeps=2), state)


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="-1 or \\+1"):
        store(np.zeros((2, 3)))
    with pytest.raises(UsageError, match="no storage rule"):
        store(np.ones((2, 3)), "oja")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no rows"):
        store(np.ones((0, 3)))
    with pytest.raises(ShapeError, match="3 units"):
        store(np.ones((2, 3))).recall(np.ones((1, 4)))
