"""The search for short codes: what it finds costs no more, and has no better neighbour."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.codes_cases import blots
from narrows.archive import SizeBreakdown, opening
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.predictor import quantised_predictor
from narrows.data import Dataset
from narrows.engine.xla.code_search import CodeSearch, _longer
from narrows.errors import DataError, ShapeError, UsageError
from narrows.model.trained import DataDescription, TrainedModel
from narrows.nn.blocks import Dense, Flatten, Rounded
from narrows.nn.blocks.rounded import code_lengths
from narrows.nn.model import Model, apply_part, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.planning.traits import is_rounded
from narrows.tasks.codes_archive import require_codes_only, write_codes_only

RANDOM = np.random.default_rng(3)
ITEMS = RANDOM.normal(0, 3, (40, 5)).astype(np.float32)


def model_of(*hidden: Dense, units: int = 6) -> Model:
    encoder = (Flatten(), *hidden, Dense(3), Rounded(2.0, units))
    spec = Spec((5,), encoder, mirrored(encoder, (5,), "linear"))
    model = initial_model(spec, Scaling(), 0)
    random = np.random.default_rng(1)
    noisy = {n: a + random.normal(0, 0.2, a.shape).astype("f4") for n, a in model.arrays.items()}
    return replace(model, arrays=noisy)


def costs(model: Model, search: CodeSearch, codes: np.ndarray, price: float) -> np.ndarray:
    found = apply_part(model.spec, "decoder", model.arrays, codes)
    return ((found - ITEMS) ** 2).sum(1) + price * code_lengths(search.arrays, codes).sum(1)


@pytest.mark.slow
@pytest.mark.parametrize("price", [0.0, 0.3])
@pytest.mark.parametrize("hidden", [(), (Dense(8, "silu"),)], ids=["linear", "curved"])
def test_no_code_costs_more_than_before(hidden: tuple[Dense, ...], price: float) -> None:
    model = model_of(*hidden)
    search = CodeSearch(model, 2)
    guesses = search.guesses(ITEMS)
    assert (guesses == np.rint(guesses)).all()
    codes = search(ITEMS, guesses, price)
    assert (codes == np.rint(codes)).all()
    before, after = (costs(model, search, each, price) for each in (guesses, codes))
    assert (after <= before * (1 + 1e-5)).all() and after.sum() < before.sum()


def test_of_a_linear_decoder_no_neighbour_is_better() -> None:
    model = model_of()
    search = CodeSearch(model, 8)
    codes = search(ITEMS, search.guesses(ITEMS), 0.3)
    found = costs(model, search, codes, 0.3)
    for number in range(3):
        for by in (-1, 1):
            neighbour = codes.copy()
            neighbour[:, number] += by
            assert (found <= costs(model, search, neighbour, 0.3) * (1 + 1e-4)).all()


def test_a_code_does_not_depend_on_its_company() -> None:
    search = CodeSearch(model_of(Dense(8, "silu")), 2)
    guesses = search.guesses(ITEMS)
    alone = search(ITEMS[7:9], guesses[7:9], 0.3)
    assert (alone == search(ITEMS, guesses, 0.3)[7:9]).all()
    assert search(ITEMS[:0], guesses[:0], 0.3).shape == (0, 3)


@pytest.mark.slow
def test_how_much_longer_a_change_makes_a_code() -> None:
    search = CodeSearch(model_of())
    codes = RANDOM.integers(-4, 5, (6, 3)).astype(np.float32)
    told = np.asarray(_longer(search.arrays, codes))
    for which, by in enumerate((1, -1)):
        for number in range(3):
            changed = codes.copy()
            changed[:, number] += by
            lengths = [code_lengths(search.arrays, each).sum(1) for each in (changed, codes)]
            np.testing.assert_allclose(
                told[:, which, number], lengths[0] - lengths[1], rtol=1e-3, atol=1e-3
            )


def written(
    trained: TrainedModel, items: np.ndarray, **options: Any
) -> tuple[bytes, SizeBreakdown]:
    out = io.BytesIO()
    breakdown = write_codes_only(out, Dataset("X", items), trained, **options)
    return out.getvalue(), breakdown


@pytest.fixture(scope="module")
def plain(short_codes: TrainedModel) -> tuple[bytes, SizeBreakdown]:
    return written(short_codes, blots().items)


def predicted_size(trained: TrainedModel, breakdown: SizeBreakdown) -> int:
    """What the predictor makes of the codes, without itself, whatever was taken."""
    (trial,) = (trial for trial in breakdown.trials if trial.method == "predicted")
    arrays = CodeSearch(trained.model).arrays
    return trial.size - len(Predicted.of(quantised_predictor(arrays)).parts()["predictor"])


@pytest.mark.slow
def test_training_ends_near_the_bytes_that_were_asked_for(short_codes: TrainedModel) -> None:
    search = CodeSearch(short_codes.model)
    assert short_codes.model.spec.latent_size == 6  # three numbers a byte
    found = search.nats(search.guesses(blots().items)) / np.log(2) / 8
    assert found == pytest.approx(2.0, rel=0.15)


@pytest.mark.slow
def test_fewer_bytes_are_found_where_they_are_asked_for(
    short_codes: TrainedModel, plain: tuple[bytes, SizeBreakdown]
) -> None:
    items = blots().items
    blob, breakdown = written(short_codes, items, item_bytes=1.8)
    with opening.opened(io.BytesIO(blob), "a") as archive:
        missed = archive.read().astype(float) - items
        assert archive.size_breakdown.sizes == breakdown.sizes
    assert breakdown.mean_squared_error == pytest.approx((missed**2).mean())
    assert breakdown.largest_error == np.abs(missed).max()
    assert breakdown.bound is None and breakdown.numbers == 6
    assert breakdown.mean_squared_error is not None
    assert breakdown.mean_squared_error > (plain[1].mean_squared_error or 0)
    assert predicted_size(short_codes, breakdown) < predicted_size(short_codes, plain[1])
    # and what the coder takes for itself
    assert predicted_size(short_codes, breakdown) == pytest.approx(1.8 * len(items) + 12, rel=0.03)


def test_the_same_items_make_the_same_bytes(
    short_codes: TrainedModel, plain: tuple[bytes, SizeBreakdown]
) -> None:
    assert written(short_codes, blots().items)[0] == plain[0]


@pytest.mark.parametrize("count", [0, 1])
def test_few_items_are_an_archive_too(short_codes: TrainedModel, count: int) -> None:
    items = blots().items[:count]
    with opening.opened(io.BytesIO(written(short_codes, items)[0]), "a") as archive:
        assert archive.read().shape == items.shape


def test_what_cannot_be_turned_into_whole_numbers_says_why(short_codes: TrainedModel) -> None:
    with pytest.raises(ShapeError, match="uint8 items of shape"):
        written(short_codes, blots().items.astype("f4"))
    with pytest.raises(ShapeError, match="is for uint8 items"):
        written(short_codes, blots().items[:, 1:])
    plain = (Flatten(), Dense(3))
    curved = (Flatten(), Dense(4, "gelu"), Dense(3), Rounded(1.0))
    for encoder, text in ((plain, "not whole numbers"), (curved, "the activation gelu")):
        spec = Spec((5,), encoder, mirrored(encoder, (5,), "linear"))
        with pytest.raises(UsageError, match=text):
            require_codes_only(initial_model(spec, Scaling(), 0))


def test_what_is_no_number_has_no_code() -> None:
    model = model_of()
    described = DataDescription(name="x", count=40, dtype="float32")
    broken = np.where(np.arange(200).reshape(40, 5) == 77, np.nan, ITEMS).astype("f4")
    with pytest.raises(DataError, match="X holds NaN or infinity"):
        written(TrainedModel(model=model, data=described), broken)


def test_the_plan_of_short_codes() -> None:
    plan = make_plan(blots(), FitOptions(preset="rounded", item_bytes=4.0))
    assert plan.spec.latent_size == 12 and is_rounded(plan.spec)
    assert plan.settings.patience is None and plan.refinement == 0
    made = make_plan(blots(), FitOptions(preset="rounded", latent=6))
    assert made.spec.encoder[-1] == Rounded(2.0)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="cannot be asked for"):
            make_plan(blots(), FitOptions(preset="rounded", item_bytes=wrong))
    with pytest.raises(UsageError, match="only the preset rounded"):
        make_plan(blots(), FitOptions(preset="dense", item_bytes=4.0))
    with pytest.raises(UsageError, match="whole numbers"):
        make_plan(blots(), FitOptions(preset="rounded", refine=2))
