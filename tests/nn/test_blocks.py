"""What each block is about; what holds for all of them is in test_contract.py."""

import math
from typing import Any

import jax
import numpy as np
import pytest
from scipy import signal, special

from narrows.errors import UsageError
from narrows.nn.activations import ACTIVATIONS
from narrows.nn.blocks import (
    Activation,
    Block,
    Conv,
    ConvTranspose,
    Copy,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Gaussian,
    Join,
    Norm,
    Pad,
    Patch,
    Pool,
    Reshape,
    Rounded,
    Shape,
    Unpatch,
    Upsample,
)
from narrows.nn.blocks.rounded import chance_lengths
from narrows.nn.flow import Flow


def batch(shape: Shape, count: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def initial(block: Block, shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    return block.initial_arrays(shape, np.random.default_rng(seed))


def test_dense_weights_are_uniform_within_glorots_limit_and_biases_zero() -> None:
    arrays = initial(Dense(200), (300,))
    limit = math.sqrt(6 / (300 + 200))
    weight = arrays["weight"].astype(np.float64)
    assert np.abs(weight).max() <= np.float32(limit)
    assert np.abs(weight).max() > 0.999 * limit
    # a uniform variable on (-a, a) has variance a^2 / 3: Glorot and Bengio's 2 / (in + out)
    assert weight.var() == pytest.approx(2 / (300 + 200), rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=limit / 100)
    assert not arrays["bias"].any()


def test_another_seed_gives_other_weights() -> None:
    block = Dense(4)
    assert (initial(block, (6,), seed=0)["weight"] != initial(block, (6,), seed=1)["weight"]).all()


def test_dense_multiplies_adds_and_activates() -> None:
    arrays = {
        "weight": np.array([[1, -1], [2, 0.5], [0, 3]], np.float32),
        "bias": np.array([0.5, -2], np.float32),
    }
    items = np.array([[1, 2, 3], [-4, 0, 1]], np.float32)
    np.testing.assert_array_equal(Dense(2).apply(arrays, items, Flow()), [[5.5, 7], [-3.5, 5]])
    np.testing.assert_array_equal(Dense(2, "relu").apply(arrays, items, Flow()), [[5.5, 7], [0, 5]])


def test_the_mirror_of_dense_gives_its_input_and_ends_as_it_is_told() -> None:
    assert Dense(20, "relu").mirror((100,), "sigmoid") == (Dense(100, "sigmoid"),)


def test_flatten_and_its_mirror_keep_every_value_in_place() -> None:
    items = batch((5, 4, 3))
    flat = Flatten().apply({}, items, Flow())
    np.testing.assert_array_equal(flat, items.reshape(5, 60))
    (back,) = Flatten().mirror((5, 4, 3), "relu")
    np.testing.assert_array_equal(back.apply({}, flat, Flow()), items)


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 4), ()])
def test_dense_says_which_shape_it_got(shape: Shape) -> None:
    with pytest.raises(UsageError) as caught:
        Dense(10).output_shape(shape)
    assert "one dimension" in caught.value.message
    assert str(shape) in caught.value.message
    assert "flatten" in (caught.value.hint or "")


def test_reshape_says_how_many_values_it_got_and_needs() -> None:
    with pytest.raises(UsageError, match=r"\(3, 4\) needs 12 values and gets 10, in shape \(10,\)"):
        Reshape((3, 4)).output_shape((10,))


@pytest.mark.parametrize("units", [0, -1, 2.5, "many", True, None])
def test_dense_refuses_what_is_no_number_of_units(units: Any) -> None:
    with pytest.raises(UsageError, match=f"{units!r} units"):
        Dense(units)


@pytest.mark.parametrize("activation", ["swoosh", "", None, 3])
def test_dense_refuses_an_unknown_activation(activation: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Dense(4, activation)
    assert repr(activation) in caught.value.message
    assert all(name in (caught.value.hint or "") for name in ACTIVATIONS)


@pytest.mark.parametrize("shape", [12, "12", [3, 0], [3, -4], [2.0, 6], [True, 12], None])
def test_reshape_refuses_what_is_no_shape(shape: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Reshape(shape)
    assert repr(shape) in caught.value.message


GEOMETRIES = [
    (shape, kernel, stride, padding)
    for shape in [(9, 7, 1), (8, 6, 3), (5, 11, 4)]
    for kernel, stride in [
        ((3, 3), (1, 1)),
        ((3, 3), (2, 2)),
        ((4, 4), (2, 2)),
        ((4, 4), (4, 4)),
        ((5, 2), (3, 1)),
        ((2, 3), (3, 4)),
        ((1, 1), (1, 1)),
    ]
    for padding in ("same", "valid")
]
every_geometry = pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), GEOMETRIES)


@pytest.mark.slow
@every_geometry
def test_conv_is_that_of_jax(shape: Shape, kernel: Any, stride: Any, padding: str) -> None:
    block = Conv(5, kernel, stride, padding)
    arrays, items = initial(block, shape), batch(shape)
    arrays["bias"] = np.arange(5, dtype=np.float32)
    expected = jax.lax.conv_general_dilated(
        items, arrays["weight"], stride, padding.upper(), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(
        block.apply(arrays, items, Flow()), expected + arrays["bias"], atol=1e-5
    )


def test_conv_is_the_correlation_of_scipy() -> None:
    block = Conv(1, (3, 5), 1, "valid", "relu")
    arrays, items = initial(block, (8, 9)), batch((8, 9), 1)
    expected = signal.correlate2d(items[0], arrays["weight"][:, :, 0, 0], mode="valid")
    found = block.apply(arrays, items, Flow())[0, :, :, 0]
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-6)


@every_geometry
def test_conv_transpose_is_the_transpose_of_conv(
    shape: Shape, kernel: Any, stride: Any, padding: str
) -> None:
    forth = Conv(5, kernel, stride, padding)
    (back,) = forth.mirror(shape, "linear")
    small = forth.output_shape(shape)
    weight = initial(forth, shape)["weight"]
    assert back.array_shapes(small)["weight"] == weight.shape
    x, y = batch(shape).astype(np.float64), batch(small, seed=2).astype(np.float64)
    forwards = forth.apply({"weight": weight, "bias": np.zeros(5)}, x, Flow())
    backwards = back.apply({"weight": weight, "bias": np.zeros(shape[2])}, y, Flow())
    assert np.vdot(forwards, y) == pytest.approx(np.vdot(x, backwards), rel=1e-12)


@pytest.mark.slow
@every_geometry
def test_conv_transpose_is_the_slope_of_jax_s_conv(
    shape: Shape, kernel: Any, stride: Any, padding: str
) -> None:
    forth = Conv(5, kernel, stride, padding)
    (back,) = forth.mirror(shape, "linear")
    small = forth.output_shape(shape)
    weight, y = initial(forth, shape)["weight"], batch(small)

    def conv(x: Any) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, weight, stride, padding.upper(), dimension_numbers=numbers
        )

    (expected,) = jax.vjp(conv, batch(shape))[1](y)
    bias = np.arange(shape[2], dtype=np.float32)
    found = back.apply({"weight": weight, "bias": bias}, y, Flow())
    np.testing.assert_allclose(found, expected + bias, atol=1e-5)


@pytest.mark.parametrize(("given", "kind"), [((5, 4), "same"), ((5, 4), "valid")])
def test_conv_transpose_has_a_size_of_its_own(given: Shape, kind: str) -> None:
    shape = ConvTranspose(3, 5, 2, kind).output_shape(given)
    assert shape == {"same": (10, 8, 3), "valid": (13, 11, 3)}[kind]


def test_convolutions_start_within_glorots_limit_of_their_windows() -> None:
    weight = initial(Conv(64, 3), (8, 8, 32))["weight"].astype(np.float64)
    assert weight.var() == pytest.approx(2 / (9 * (32 + 64)), rel=0.02)
    weight = initial(ConvTranspose(64, 3), (8, 8, 32))["weight"].astype(np.float64)
    assert weight.var() == pytest.approx(2 / (9 * (32 + 64)), rel=0.02)


def test_an_image_without_channels_has_one() -> None:
    arrays, items = initial(Conv(3), (6, 5)), batch((6, 5))
    block = Conv(3)
    np.testing.assert_array_equal(
        block.apply(arrays, items, Flow()), block.apply(arrays, items[..., None], Flow())
    )


@pytest.mark.parametrize("shape", [(8, 6, 3), (7, 7, 1), (5, 4, 2)])
@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
def test_pooling_is_that_of_jax(shape: Shape, size: Any) -> None:
    items = batch(shape)
    windows = (1, *size, 1)
    # (0, 0) before and what is missing after, where windows do not divide
    edges = [(0, 0), *((0, -n % k) for n, k in zip(shape[:2], size, strict=True)), (0, 0)]

    def reduced(x: Any, start: float, operation: Any) -> Any:
        return jax.lax.reduce_window(x, start, operation, windows, windows, edges)

    largest = reduced(items, -np.inf, jax.lax.max)
    mean = reduced(items, 0.0, jax.lax.add) / reduced(np.ones_like(items), 0.0, jax.lax.add)
    np.testing.assert_array_equal(Pool(size).apply({}, items, Flow()), largest)
    np.testing.assert_allclose(Pool(size, "mean").apply({}, items, Flow()), mean, atol=1e-6)


def test_upsampling_repeats_what_a_mean_takes_back() -> None:
    items = batch((3, 2, 4))
    large = Upsample(2, (5, 4)).apply({}, items, Flow())
    np.testing.assert_array_equal(large, np.kron(items, np.ones((1, 2, 2, 1)))[:, :5, :4])
    np.testing.assert_allclose(Pool(2, "mean").apply({}, large, Flow()), items, rtol=1e-6)


def test_patches_lie_in_the_channels_by_row_column_and_channel() -> None:
    items = batch((4, 6, 3))
    patches = Patch((2, 3)).apply({}, items, Flow())
    np.testing.assert_array_equal(patches[:, 1, 0], items[:, 2:4, 0:3].reshape(5, 18))
    np.testing.assert_array_equal(Unpatch((2, 3)).apply({}, patches, Flow()), items)


def test_padding_puts_zeros_around_an_image_and_cropping_takes_them_off() -> None:
    items = batch((3, 4, 2))
    wide = Pad((6, 6, 3)).apply({}, items, Flow())
    np.testing.assert_array_equal(wide, np.pad(items, [(0, 0), (1, 2), (1, 1), (0, 1)]))
    np.testing.assert_array_equal(Crop((3, 4, 2)).apply({}, wide, Flow()), items)
    np.testing.assert_array_equal(Crop((3,)).apply({}, batch((8,)), Flow()), batch((8,))[:, :3])


@pytest.mark.parametrize("shape", [(6,), (5, 4, 3)])
def test_batch_norm_brings_every_channel_to_its_scale_and_offset(shape: Shape) -> None:
    items = 7 * batch(shape, 50) + 3
    arrays = initial(Norm(), shape) | {
        "scale": np.full(shape[-1], 2, np.float32),
        "offset": np.full(shape[-1], -1, np.float32),
    }
    flow = Flow(training=True, prefix="encoder.1")
    found = Norm().apply(arrays, items, flow).reshape(-1, shape[-1])
    np.testing.assert_allclose(found.mean(axis=0), -1, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), 2, rtol=1e-4)
    rows = items.reshape(-1, shape[-1])
    # a tenth of the way from 0 and from 1
    np.testing.assert_allclose(flow.updates["encoder.1.mean"], 0.1 * rows.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        flow.updates["encoder.1.variance"], 0.9 + 0.1 * rows.var(axis=0), rtol=1e-4
    )


def test_the_price_of_codes_falls_to_its_least_and_rises_from_there() -> None:
    items = batch((4,))

    def after(item_bytes: float, price: float) -> float:
        flow = Flow(training=True, uniform=lambda shape: np.full(shape, 0.5), prefix="encoder.1")
        block = Rounded(item_bytes, 3)
        arrays = initial(block, (4,)) | {"price": np.float32(price)}
        block.apply(arrays, items, flow)
        return float(flow.updates["encoder.1.price"])

    # the log of what they take too much is cut to one
    assert after(1e6, 0.5) == pytest.approx(0.5 * math.exp(-0.01))
    assert after(1e6, 1e-6) == pytest.approx(1e-6)
    assert after(1e-6, 1e-6) == pytest.approx(1e-6 * math.exp(0.01))


@pytest.mark.slow
@pytest.mark.parametrize("width", [-1e4, -8.0, -3.0, -1.0, 0.0, 2.0, 30.0, 1e4])
def test_what_a_code_takes_is_a_number_however_far_out_it_is(width: float) -> None:
    codes = np.linspace(-300, 300, 100_001, dtype=np.float32)
    middles, widths = np.zeros_like(codes), np.full_like(codes, width)

    def total(*arguments: Any) -> Any:
        return chance_lengths(*arguments).sum()

    lengths = jax.jit(chance_lengths)(*map(jax.numpy.asarray, (codes, middles, widths)))
    sharpness = math.exp(width / (1 + abs(width) / 4))
    exact = np.log(
        special.expit((0.5 - abs(codes.astype(float))) * sharpness)
        - special.expit((-0.5 - abs(codes.astype(float))) * sharpness)
        + 1e-9
    )
    assert np.isfinite(lengths).all()
    near = exact > -10  # beyond it is rounding
    np.testing.assert_allclose(lengths[near], -exact[near], rtol=2e-3, atol=1e-5)
    for slope in jax.jit(jax.grad(total, (0, 1, 2)))(codes, middles, widths):
        assert np.isfinite(slope).all()


def test_batch_norm_uses_its_statistics_when_nothing_is_learnt() -> None:
    items = batch((4, 3))
    arrays = {
        "scale": np.full(1, 2, np.float32),
        "offset": np.full(1, 1, np.float32),
        "mean": np.full(1, 5, np.float32),
        "variance": np.full(1, 4, np.float32),
    }
    np.testing.assert_allclose(
        Norm().apply(arrays, items, Flow()), (items - 5) / 2 * 2 + 1, rtol=1e-4
    )


def test_layer_norm_is_over_the_channels_of_each_place() -> None:
    items = 7 * batch((5, 4, 30)) + 3
    found = Norm("layer").apply(initial(Norm("layer"), (5, 4, 30)), items, Flow(training=True))
    np.testing.assert_allclose(found.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=-1), 1, rtol=1e-4)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    items = np.ones((100, 200), np.float32)
    random = np.random.default_rng(0)
    flow = Flow(training=True, uniform=lambda shape: random.random(shape).astype(np.float32))
    found = Dropout(0.25).apply({}, items, flow)
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert found.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(Dropout(0.25).apply({}, items, Flow()), items)


def test_a_join_adds_or_concatenates_what_was_kept() -> None:
    items = batch((4, 3, 2))
    flow = Flow()
    assert Copy("skip").apply({}, items, flow) is items
    np.testing.assert_array_equal(Join("skip").apply({}, 2 * items, flow), 3 * items)
    both = Join("skip", "concatenate").apply({}, 2 * items, flow)
    np.testing.assert_array_equal(both, np.concatenate([2 * items, items], axis=-1))


def variational(beta: float, draws: Any) -> tuple[np.ndarray, np.ndarray, Flow]:
    """What a gaussian block makes of items: means, what training adds to them, and its flow."""
    random = np.random.default_rng(4)
    block = Gaussian(3, beta)
    arrays = {
        name: 0.3 * random.standard_normal(shape).astype(np.float32)
        for name, shape in block.array_shapes((6,)).items()
    }
    arrays["log_variance.bias"] = np.array([-6, -4, -2], np.float32)
    items = batch((6,), 4000)
    mean = block.apply(arrays, items, Flow())
    np.testing.assert_allclose(mean, items @ arrays["mean.weight"] + arrays["mean.bias"])
    flow = Flow(training=True, normal=lambda shape: draws(shape).astype(np.float32))
    return mean, block.apply(arrays, items, flow) - mean, flow


def test_gaussian_draws_around_the_mean_in_training() -> None:
    _, deviation, _ = variational(1, np.ones)
    _, disturbed, _ = variational(1, np.random.default_rng(1).standard_normal)
    assert deviation.min() > 0
    assert (np.diff(deviation.mean(axis=0)) > 0.05).all()
    assert (disturbed / deviation).mean() == pytest.approx(0, abs=0.03)
    assert (disturbed / deviation).std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("beta", [0, 1, 0.25])
def test_gaussian_pays_for_its_divergence_in_nats(beta: float) -> None:
    """Against the integral of q (log q - log p), by Monte Carlo."""
    draws = np.random.default_rng(7).standard_normal((4000, 3))
    mean, deviation, flow = variational(beta, np.ones)
    drawn = mean + deviation * draws
    log_q = -0.5 * draws**2 - np.log(deviation)
    log_p = -0.5 * drawn**2
    expected = (log_q - log_p).sum()
    (penalty,) = flow.penalties
    assert float(penalty) == pytest.approx(beta * expected, rel=0.02, abs=1e-9)


def test_gaussian_starts_with_a_variance_of_one_whatever_it_gets() -> None:
    block = Gaussian(3)
    flow = Flow(training=True, normal=lambda shape: np.ones(shape, np.float32))
    items = 1e4 * batch((6,))
    arrays = initial(block, (6,))
    drawn, mean = block.apply(arrays, items, flow), block.apply(arrays, items, Flow())
    np.testing.assert_allclose(drawn - mean, 1, atol=2e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_no_log_variance_is_too_large_for_float32_or_stuck() -> None:
    block = Gaussian(1)
    arrays = {n: np.zeros(s, np.float32) for n, s in block.array_shapes((1,)).items()}

    def penalty(bias: Any) -> Any:
        flow = Flow(training=True, normal=lambda shape: np.zeros(shape, np.float32))
        block.apply(arrays | {"log_variance.bias": bias}, jax.numpy.zeros((1, 1)), flow)
        return flow.penalties[0]

    for bias in (-1e4, 1e4):
        value, slope = jax.value_and_grad(penalty)(jax.numpy.full(1, bias))
        assert np.isfinite(value)
        assert slope[0] * bias > 0  # downhill is back to where the variance is 1


REFUSED: list[tuple[Block, Shape, list[str]]] = [
    (Conv(3), (7,), ["conv", "(height, width", "(7,)"]),
    (Conv(3, 5, padding="valid"), (4, 9), ["conv", "(5, 5)", "(4, 9)"]),
    (ConvTranspose(3, 3, 2, size=(9, 9)), (4, 5), ["conv_transpose", "(9, 9)", "(5, 5)", "(4, 5)"]),
    (Patch(4), (7, 8, 3), ["patch of 4 by 4", "(7, 8, 3)"]),
    (Unpatch(2), (3, 3, 6), ["unpatch", "multiple of 4", "6", "(3, 3, 6)"]),
    (Pool(), (7,), ["pool", "(7,)"]),
    (Upsample(2, (9, 9)), (4, 4), ["upsample", "(9, 9)", "(5, 5)", "(4, 4)"]),
    (Norm("layer"), (8, 8), ["norm", "more than one channel", "(8, 8)"]),
    (Norm("layer"), (1,), ["norm", "more than one channel", "(1,)"]),
    (Crop((5, 5)), (4, 9), ["crop", "(5, 5)", "(4, 9)"]),
    (Crop((5, 5)), (9, 9, 1), ["crop", "(5, 5)", "(9, 9, 1)"]),
    (Pad((5, 5)), (4, 9), ["pad", "(5, 5)", "(4, 9)"]),
    (Join("skip"), (4,), ["join", "'skip'", "no block before it"]),
    (Join("small"), (4,), ["join", "'small'", "(3,)", "(4,)"]),
    (Join("small", "concatenate"), (4, 4, 3), ["'small'", "(3,)", "(4, 4, 3)"]),
    (Gaussian(3), (2, 2), ["gaussian", "one dimension", "(2, 2)"]),
]


@pytest.mark.parametrize(("block", "shape", "said"), REFUSED)
def test_a_shape_that_does_not_fit_is_named_with_what_is_needed(
    block: Block, shape: Shape, said: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        block.joined_shape(shape, {"small": (3,)})
    assert all(part in caught.value.message for part in said), caught.value.message


def test_the_padding_that_patches_ask_for_is_enough() -> None:
    with pytest.raises(UsageError) as caught:
        Patch(4).output_shape((7, 8, 3))
    assert "shape = [8, 8, 3]" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Conv(0), "0 channels"),
        (lambda: Conv(3, 0), "kernel 0"),
        (lambda: Conv(3, [3, 3, 3]), "kernel [3, 3, 3]"),  # type: ignore[arg-type]
        (lambda: Conv(3, 3, "2"), "stride '2'"),  # type: ignore[arg-type]
        (lambda: Conv(3, True), "kernel True"),
        (lambda: Conv(3, padding="full"), "padding called 'full'"),
        (lambda: Conv(3, activation="swoosh"), "activation called 'swoosh'"),
        (lambda: ConvTranspose(3, size=(0, 3)), "size (0, 3)"),
        (lambda: Patch(0), "size 0"),
        (lambda: Pool(2, "median"), "kind called 'median'"),
        (lambda: Upsample(2, (4,)), "to (4,)"),  # type: ignore[arg-type]
        (lambda: Norm("group"), "kind called 'group'"),
        (lambda: Dropout(1), "rate of 1"),
        (lambda: Dropout(-0.1), "rate of -0.1"),
        (lambda: Dropout("half"), "rate of 'half'"),  # type: ignore[arg-type]
        (lambda: Activation("swoosh"), "activation called 'swoosh'"),
        (lambda: Copy(""), "copy ''"),
        (lambda: Join("skip", "multiply"), "way called 'multiply'"),
        (lambda: Crop((0, 3)), "crop to (0, 3)"),
        (lambda: Pad("big"), "pad to 'big'"),  # type: ignore[arg-type]
        (lambda: Gaussian(0), "0 numbers"),
        (lambda: Gaussian(3, -1), "beta of -1"),
        (lambda: Gaussian(3, float("nan")), "beta of nan"),
    ],
)
def test_an_option_outside_its_limits_is_named(make: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert said in caught.value.message
