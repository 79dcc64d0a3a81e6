"""What holds for every preset: it learns, is the same again, goes on, is kept, and is used."""

from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
import pytest

from narrows.data import Dataset
from narrows.errors import ShapeError, TrainingError, UsageError
from narrows.model.file import load_model, save_model
from narrows.model.use import TrainedAutoencoder
from narrows.nn.presets import PRESETS, preset_spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import Plan, make_plan
from narrows.tasks.drawn_codes import DrawnCodes
from narrows.tasks.fit_plan import Fitted, fit_plan

LATENT = 3


def images(count: int = 160) -> Dataset:
    """8-bit blots that move about: two numbers say where."""
    random = np.random.default_rng(0)
    middle = random.uniform(2, 8, (count, 2, 1, 1))
    rows, columns = np.mgrid[:10, :10]
    distance = (rows - middle[:, 0]) ** 2 + (columns - middle[:, 1]) ** 2
    return Dataset("blots", np.rint(255 * np.exp(-distance / 4)).astype(np.uint8), (0.0, 255.0))


def plan_for(preset: str, training: Dataset, epochs: int, **options: object) -> Plan:
    wanted = {"epochs": epochs, "batch_size": 32, "learning_rate": 3e-3, **options}
    plan = make_plan(training, FitOptions(preset=preset, latent=LATENT, hidden=(16,), **wanted))  # type: ignore[arg-type]
    # the linear model is another contract
    return replace(plan, may_be_linear=False)


@dataclass(frozen=True)
class Learnt:
    """A preset after a few epochs, in the file that it was kept in."""

    preset: str
    fitted: Fitted
    path: Path


@pytest.fixture(scope="module", params=list(PRESETS))
def learnt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    training = images()
    fitted = fit_plan(training, None, plan_for(request.param, training, epochs=4))
    path = tmp_path_factory.mktemp(request.param) / "model.safetensors"
    save_model(path, fitted.trained)
    return Learnt(request.param, fitted, path)


@pytest.mark.slow
def test_training_lowers_the_loss(learnt: Learnt) -> None:
    losses = [record["loss"] for record in learnt.fitted.history]
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.slow
def test_the_file_gives_the_same_model(learnt: Learnt) -> None:
    items = images().items[:20]
    kept, loaded = learnt.fitted.trained, load_model(learnt.path)
    assert loaded.model.spec == kept.model.spec
    assert set(loaded.model.arrays) == set(kept.model.arrays)
    for before, after in zip(
        results(TrainedAutoencoder(kept), items),
        results(TrainedAutoencoder(loaded), items),
        strict=True,
    ):
        assert before.tobytes() == after.tobytes()


def results(autoencoder: TrainedAutoencoder, items: np.ndarray) -> list[np.ndarray]:
    return [autoencoder.encode(items), autoencoder.reconstruct_floats(items)]


@pytest.mark.slow
def test_shapes_and_dtypes_are_those_of_the_data(learnt: Learnt) -> None:
    autoencoder, items = TrainedAutoencoder(learnt.fitted.trained), images().items[:7]
    codes = autoencoder.encode(items)
    assert (codes.shape, codes.dtype) == ((7, LATENT), np.float32)
    found = autoencoder.reconstruct(items)
    assert (found.shape, found.dtype) == (items.shape, np.uint8)
    assert autoencoder.reconstruct_floats(items[:0]).shape == (0, 10, 10)
    np.testing.assert_array_equal(autoencoder.reconstruct(items.reshape(7, -1)), found)


def test_decoding_codes_is_reconstructing_or_an_error_that_says_why(learnt: Learnt) -> None:
    autoencoder, items = TrainedAutoencoder(learnt.fitted.trained), images().items[:7]
    codes = autoencoder.encode(items)
    if autoencoder.trained.model.spec.crosses:
        with pytest.raises(UsageError, match="codes alone are not enough"):
            autoencoder.decode(codes)
        with pytest.raises(UsageError, match="no items can be drawn from codes alone"):
            DrawnCodes(autoencoder.trained, 3, 0)
        return
    found = autoencoder.decode_floats(codes)
    np.testing.assert_allclose(found, autoencoder.reconstruct_floats(items), atol=1e-3)
    assert autoencoder.decode(DrawnCodes(autoencoder.trained, 3, 0)[:]).shape == (3, 10, 10)


def test_codes_and_results_are_found_together_as_one_after_the_other(learnt: Learnt) -> None:
    autoencoder, items = TrainedAutoencoder(learnt.fitted.trained), images().items[:7]
    codes, found = autoencoder.encode_and_reconstruct(items)
    np.testing.assert_array_equal(codes, autoencoder.encode(items))
    np.testing.assert_allclose(found, autoencoder.reconstruct_floats(items), atol=1e-3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    learnt: Learnt, tmp_path: Path
) -> None:
    training = images()
    for seed, same in ((0, True), (1, False)):
        path = tmp_path / f"{seed}.safetensors"
        plan = plan_for(learnt.preset, training, epochs=4, seed=seed)
        save_model(path, fit_plan(training, None, plan).trained)
        assert (path.read_bytes() == learnt.path.read_bytes()) == same


@pytest.mark.slow
def test_a_resumed_run_ends_in_the_same_bytes(learnt: Learnt, tmp_path: Path) -> None:
    training, checkpoint = images(), tmp_path / "checkpoint"
    plan = plan_for(learnt.preset, training, epochs=4)
    asked = iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        fit_plan(training, None, plan, checkpoint=checkpoint, should_stop=lambda: next(asked))
    again = fit_plan(training, None, plan, checkpoint=checkpoint, resume=True)
    save_model(tmp_path / "again", again.trained)
    assert (tmp_path / "again").read_bytes() == learnt.path.read_bytes()


@pytest.mark.slow
def test_another_run_of_the_same_net_compiles_nothing(
    learnt: Learnt, caplog: pytest.LogCaptureFixture
) -> None:
    results(TrainedAutoencoder(learnt.fitted.trained), images().items)
    lighter = images().items // 2 + 100
    training = Dataset("lighter", lighter, (100.0, 227.0))
    plan = plan_for(learnt.preset, training, epochs=2, seed=3)
    with jax.log_compiles(), caplog.at_level("WARNING", "jax"):
        trained = fit_plan(training, None, plan).trained
        results(TrainedAutoencoder(trained), lighter)
    assert [text for text in caplog.messages if "Compiling" in text] == []


@pytest.mark.slow
def test_what_goes_in_may_be_other_than_what_is_wanted(learnt: Learnt) -> None:
    training = images()
    plan = plan_for(learnt.preset, training, epochs=2, noise="masking:0.3")
    history = fit_plan(training, None, plan).history
    assert history[-1]["loss"] < history[0]["loss"]


def test_items_of_another_shape_are_refused(learnt: Learnt) -> None:
    autoencoder = TrainedAutoencoder(learnt.fitted.trained)
    with pytest.raises(ShapeError, match=r"\(9, 9\).*\(10, 10\)"):
        autoencoder.reconstruct(np.zeros((2, 9, 9), np.uint8))
    with pytest.raises(ShapeError, match="codes of shape"):
        autoencoder.decode(np.zeros((2, LATENT + 1), np.float32))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_rate_that_is_too_high_says_so(preset: str) -> None:
    training = images()
    plan = plan_for(preset, training, epochs=3)
    adam = replace(plan.settings.adam, learning_rate=1e30)
    plan = replace(plan, settings=replace(plan.settings, adam=adam, schedule="constant"))
    with pytest.raises(TrainingError, match="no longer a finite number") as caught:
        fit_plan(training, None, plan)
    assert "lower the learning rate" in str(caught.value.hint)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_latent_size_beyond_the_item_is_refused(preset: str) -> None:
    with pytest.raises(UsageError, match="a latent size of 101 is outside 1 to 100"):
        preset_spec(preset, (10, 10), latent=101)
