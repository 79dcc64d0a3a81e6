import math

import pytest

from narrows.errors import UsageError
from narrows.nn.blocks import Dense, Flatten, Reshape, Shape
from narrows.nn.presets import PRESETS, default_latent_size, preset_spec
from narrows.nn.summary import layers, parameter_count


def test_simple_is_the_article_s_autoencoder() -> None:
    spec = preset_spec("simple", (28, 28))
    assert spec.encoder == (Flatten(), Dense(100, "relu"), Dense(20, "relu"))
    assert spec.decoder == (Dense(100, "relu"), Dense(784, "relu"), Reshape((28, 28)))
    parts = layers(spec)
    assert parameter_count(parts["encoder"]) == 80_520
    assert parameter_count(parts["decoder"]) == 81_284


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("item_shape", [(28, 28), (8, 8), (5, 7, 3), (1,), (2,), (21,), ()])
def test_presets_fit_items_of_any_shape(name: str, item_shape: Shape) -> None:
    spec = preset_spec(name, item_shape)
    assert spec.shapes("decoder")[-1] == item_shape
    assert 1 <= spec.latent_size <= max(math.prod(item_shape) - 1, 1)


@pytest.mark.parametrize(
    ("item_shape", "latent"),
    [((28, 28), 20), ((21,), 20), ((20,), 10), ((5, 3), 7), ((3,), 1), ((2,), 1), ((1,), 1)],
)
def test_the_default_latent_size_shrinks_with_the_items(item_shape: Shape, latent: int) -> None:
    assert default_latent_size(item_shape) == latent
    assert preset_spec("simple", item_shape).latent_size == latent


def test_sizes_and_the_ending_can_be_asked_for() -> None:
    spec = preset_spec("simple", (9,), latent=9, hidden=(64, 32), output_activation="sigmoid")
    assert spec.encoder == (Flatten(), Dense(64, "relu"), Dense(32, "relu"), Dense(9, "relu"))
    assert spec.decoder[:3] == (Dense(32, "relu"), Dense(64, "relu"), Dense(9, "sigmoid"))


def test_hidden_layers_can_be_left_out() -> None:
    spec = preset_spec("simple", (9,), latent=2, hidden=())
    assert spec.encoder == (Flatten(), Dense(2, "relu"))


@pytest.mark.parametrize("latent", [0, -3, 785])
def test_a_latent_size_outside_its_limits_is_refused(latent: int) -> None:
    with pytest.raises(UsageError) as caught:
        preset_spec("simple", (28, 28), latent=latent)
    assert f"{latent} is outside 1 to 784" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("latent", [1, 784])
def test_the_limits_themselves_are_allowed(latent: int) -> None:
    assert preset_spec("simple", (28, 28), latent=latent).latent_size == latent


def test_a_hidden_layer_of_no_units_is_refused() -> None:
    with pytest.raises(UsageError, match="0 units"):
        preset_spec("simple", (9,), hidden=(0,))


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        preset_spec("enormous", (9,))
    assert "'enormous'" in caught.value.message
    assert all(name in (caught.value.hint or "") for name in PRESETS)
