"""How rare a score is, by the formulas and beyond all scores that are known."""

import numpy as np
import pytest

from narrows.learnt.tails import p_values, surprises


def test_p_values_count_the_scores_as_high() -> None:
    found = p_values(np.array([0.0, 2.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [1, 0.75, 0.5, 0.25])


def test_surprise_is_the_logarithm_of_the_share_above() -> None:
    reference = np.sort(np.random.default_rng(0).exponential(size=5000))
    asked = np.array([0.5, 1.0, 3.0, 20.0])
    # of an exponential distribution it is the score itself, and beyond all references too
    np.testing.assert_allclose(surprises(asked, reference)[:3], asked[:3], rtol=0.1)
    assert 14 < surprises(asked, reference)[3] < 27


@pytest.mark.parametrize("reference", [np.zeros(1), np.zeros(50), np.array([0.0] * 49 + [1.0])])
def test_surprise_rises_beyond_references_of_no_width(reference: np.ndarray) -> None:
    found = surprises(np.array([-1.0, 0.0, 2.0, 3.0]), reference)
    assert np.isfinite(found).all() and (np.diff(found[1:]) > 0).all()


def test_a_reference_far_out_is_more_surprising_than_the_highest_of_many() -> None:
    scores = np.sort(np.random.default_rng(0).exponential(size=800))
    far = np.append(scores, 200.0)
    # as the highest of 801 alone, whatever it is, it would be log 802 = 6.7
    assert surprises(far, far)[-1] > 2 * surprises(scores, scores)[-1] > 6
    # and what lies among the others is as it was
    np.testing.assert_allclose(surprises(scores, far)[:760], surprises(scores, scores)[:760], 0.05)
    assert (np.diff(surprises(far, far)) >= 0).all()
