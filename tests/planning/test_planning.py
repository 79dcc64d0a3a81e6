"""What is trained where the user says little: presets, sizes, recipe, and the linear way out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from narrows.data import Dataset
from narrows.engine import make_runner
from narrows.errors import UsageError
from narrows.learnt.pca import fit_pca
from narrows.model.file import load_model, save_model
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Dense
from narrows.planning.options import FitOptions
from narrows.planning.plan import Plan, make_plan
from narrows.tasks.fit_plan import fit_plan
from narrows.tasks.linear import linear_model

RANDOM = np.random.default_rng(5)


def images(count: int, *shape: int) -> Dataset:
    items = np.broadcast_to(np.uint8([0, 255, 128, 64])[:, None, None], (4, 1, 1))
    values = np.resize(items, (count, *shape)).astype(np.uint8)
    return Dataset("images", values, (0.0, 255.0))


def rows(count: int, size: int) -> Dataset:
    # no memory behind it: a plan looks at the shape
    return Dataset("rows.npy", np.broadcast_to(np.float32(0), (count, size)))


def plan(data: Dataset, preset: str = "auto", **options: Any) -> Plan:
    return make_plan(data, FitOptions(preset=preset, **options))


def hidden(made: Plan) -> list[int]:
    return [block.units for block in made.spec.encoder if isinstance(block, Dense)][:-1]


def test_simple_is_the_articles() -> None:
    made = plan(images(100, 28, 28), "simple")
    settings = made.settings
    assert (settings.epochs, settings.batch_size, settings.schedule) == (50, 64, "constant")
    assert (settings.adam.learning_rate, settings.adam.beta2) == (1e-3, 0.999)
    assert (settings.adam.weight_decay, settings.shift, settings.noise) == (0, 0, None)
    assert settings.patience is None and made.raw and not made.may_be_linear
    assert hidden(made) == [100] and made.spec.latent_size == 20


@pytest.mark.parametrize(
    ("data", "preset"),
    [
        (images(50, 28, 28), "dense"),
        (images(4, 200, 150), "conv"),
        (images(4, 64, 64, 3), "conv"),
        (rows(50, 20_000), "dense"),
        (rows(50, 3), "dense"),
    ],
)
def test_auto_goes_by_the_size_of_the_items(data: Dataset, preset: str) -> None:
    made = plan(data)
    assert made.preset == preset
    assert any(f"preset {preset}" in reason for reason in made.reasons)


@pytest.mark.parametrize(
    ("data", "preset"),
    [
        (images(50, 28, 28), "unet"),
        (images(50, 4, 4), "unet"),
        (images(50, 18, 18, 3), "unet"),
        (images(50, 48, 48), "denoiser"),
        (images(50, 3, 100), "dense"),
        (rows(50, 784), "dense"),
    ],
)
def test_auto_undoes_noise_by_looking_around_each_place(data: Dataset, preset: str) -> None:
    made = plan(data, noise="gaussian:0.5")
    assert made.preset == preset
    assert any(f"preset {preset}" in reason for reason in made.reasons)


@pytest.mark.parametrize("size", [1, 3, 64, 784, 5000])
def test_hidden_layers_grow_with_the_data_and_never_outgrow_them(size: int) -> None:
    widths = []
    for count in (2, 50, 200, 2000, 60_000, 10**7):
        made = plan(rows(count, size))
        units = hidden(made)
        assert min(units) >= made.spec.latent_size
        weights = sum(
            int(np.prod(shape))
            for part in ("encoder", "decoder")
            for _, block, given in made.spec.placed(part)
            for name, shape in block.array_shapes(given).items()
            if name == "weight"
        )
        smallest = 4 * (size + made.spec.latent_size) * max(16, made.spec.latent_size)
        assert weights <= max(count * size, smallest)
        widths.append(units[0])
    assert widths == sorted(widths)


def test_few_items_are_stopped_early_and_many_are_not() -> None:
    assert plan(rows(200, 20)).settings.patience is not None
    assert plan(rows(60_000, 20)).settings.patience is None


def test_work_is_bounded_on_any_data() -> None:
    for count, size in ((2, 2), (200, 784), (60_000, 784), (10**6, 100)):
        settings = plan(rows(count, size)).settings
        steps = settings.epochs * -(-count // settings.batch_size)
        assert steps <= max(20_000, 4 * -(-count // settings.batch_size))


def test_only_large_images_are_moved() -> None:
    assert plan(images(50, 28, 28)).settings.shift == 1
    assert plan(images(50, 8, 8)).settings.shift == 0
    assert plan(rows(50, 784)).settings.shift == 0


def test_the_end_suits_the_values() -> None:
    full = images(60, 8, 8)
    faint = Dataset("faint", full.items // 16, (0.0, 255.0))
    assert plan(full).spec.output_activation == "sigmoid"
    assert plan(faint).spec.output_activation == "linear"
    assert plan(rows(60, 8)).spec.output_activation == "linear"
    assert plan(rows(60, 8), loss="bce").spec.output_activation == "sigmoid"


def test_the_size_of_the_code_is_told_where_it_was_chosen() -> None:
    items = Dataset("rows", np.random.default_rng(0).normal(size=(50, 22)).astype(np.float32))
    told = "11 numbers in the code: half of an item's 22 values, 20 at most"
    assert any(told in reason for reason in make_plan(items, FitOptions()).reasons)
    given = make_plan(items, FitOptions(latent=11)).reasons
    assert not any("in the code" in reason for reason in given)


def test_epochs_of_which_fewer_may_be_taken_are_told_as_at_most() -> None:
    few, many = make_plan(rows(60, 8), FitOptions()), make_plan(rows(12_000, 8), FitOptions())
    assert few.settings.patience is not None and many.settings.patience is None
    for made, most in ((few, "at most "), (many, "")):
        told = f"{most}{made.settings.epochs:,} epochs in batches of {made.settings.batch_size}"
        assert any(reason.startswith(told) for reason in made.reasons)


@pytest.mark.parametrize(("count", "told"), [(1, "1 item"), (60, "60 items")])
def test_few_items_are_told_by_their_number(count: int, told: str) -> None:
    reasons = make_plan(rows(count, 8), FitOptions()).reasons
    assert f"the best epoch on the validation set: few data, {told}" in reasons


def test_what_the_user_says_is_done() -> None:
    noise = "masking:0.2"
    for preset in ("auto", "dense", "simple"):
        made = plan(
            images(300, 28, 28), preset, epochs=7, batch_size=33, learning_rate=0.5,
            weight_decay=0.25, patience=3, shift=2, noise=noise, seed=11,
        ).settings  # fmt: skip
        assert (made.epochs, made.batch_size, made.patience, made.shift) == (7, 33, 3, 2)
        assert (made.adam.learning_rate, made.adam.weight_decay) == (0.5, 0.25)
        assert (str(made.noise), made.seed) == (noise, 11)
    sized = make_plan(images(300, 28, 28), FitOptions(preset="dense", latent=5, hidden=(40, 30)))
    assert hidden(sized) == [40, 30] and sized.spec.latent_size == 5


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"batch_size": -1}, "batch size is -1"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"weight_decay": 1.0}, "weight decay is 1"),
        ({"weight_decay": -0.1}, "weight decay is -0.1"),
        ({"shift": -1}, "shift is -1"),
        ({"patience": 0}, "patience is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
@pytest.mark.parametrize("preset", ["auto", "simple"])
def test_options_that_cannot_be(option: dict[str, Any], said: str, preset: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(images(300, 28, 28), preset, **option)


def test_a_spec_file_is_trained_by_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('encoder = [{ block = "dense", units = 3 }]')
    made = make_plan(rows(500, 8), FitOptions(spec=path))
    assert made.preset is None and made.settings.schedule == "cosine"
    for options in (FitOptions(latent=3, spec=path), FitOptions(hidden=(3,), spec=path)):
        with pytest.raises(UsageError, match="latent=, hidden= and item_bytes= cannot"):
            make_plan(rows(500, 8), options)
    with pytest.raises(UsageError, match="ends in linear"):
        make_plan(rows(500, 8), FitOptions(spec=path, loss="bce"))


# The linear way out


@pytest.mark.parametrize("shape", [(6,), (4, 5), (4, 5, 3)])
def test_the_linear_model_is_scikit_learns_pca(shape: tuple[int, ...]) -> None:
    items = RANDOM.normal(5, 2, (80, *shape))
    model = linear_model(shape, fit_pca(items, 3))
    pca = PCA(3).fit(items.reshape(80, -1))
    expected = pca.inverse_transform(pca.transform(items.reshape(80, -1)))
    found = make_runner(model).reconstruct(items).reshape(80, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_auto_is_never_worse_than_pca_where_it_chose(tmp_path: Path) -> None:
    # white noise has no structure: hidden layers can only learn the training rows by heart
    items = RANDOM.normal(size=(60, 12)).astype(np.float32)
    training, held_out = Dataset("noise", items[:40]), Dataset("noise", items[40:])
    made = make_plan(training, FitOptions(latent=6, epochs=30))
    fitted = fit_plan(training, held_out, made)
    pca = PCA(6).fit(items[:40])
    expected = np.square(pca.inverse_transform(pca.transform(items[40:])) - items[40:]).mean()
    path = tmp_path / "m.safetensors"
    save_model(path, fitted.trained)
    trained = load_model(path)
    difference = TrainedAutoencoder(trained).reconstruct_floats(held_out.items) - held_out.items
    assert np.square(difference).mean() <= expected * 1.0001
    assert trained.training.linear
    assert "kept the best linear model" in fitted.notes[0]


@pytest.mark.slow
def test_structure_is_worth_hidden_layers() -> None:
    # a circle: two numbers to PCA, one to a net
    angle = RANDOM.uniform(0, 2 * np.pi, 2000)
    items = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)], axis=1)
    training, held_out = Dataset("circle", items[:1600]), Dataset("circle", items[1600:])
    fitted = fit_plan(training, held_out, make_plan(training, FitOptions(latent=2, epochs=60)))
    pca = PCA(2).fit(items[:1600])
    expected = np.square(pca.inverse_transform(pca.transform(items[1600:])) - items[1600:]).mean()
    found = TrainedAutoencoder(fitted.trained).reconstruct_floats(held_out.items) - held_out.items
    assert np.square(found).mean() < expected / 10
    assert not fitted.notes
