"""No guard rail speaks on a healthy run, and each one does on the run that it is there for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from narrows.data import Dataset
from narrows.model.trained import DataDescription, TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Dense, Flatten, Reshape
from narrows.nn.model import Model, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report import diagnostics
from narrows.report.diagnostics import Caution, find_warnings
from narrows.report.evaluation import evaluate
from narrows.tasks.fit_plan import Fitted, fit_plan
from narrows.training import History

# On what errors are said to be measured.
ON = "on 60 items held out"


@pytest.fixture(scope="module")
def parts(digits: Dataset) -> tuple[Dataset, Dataset]:
    return digits.split(0.1, seed=0)


def trained(training: Dataset, validation: Dataset | None, **options: Any) -> Fitted:
    return fit_plan(training, validation, make_plan(training, FitOptions(**options)))


CODE_OF_ANY_SIGN = """
encoder = [
    { block = "flatten" },
    { block = "dense", units = 128, activation = "relu" },
    { block = "dense", units = 8 },
]
"""


@pytest.fixture(scope="module")
def healthy(parts: tuple[Dataset, Dataset], tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    spec = tmp_path_factory.mktemp("spec") / "spec.toml"
    spec.write_text(CODE_OF_ANY_SIGN, encoding="utf-8")
    return trained(*parts, spec=spec, epochs=60)


def warnings_of(
    fitted: Fitted, training: Dataset, validation: Dataset | None
) -> dict[str, Caution]:
    autoencoder = TrainedAutoencoder(fitted.trained)
    shown = training if validation is None else validation
    found = find_warnings(
        autoencoder, training, validation, fitted.history, evaluate(autoencoder, shown)
    )
    assert len({caution.kind for caution in found}) == len(found)
    return {caution.kind: caution for caution in found}


@pytest.mark.slow
def test_a_healthy_run_is_left_alone(healthy: Fitted, parts: tuple[Dataset, Dataset]) -> None:
    assert warnings_of(healthy, *parts) == {}


def test_nothing_is_changed_by_looking(healthy: Fitted, parts: tuple[Dataset, Dataset]) -> None:
    before = {name: array.copy() for name, array in healthy.trained.model.arrays.items()}
    items = parts[0].items.copy()
    warnings_of(healthy, *parts)
    np.testing.assert_array_equal(parts[0].items, items)
    for name, array in healthy.trained.model.arrays.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_run_without_validation_says_so(healthy: Fitted, parts: tuple[Dataset, Dataset]) -> None:
    assert list(warnings_of(healthy, parts[0], None)) == ["nothing-held-out"]


def with_arrays(fitted: Fitted, **changes: np.ndarray) -> Fitted:
    """The same run with other arrays, and what is known of its codes left as it was."""
    model = fitted.trained.model
    model = replace(model, arrays={**model.arrays, **changes})
    return replace(fitted, trained=replace(fitted.trained, model=model))


def with_idle(fitted: Fitted, numbers: list[int]) -> Fitted:
    """The same run with some latent numbers that were constant over the training set."""
    latent = {name: array.copy() for name, array in fitted.trained.latent.items()}
    latent["lowest"][numbers] = latent["highest"][numbers] = 0.25
    return replace(fitted, trained=replace(fitted.trained, latent=latent))


def test_dead_numbers_are_named(healthy: Fitted, parts: tuple[Dataset, Dataset]) -> None:
    found = warnings_of(with_idle(healthy, [2, 5]), *parts)
    assert list(found) == ["dead-numbers"]
    assert found["dead-numbers"].message == (
        "2 of 8 latent numbers are dead, the same for every training item: 3, 6"
    )
    assert "6 numbers" in found["dead-numbers"].advice


def test_a_code_half_of_which_is_dead_has_collapsed(
    healthy: Fitted, parts: tuple[Dataset, Dataset]
) -> None:
    found = warnings_of(with_idle(healthy, [0, 1, 2, 3]), *parts)
    assert list(found) == ["collapsed-code"]
    assert "4 of 8" in found["collapsed-code"].message


def test_a_decoder_that_ignores_its_code_collapses_the_reconstructions(
    healthy: Fitted, parts: tuple[Dataset, Dataset]
) -> None:
    weight = next(
        name
        for name in healthy.trained.model.arrays
        if name.startswith("decoder") and name.endswith("weight")
    )
    silent = np.zeros_like(healthy.trained.model.arrays[weight])
    found = warnings_of(with_arrays(healthy, **{weight: silent}), *parts)
    assert {"collapsed-reconstructions", "worse-than-pca", "dead-units"} <= set(found)
    assert "0% of what the data do" in found["collapsed-reconstructions"].message


@pytest.mark.parametrize(
    ("model", "linear", "speaks"),
    [(9.0, 10.0, False), (1.0, 10.0, False), (0.99, 10.0, True), (0.0, 0.5, True)],
)
def test_reconstructions_are_measured_against_what_pca_can(
    model: float, linear: float, speaks: bool
) -> None:
    assert (diagnostics.collapsed_reconstructions(20.0, model, linear, ON) is not None) == speaks


def test_constant_data_have_nothing_to_collapse() -> None:
    assert diagnostics.collapsed_reconstructions(0.0, 0.0, 0.0, ON) is None


def test_pca_is_the_bar() -> None:
    assert diagnostics.worse_than_pca(10.0, 10.0, ON) is None
    caution = diagnostics.worse_than_pca(1456.53, 1200.0, ON)
    assert caution is not None
    assert "1,200" in caution.message and "1,457, measured on 60 items held out" in caution.message


@pytest.mark.parametrize(("share", "said"), [(1e-12, False), (1e-6, True)])
def test_what_float32_rounds_off_is_no_error(
    healthy: Fitted, parts: tuple[Dataset, Dataset], share: float, said: bool
) -> None:
    found = evaluate(TrainedAutoencoder(healthy.trained), parts[1])
    model = replace(found.model, mse=share * float(np.square(parts[0].items, dtype=float).mean()))
    found = replace(found, model=model, baselines=(replace(found.pca, mse=1e-30),))
    told = find_warnings(
        TrainedAutoencoder(healthy.trained), *parts, healthy.history, found, keeps_best=True
    )
    assert ("worse-than-pca" in [caution.kind for caution in told]) is said


def test_advice_begins_with_the_simplest_way_to_another_code() -> None:
    """Of the article's model whose code is cut off at 0, and of a model of the user's own."""
    for preset, way in {
        "simple": "leave preset='simple' out, ",
        None: "end the encoder of",
    }.items():
        for caution in (
            diagnostics.worse_than_pca(2.0, 1.0, ON, preset),
            diagnostics.dead_numbers([1], 9, None, preset),
            diagnostics.collapsed_code([0, 1], 2, preset),
        ):
            assert caution is not None and caution.advice.startswith(way)
    caution = diagnostics.worse_than_pca(2.0, 1.0, ON, "dense")
    assert caution is not None and caution.advice.startswith("train longer (epochs=), or ")


def history(losses: list[float], validation: list[float]) -> History:
    return [
        {"epoch": number, "loss": loss, "val_loss": other}
        for number, (loss, other) in enumerate(zip(losses, validation, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("losses", "validation", "kept", "speaks"),
    [
        ([9, 5, 4], [9, 6, 5], 3, False),
        ([9, 5, 2], [9, 6, 6.5], 3, True),  # three times the training loss
        ([9, 5, 4], [9, 5, 5.4], 3, False),  # trembles
        ([9, 5, 4], [9, 5, 5.6], 3, True),  # risen while the training loss fell
        ([9, 5, 6], [9, 5, 7], 3, False),  # both rose: unstable, not overfitted
        ([9, 5, 4], [9, 5, 9], 2, False),  # the best epoch was kept
        ([9, 5, 4], [9, 7, 6.1], 3, True),  # one and a half times the training loss
    ],
)
def test_overfitting_is_a_validation_loss_that_leaves_the_training_loss(
    losses: list[float], validation: list[float], kept: int, speaks: bool
) -> None:
    assert (diagnostics.overfitted(history(losses, validation), kept) is not None) == speaks


def test_who_kept_the_best_epoch_is_not_told_to() -> None:
    by_heart = history([4, 1], [4, 5])
    told, kept = (diagnostics.overfitted(by_heart, 2, keeps_best=known) for known in (False, True))
    assert told is not None and "patience=" in told.advice
    assert kept is not None and "patience=" not in kept.advice


@pytest.mark.parametrize("losses", [([4, 1], [4, 5]), ([4, 1], [4, 2])])
def test_losses_of_a_model_that_refines_its_codes_are_said_to_be_without_it(
    losses: tuple[list[float], list[float]],
) -> None:
    plain, refined = (
        diagnostics.overfitted(history(*losses), 2, refines=refines) for refines in (False, True)
    )
    assert plain is not None and "refine" not in plain.message
    assert refined is not None
    assert refined.message == plain.message + ", losses before its codes are refined"


def test_losses_without_validation_say_nothing_of_overfitting() -> None:
    assert diagnostics.overfitted([{"epoch": 1, "loss": 3.0}], 1) is None
    assert diagnostics.overfitted([], 0) is None


@pytest.mark.slow
def test_a_model_that_learns_noise_by_heart_is_told_on() -> None:
    noise = np.random.default_rng(0).random((60, 12)).astype(np.float32)
    training, validation = Dataset("noise", noise[:40]), Dataset("noise", noise[40:])
    sizes = {"preset": "simple", "latent": 10, "hidden": (256,)}
    fitted = trained(training, validation, **sizes, epochs=300, batch_size=8)
    found = warnings_of(fitted, training, validation)
    assert {"overfitting", "few-rows"} <= set(found)


@pytest.mark.parametrize(
    ("rows", "size", "words"),
    [
        (1000, 20, None),
        (200, 20, None),
        (199, 20, ("199 rows", "20 latent numbers", "at most 19", "200 rows")),
        (20, 20, ("20 rows", "a number of its own", "200 rows")),
        (1, 1, ("1 row to", "1 latent number from", "10 rows")),
    ],
)
def test_ten_rows_a_number(rows: int, size: int, words: tuple[str, ...] | None) -> None:
    caution = diagnostics.few_rows(rows, size)
    assert (caution is None) == (words is None)
    for word in words or ():
        assert word in str(caution)


@pytest.mark.parametrize(("rows", "advised"), [(150, 15), (190, 17), (1000, 17)])
def test_dead_numbers_and_few_rows_advise_one_length(rows: int, advised: int) -> None:
    found = diagnostics.dead_numbers([3, 4, 5], 20, rows), diagnostics.few_rows(rows, 20, [3, 4, 5])
    assert found[0] is not None and f"ask for {advised} numbers," in found[0].advice
    assert (found[1] is None) == (rows >= 200)
    if found[1] is not None:
        assert f"at most {advised} latent numbers" in found[1].advice


# Dead units

TWO_HIDDEN = Spec(
    (3, 4),
    (Flatten(), Dense(6, "relu"), Dense(5, "tanh"), Dense(2)),
    (Dense(7, "relu"), Dense(12, "sigmoid"), Reshape((3, 4))),
)


def untrained(seed: int = 0) -> tuple[Model, np.ndarray]:
    model = initial_model(TWO_HIDDEN, Scaling(), seed)
    return model, np.random.default_rng(seed).normal(size=(300, 3, 4)).astype(np.float32)


def test_units_are_counted_layer_by_layer_and_outputs_are_not_hidden() -> None:
    model, items = untrained()
    counts = diagnostics.dead_unit_counts(model, items)
    assert {name: units for name, (_, units) in counts.items()} == {
        "encoder.1": 6,
        "encoder.2": 5,
        "decoder.0": 7,
    }
    assert counts["encoder.1"] == (0, 6)


def test_a_unit_is_dead_if_no_item_wakes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, items = untrained()
    model.arrays["encoder.1.bias"][[0, 3]] = -1e6  # relu: 0 for every item
    model.arrays["encoder.2.bias"][4] = 1e6  # tanh: 1 for every item
    monkeypatch.setattr(diagnostics, "_TOGETHER", 7)
    counts = diagnostics.dead_unit_counts(model, items)
    assert counts["encoder.1"] == (2, 6)
    assert counts["encoder.2"] == (1, 5)


def test_one_item_is_enough_to_wake_a_unit() -> None:
    model, items = untrained()
    model.arrays["encoder.1.weight"][:, 0] = 0
    model.arrays["encoder.1.weight"][5, 0] = 1
    model.arrays["encoder.1.bias"][0] = 0
    items[:, 1, 1] = -1  # the sixth value of the flattened item
    assert diagnostics.dead_unit_counts(model, items)["encoder.1"] == (1, 6)
    items[217, 1, 1] = 1
    assert diagnostics.dead_unit_counts(model, items)["encoder.1"] == (0, 6)


@pytest.mark.parametrize(("dead", "speaks"), [(0, False), (15, False), (16, True), (64, True)])
def test_a_quarter_of_a_layer(dead: int, speaks: bool) -> None:
    caution = diagnostics.dead_units({"encoder.1": (dead, 64), "decoder.0": (0, 64)})
    assert (caution is not None) == speaks
    if caution:
        assert f"{dead} of 64 in encoder.1" in caution.message
        assert "decoder.0" not in caution.message


def test_a_few_items_do_not_call_a_unit_dead() -> None:
    model, items = untrained()
    model.arrays["encoder.1.bias"][:] = -1e6
    assert diagnostics.dead_unit_counts(model, items[:5]) == {}


def test_channels_of_images_are_units() -> None:
    spec = Spec.from_dict(
        {
            "encoder": [
                {"block": "conv", "channels": 4, "kernel": 3, "activation": "linear"},
                {"block": "activation", "activation": "relu"},
                {"block": "flatten"},
                {"block": "dense", "units": 2},
            ]
        },
        (8, 8),
    )
    model = initial_model(spec, Scaling(), 0)
    model.arrays["encoder.0.bias"][2] = -1e6
    items = np.random.default_rng(0).random((50, 8, 8)).astype(np.float32)
    assert diagnostics.dead_unit_counts(model, items)["encoder.1"] == (1, 4)


def test_a_variational_number_that_only_follows_the_prior_is_idle() -> None:
    spec = Spec.from_dict(
        {"encoder": [{"block": "flatten"}, {"block": "gaussian", "size": 3}]}, (8,)
    )
    variational = TrainedModel(
        model=initial_model(spec, Scaling(), 0),
        data=DataDescription(name="rows", count=500, dtype="float32"),
        latent={"lowest": np.full(3, -3.0), "highest": np.full(3, 3.0), "mean": np.zeros(3)},
    )
    z = codes()[:, :3] * np.array([1.0, 0.05, 0.2])
    assert diagnostics.idle_numbers(variational, z) == [1]


# Codes and scores


def codes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(500, 4)).astype(np.float32)


def test_numbers_of_their_own_are_left_alone() -> None:
    assert diagnostics.duplicate_numbers(codes()) is None


@pytest.mark.parametrize("factor", [1.0, -3.0, 1e-3])
def test_a_number_that_repeats_another_is_found_whatever_its_scale(factor: float) -> None:
    z = codes()
    z[:, 3] = factor * z[:, 1] + 7
    caution = diagnostics.duplicate_numbers(z)
    assert caution is not None
    assert "1 of 4" in caution.message and "2 and 4" in caution.message


def test_each_repeated_number_is_counted_once() -> None:
    z = codes()
    z[:, 1:] = z[:, :1]
    caution = diagnostics.duplicate_numbers(z)
    assert caution is not None
    assert "3 of 4" in caution.message


def test_constant_numbers_are_dead_and_not_duplicates() -> None:
    z = codes()
    z[:, 2:] = 3.7
    assert diagnostics.duplicate_numbers(z) is None


def test_a_handful_of_codes_shows_no_correlation() -> None:
    assert diagnostics.duplicate_numbers(codes()[:2]) is None
    assert diagnostics.duplicate_numbers(codes()[:0]) is None


def test_scores_that_differ_are_left_alone() -> None:
    assert diagnostics.constant_errors(np.array([1.0, 1.1, 3.0]), ON) is None
    assert diagnostics.constant_errors(np.array([1.0]), ON) is None


@pytest.mark.parametrize("error", [0.0, 1.0, 1e12])
def test_scores_that_are_all_the_same_rank_nothing(error: float) -> None:
    caution = diagnostics.constant_errors(np.full(100, error), ON)
    assert caution is not None
    assert caution.kind == "constant-scores"


def test_rows_that_a_model_cannot_tell_apart_all_score_the_same() -> None:
    # every row is another unit vector, so that the mean is equally far from each
    rows = np.eye(30, dtype=np.float32)
    data = Dataset("one-hot", rows)
    sizes = {"preset": "simple", "latent": 1, "hidden": (4,)}
    fitted = trained(data, None, **sizes, epochs=1)
    arrays = {name: np.zeros_like(a) for name, a in fitted.trained.model.arrays.items()}
    found = warnings_of(with_arrays(fitted, **arrays), data, None)
    assert "constant-scores" in found
    assert "so it ranks none of them" in found["constant-scores"].message


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 4), (3, 4, 3)])
@pytest.mark.parametrize("count", [1, 3])
def test_the_smallest_data_are_looked_at_without_fail(shape: tuple[int, ...], count: int) -> None:
    items = np.random.default_rng(0).random((count, *shape))
    data = Dataset("items.npy", items)
    sizes = {"preset": "simple", "latent": 1, "hidden": (4,)}
    found = warnings_of(trained(data, None, **sizes, epochs=1), data, None)
    assert {"nothing-held-out", "few-rows"} <= set(found)


def test_every_caution_is_one_sentence_and_advice() -> None:
    cautions = [
        diagnostics.collapsed_code([0, 1], 2),
        diagnostics.dead_numbers([1], 9),
        diagnostics.collapsed_reconstructions(1.0, 0.0, 0.5, ON),
        diagnostics.worse_than_pca(2.0, 1.0, ON),
        diagnostics.unmeasured(True),
        diagnostics.overfitted(history([4, 1], [4, 5]), 2),
        diagnostics.few_rows(3, 4),
        diagnostics.dead_units({"encoder.1": (9, 9)}),
        diagnostics.constant_errors(np.ones(9), ON),
    ]
    for caution in cautions:
        assert caution is not None
        assert caution.message and caution.advice
        assert not caution.message.endswith(".")
        assert "\n" not in str(caution)
