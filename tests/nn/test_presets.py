import math

import pytest

from narrows.errors import UsageError
from narrows.nn.blocks import Dense, Flatten, Gaussian, Reshape, Shape
from narrows.nn.presets import PRESETS, auto_preset, default_latent_size, fits, preset_spec
from narrows.nn.spec import Spec
from narrows.nn.summary import layer_summaries, parameter_count


def test_simple_is_the_article_s_autoencoder() -> None:
    spec = preset_spec("simple", (28, 28))
    assert spec.encoder == (Flatten(), Dense(100, "relu"), Dense(20, "relu"))
    assert spec.decoder == (Dense(100, "relu"), Dense(784, "relu"), Reshape((28, 28)))
    parts = layer_summaries(spec)
    assert parameter_count(parts["encoder"]) == 80_520
    assert parameter_count(parts["decoder"]) == 81_284


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("item_shape", [(28, 28), (8, 8), (5, 7, 3), (1,), (2,), (21,), ()])
def test_presets_fit_items_or_say_which_do(name: str, item_shape: Shape) -> None:
    if fits(name, item_shape):
        spec = preset_spec(name, item_shape)
        assert spec.shapes("decoder")[-1] == item_shape
        # the code of a denoiser need not be short
        most = math.prod(item_shape) - (name != "denoiser")
        assert 1 <= spec.latent_size <= max(most, 1)
        return
    with pytest.raises(UsageError) as caught:
        preset_spec(name, item_shape)
    assert name in caught.value.message
    assert str(item_shape) in caught.value.message
    named = (caught.value.hint or "").removeprefix("take one of ").split(", ")
    assert named == [other for other in PRESETS if fits(other, item_shape)]


def test_presets_for_images_want_images() -> None:
    for name in ("conv", "unet", "denoiser"):
        assert fits(name, (4, 4))
        assert fits(name, (5, 9, 3))
        assert not any(fits(name, shape) for shape in [(16,), (3, 9), (9, 3, 3), ()])
    for name in ("simple", "variational"):
        assert fits(name, (16,))
        assert fits(name, (3, 9))


def multiplications(spec: Spec) -> int:
    """Of an item with weights, on its way through both parts."""
    total = 0
    for part in ("encoder", "decoder"):
        for (_, block, given), result in zip(spec.placed(part), spec.shapes(part)[1:], strict=True):
            places = {"conv": result, "conv_transpose": given}.get(block.name, (1, 1))
            for name, shape in block.array_shapes(given).items():
                if name.endswith("weight"):
                    total += places[0] * places[1] * math.prod(shape)
    return total


def test_conv_costs_what_a_laptop_can_afford() -> None:
    assert 2.5e6 < multiplications(preset_spec("conv", (28, 28))) < 7.5e6
    assert multiplications(preset_spec("conv", (256, 256, 3))) < 4e8


def test_conv_cuts_large_images_into_patches() -> None:
    assert preset_spec("conv", (28, 28)).shapes("encoder")[1:4] == [
        (14, 14, 32),
        (7, 7, 64),
        (4, 4, 128),
    ]
    assert preset_spec("conv", (100, 64, 3)).shapes("encoder")[1] == (25, 16, 32)


def test_variational_ends_in_a_distribution_and_starts_wide() -> None:
    spec = preset_spec("variational", (28, 28))
    assert spec.encoder == (Flatten(), Dense(512, "silu"), Dense(256, "silu"), Gaussian(20))
    assert spec.decoder[:2] == (Dense(256, "silu"), Dense(512, "silu"))


def test_hidden_layers_are_no_narrower_than_the_code_unless_asked_for() -> None:
    assert preset_spec("variational", (28, 28), latent=300).encoder[2] == Dense(300, "silu")
    asked = preset_spec("variational", (28, 28), latent=300, hidden=(9,)).encoder
    assert asked == (Flatten(), Dense(9, "silu"), Gaussian(300))


def test_only_unet_takes_copies_across() -> None:
    crossing = {name: preset_spec(name, (28, 28)).crosses for name in PRESETS}
    assert crossing.pop("unet") == ("size 1", "size 0")
    assert not any(crossing.values())


def test_unet_costs_what_a_laptop_can_afford_and_sees_each_size() -> None:
    assert 5e6 < multiplications(preset_spec("unet", (28, 28))) < 1.2e7
    assert multiplications(preset_spec("unet", (256, 256, 3))) < 2e9
    shapes = preset_spec("unet", (31, 45, 3)).shapes("encoder")
    sizes = [shape for shape in dict.fromkeys(shapes) if len(shape) == 3]
    assert sizes == [(31, 45, 3), (16, 23, 32), (8, 12, 64), (4, 6, 128)]


@pytest.mark.parametrize(
    ("item_shape", "latent"),
    [((28, 28), 20), ((41,), 20), ((39,), 19), ((22,), 11), ((5, 3), 7), ((3,), 1), ((1,), 1)],
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


@pytest.mark.parametrize("item_shape", [(48, 48), (7, 5), (32, 33, 3), (64, 64, 4)])
def test_a_denoiser_is_the_same_at_every_place(item_shape: Shape) -> None:
    spec = preset_spec("denoiser", item_shape)
    assert not any(isinstance(block, Dense) for block in (*spec.encoder, *spec.decoder))
    assert preset_spec("denoiser", item_shape, latent=spec.latent_size) == spec
    assert preset_spec("denoiser", item_shape, latent=3).latent_size == 3
    assert auto_preset(item_shape, denoises=True) == (
        "denoiser" if math.prod(item_shape) > 1024 else "unet"
    )
