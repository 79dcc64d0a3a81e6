import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import huber
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from narrows.errors import UsageError
from narrows.nn.objectives import LOSSES, Objective

LOSSES_WITH_A_UNIT = ["l2", "l1", "huber:0.7"]


def pairs(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reconstructions and originals inside (0, 1), float64 of shape (50, 6)."""
    random = np.random.default_rng(seed)
    return random.uniform(0.01, 0.99, (50, 6)), random.uniform(0, 1, (50, 6))


def test_l2_is_the_squared_error_of_scikit_learn() -> None:
    found, wanted = pairs()
    losses = Objective("l2").elementwise(found, wanted)
    assert losses.shape == found.shape
    assert losses.mean() == pytest.approx(mean_squared_error(wanted, found))


def test_l1_is_the_absolute_error_of_scikit_learn() -> None:
    found, wanted = pairs()
    losses = Objective("l1").elementwise(found, wanted)
    assert losses.shape == found.shape
    assert losses.mean() == pytest.approx(mean_absolute_error(wanted, found))


@pytest.mark.parametrize("threshold", [0.05, 0.3, 1.0])
def test_huber_is_that_of_scipy_on_both_sides_of_its_threshold(threshold: float) -> None:
    found, wanted = pairs()
    losses = Objective("huber", threshold).elementwise(found, wanted)
    np.testing.assert_allclose(losses, huber(threshold, found - wanted), rtol=1e-12)


def test_cross_entropy_of_truth_values_is_the_log_loss_of_scikit_learn() -> None:
    found, wanted = pairs()
    truths = np.round(wanted)
    losses = Objective("bce").elementwise(found, truths)
    assert losses.shape == found.shape
    assert losses.mean() == pytest.approx(log_loss(truths.ravel(), found.ravel()))


def test_cross_entropy_of_grey_values_is_least_where_they_are_met() -> None:
    wanted = np.array([0.1, 0.5, 0.8])
    entropy = -(wanted * np.log(wanted) + (1 - wanted) * np.log(1 - wanted))
    bce = Objective("bce")
    np.testing.assert_allclose(bce.elementwise(wanted, wanted), entropy)
    assert np.all(bce.elementwise(wanted + 0.01, wanted) > entropy)
    assert np.all(bce.elementwise(wanted - 0.01, wanted) > entropy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_a_certain_mistake_is_large_and_finite(dtype: type) -> None:
    found, wanted = np.array([0, 1], dtype), np.array([1, 0], dtype)
    losses = Objective("bce").elementwise(found, wanted)
    # Keras clips at 1e-7; the float32 next to 1 - 1e-7 is a fifth further away
    np.testing.assert_allclose(losses, -np.log(1e-7), rtol=0.02)


@pytest.mark.parametrize("text", [*LOSSES_WITH_A_UNIT, "bce"])
def test_numpy_and_jax_agree(text: str) -> None:
    found, wanted = (array.astype(np.float32) for array in pairs())
    objective = Objective.parse(text)
    with_jax = objective.elementwise(jnp.asarray(found), jnp.asarray(wanted))
    np.testing.assert_allclose(with_jax, objective.elementwise(found, wanted), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("namespace", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("text", LOSSES)
def test_a_nan_on_either_side_stays_one(text: str, namespace: object) -> None:
    nan_and_half = namespace.asarray([np.nan, 0.5])  # type: ignore[attr-defined]
    half_and_nan = namespace.asarray([0.5, np.nan])  # type: ignore[attr-defined]
    assert np.isnan(np.asarray(Objective(text).elementwise(nan_and_half, half_and_nan))).all()


@given(
    text=st.sampled_from(LOSSES_WITH_A_UNIT),
    scale=st.floats(1e-3, 1e3),
    differences=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8),
)
def test_a_loss_of_scaled_values_leads_back_to_the_data_units(
    text: str, scale: float, differences: list[float]
) -> None:
    objective = Objective.parse(text)
    wanted = np.linspace(-5, 5, len(differences))
    found = wanted + differences
    scaled = objective.in_model_units(scale).elementwise(found / scale, wanted / scale)
    np.testing.assert_allclose(
        scaled * objective.to_data_units(scale),
        objective.elementwise(found, wanted),
        rtol=1e-6,
        atol=1e-9,
    )


def test_cross_entropy_has_no_unit() -> None:
    assert Objective("bce").to_data_units(255.0) == 1


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("l2", Objective("l2")),
        ("mse", Objective("l2")),
        ("mae", Objective("l1")),
        (" L1 ", Objective("l1")),
        ("binary-crossentropy", Objective("bce")),
        ("binary_crossentropy", Objective("bce")),
        ("huber", Objective("huber", 1.0)),
        ("huber:2.5", Objective("huber", 2.5)),
        ("Huber:1e-3", Objective("huber", 0.001)),
    ],
)
def test_parse_takes_names_aliases_and_a_threshold(text: str, objective: Objective) -> None:
    assert Objective.parse(text) == objective


@pytest.mark.parametrize("name", LOSSES)
def test_only_cross_entropy_needs_probabilities(name: str) -> None:
    assert Objective(name).needs_probabilities == (name == "bce")


@pytest.mark.parametrize("text", ["l3", "", "squared", ":2"])
def test_an_unknown_loss_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Objective.parse(text)
    assert repr(text) in caught.value.message
    assert all(name in (caught.value.hint or "") for name in LOSSES)


@pytest.mark.parametrize(
    "text", ["huber:0", "huber:-1", "huber:nan", "huber:inf", "huber:wide", "l2:3", "bce:0.5"]
)
def test_a_threshold_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Objective.parse(text)
    assert repr(text) in caught.value.message
    assert "above 0" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        *LOSSES_WITH_A_UNIT,
        "bce",
        "huber:2.5",
        "huber:0.123456789",
    ],
)
def test_an_objective_reads_back_from_its_text(text: str) -> None:
    objective = Objective.parse(text)
    assert Objective.parse(str(objective)) == objective
