"""What range data fill: the unit of noise, the scaling of PCA where it takes a model's place, and
the peak of a PSNR."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from helpers.command_line import Command, done
from narrows import Autoencoder
from narrows.data import Dataset, TableSchema, load_data
from narrows.data.limits import known_peak
from narrows.data.sources import format_range
from narrows.errors import ModelFileError
from narrows.model.file import load_model, save_model
from narrows.model.use import TrainedAutoencoder
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report.diagnostics import find_warnings
from narrows.report.evaluation import Evaluation, evaluate
from narrows.support.tensor_file import read_tensors, write_tensors
from narrows.tasks.denoise import damaged
from narrows.tasks.fit_plan import Fitted, fit_plan
from narrows.training import Noise
from narrows.training.noise import noise_limits

RANDOM = np.random.default_rng(11)
SHARES = RANDOM.random((240, 7, 7))
SHARES[0, 0, :2] = 0, 1  # so that the ends are there

# What each set of images is made of, and the range that it fills.
KINDS: dict[str, tuple[np.ndarray, float, float]] = {
    "uint8": (np.rint(SHARES * 255).astype(np.uint8), 0, 255),
    "dark uint8": (np.rint(SHARES * 16).astype(np.uint8), 0, 16),
    "uint16": (np.rint(SHARES * 65535).astype(np.uint16), 0, 65535),
    "12 bits": (np.rint(SHARES * 4095).astype(np.uint16), 0, 4095),
    "floats": (SHARES.astype(np.float32), 0, 1),
    "floats of 8 bits": (np.rint(SHARES * 255), 0, 255),
    "signed": (np.rint(SHARES * 3000 - 1000).astype(np.int16), -1000, 2000),
    "far": (SHARES * 0.5 + 1e8, 1e8, 1e8 + 0.5),
}


def expected(noise: Noise, items: np.ndarray, low: float, high: float) -> float:
    """The root mean square of what noise does to items, by NumPy alone."""
    random, x = np.random.default_rng(5), items.astype(np.float64)
    if noise.kind == "gaussian":
        noisy = np.clip(x + noise.amount * (high - low) * random.normal(size=x.shape), low, high)
    else:
        noisy, hit = x.copy(), random.random(x.shape)
        noisy[hit < noise.amount] = low
        if noise.kind == "salt-pepper":
            noisy[hit < noise.amount / 2] = high
    return float(np.sqrt(np.square(noisy - x).mean()))


def rms(noisy: np.ndarray, items: np.ndarray) -> float:
    return float(np.sqrt(np.square(noisy.astype(np.float64) - items).mean()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "noise"),
    [
        *((name, "gaussian:0.3") for name in KINDS),
        *itertools.product(("dark uint8", "signed", "far"), ("masking:0.3", "salt-pepper:0.2")),
    ],
)
def test_noise_is_a_share_of_the_range_of_the_data(
    name: str, noise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (items, low, high), wanted = KINDS[name], Noise.parse(noise)
    seen: list[float] = []
    apply = Noise.apply

    def noted(self: Noise, clean: np.ndarray, *arguments: Any) -> np.ndarray:
        noisy = apply(self, clean, *arguments)
        assert noisy.min() >= low and noisy.max() <= high
        if len(clean) == len(items):
            seen.append(rms(noisy, clean))
        return noisy

    monkeypatch.setattr(Noise, "apply", noted)
    data = Dataset("images", items, format_range(items.dtype))
    for preset in ("simple", "dense"):
        options = FitOptions(
            preset=preset, latent=2, hidden=(4,), epochs=1, batch_size=240, noise=noise
        )
        plan = make_plan(data, options)
        trained = fit_plan(data, None, plan).trained
        damaged(TrainedAutoencoder(trained), items, wanted, seed=0)
    np.testing.assert_allclose(seen, expected(wanted, items, low, high), rtol=0.06)
    assert len(seen) >= 4


@pytest.mark.slow
def test_noise_on_bytes_is_undone_by_the_articles_model() -> None:
    flat = np.where(RANDOM.random((400, 1)) < 0.5, 40, 210) * np.ones((1, 36))
    items = flat.astype(np.uint8).reshape(-1, 6, 6)
    learnt = Autoencoder(4, preset="simple", noise="gaussian:0.3", epochs=20).fit(items)
    noisy = np.clip(items + RANDOM.normal(0, 0.3 * 255, items.shape), 0, 255).astype(np.uint8)
    assert rms(learnt.denoise(noisy), items) < rms(noisy, items)


def test_noise_on_a_table_is_a_share_of_each_features_range(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    numbers = RANDOM.normal(50, 10, 3000)
    path.write_text("a,b\n" + "".join(f"{a:.3f},{'xyz'[int(a) % 3]}\n" for a in numbers))
    data = load_data(path)
    assert isinstance(data.table, TableSchema)
    limits = noise_limits(data)
    np.testing.assert_allclose(limits.lowest, data.items.min(axis=0), rtol=1e-5)
    np.testing.assert_allclose(limits.highest, data.items.max(axis=0), rtol=1e-5)
    noisy = limits.damaged(Noise("gaussian", 0.05), data.items, np.random.default_rng(0))
    width = np.ptp(data.items[:, 0].astype(np.float64))
    assert abs((noisy - data.items)[:, 0].std() / (0.05 * width) - 1) < 0.05
    masked = limits.damaged(Noise("masking", 0.3), data.items, np.random.default_rng(0))
    assert set(masked[masked != data.items].tolist()) == {0.0}


# The linear model


def kept_pca(items: np.ndarray, latent: int) -> tuple[Fitted, Evaluation]:
    """What ``auto`` learns of items that PCA keeps best, and what it leaves of them."""
    data = Dataset("items", items, format_range(items.dtype))
    plan = make_plan(data, FitOptions(latent=latent, epochs=1))
    fitted = fit_plan(data, None, plan)
    assert fitted.trained.training.linear
    evaluation = evaluate(TrainedAutoencoder(fitted.trained), data)
    cautions = find_warnings(
        TrainedAutoencoder(fitted.trained), data, None, fitted.history, evaluation
    )
    assert "worse-than-pca" not in {caution.kind for caution in cautions}
    return fitted, evaluation


RANK_3 = RANDOM.normal(size=(300, 3)) @ RANDOM.normal(size=(3, 12))
RANK_3 += 0.1 * RANDOM.normal(size=RANK_3.shape)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-20, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize("offset", [0, 1e6, 1e9, np.geomspace(1, 1e9, 12)])
def test_the_linear_model_leaves_what_pca_leaves(offset: Any, scale: float, tmp_path: Path) -> None:
    items = (RANK_3 + offset) * scale
    reference = PCA(3).fit(RANK_3)  # which differs from that of the items by rounding alone
    left = np.square(reference.inverse_transform(reference.transform(RANK_3)) - RANK_3).mean()
    fitted, evaluation = kept_pca(items, 3)
    np.testing.assert_allclose(evaluation.model.mse, left * scale**2, rtol=1e-3)
    np.testing.assert_allclose(evaluation.pca.mse, left * scale**2, rtol=1e-3)
    save_model(tmp_path / "m", fitted.trained)
    again = TrainedAutoencoder(load_model(tmp_path / "m")).reconstruct(items)
    np.testing.assert_array_equal(again, TrainedAutoencoder(fitted.trained).reconstruct(items))


def test_float32_data_far_from_zero_are_no_worse_than_their_own_digits() -> None:
    items = (np.rint(RANK_3 * 64) / 64 + 2**15).astype(np.float32)
    centred = items.astype(np.float64) - 2**15
    reference = PCA(3).fit(centred)
    left = np.square(reference.inverse_transform(reference.transform(centred)) - centred).mean()
    _, evaluation = kept_pca(items, 3)
    np.testing.assert_allclose(evaluation.model.mse, left, rtol=1e-3)
    np.testing.assert_allclose(evaluation.pca.mse, left, rtol=1e-3)


@pytest.mark.slow
def test_images_leave_the_same_error_whatever_their_dtype() -> None:
    levels = RANDOM.normal(size=(150, 3)) @ RANDOM.normal(size=(3, 64)) * 30 + 128
    images = np.clip(np.rint(levels), 0, 255).reshape(-1, 8, 8)
    images[0, 0, :2] = 0, 255
    _, reference = kept_pca(images.astype(np.uint8), 3)
    assert reference.model.psnr is not None
    for dtype in (np.uint16, np.int32, np.float32, np.float64):
        fitted, found = kept_pca(images.astype(dtype), 3)
        np.testing.assert_allclose(found.model.mse, reference.model.mse, rtol=1e-4)
        np.testing.assert_allclose(found.model.relative, reference.model.relative, rtol=1e-4)
        np.testing.assert_allclose(found.model.psnr, reference.model.psnr, rtol=1e-4)
        assert any("8 bits" in note for note in fitted.notes)
    _, unit = kept_pca(images / 255, 3)
    np.testing.assert_allclose(unit.model.psnr, reference.model.psnr, rtol=1e-4)


# Peaks


@pytest.mark.parametrize(
    ("dtype", "value_range", "extent", "whole", "peak"),
    [
        ("uint8", (0, 255), (3, 90), True, 255),
        ("uint8", (0, 16), (0, 16), True, 16),
        ("uint8", (0, 255), (0, 16), True, None),  # 16 levels in an array that could hold 255
        ("bool", (0, 1), (0, 1), True, 1),
        ("uint16", (0, 65535), (0, 4051), True, 4095),
        ("uint16", None, (12, 900), True, 1023),
        ("uint16", (0, 65535), (0, 60000), True, 65535),
        ("int32", None, (0, 255), True, 255),
        ("float32", None, (0, 4000), True, 4095),
        ("float64", None, (0.0, 0.9), False, 1),
        ("float64", None, (0.0, 1.0), True, 1),
        ("float64", None, (0.0, 1e-6), False, None),
        ("float64", None, (-0.5, 0.5), False, None),
        ("float32", None, (0, 255), False, None),
        ("int16", None, (-1000, 2000), True, None),
        ("int32", None, (0, 1_000_000), True, None),
    ],
)
def test_a_peak_is_what_the_format_or_the_bits_can_hold(
    dtype: str, value_range: Any, extent: Any, whole: bool, peak: float | None
) -> None:
    assert known_peak((8, 8), np.dtype(dtype), value_range, extent, whole) == peak


@pytest.mark.slow
def test_without_a_peak_denoise_tells_shares_of_the_range(narrows: Command, tmp_path: Path) -> None:
    items = (SHARES * 7 - 3).astype(np.float32)
    np.save(tmp_path / "x.npy", items)
    options = ("--preset", "simple", "--noise", "gaussian:0.2", "--epochs", 1)
    done(narrows("fit", tmp_path / "x.npy", *options, "--out", tmp_path / "m"))
    out = done(
        narrows("denoise", tmp_path / "m", tmp_path / "x.npy", "--noise", "gaussian:0.2", "--out",
                tmp_path / "y.npy")
    )  # fmt: skip
    assert "dB" not in out.out and "RMSE, of the range" in out.out


def test_a_forged_centre_is_refused(tmp_path: Path) -> None:
    fitted, _ = kept_pca(RANK_3 + 1e6, 3)
    save_model(tmp_path / "m", fitted.trained)
    arrays, entry = read_tensors(tmp_path / "m")
    assert entry["model"] == 3
    for wrong in (arrays["scaling/centre"][:-1], arrays["scaling/centre"] * np.nan):
        write_tensors(tmp_path / "forged", {**arrays, "scaling/centre": wrong}, entry)
        with pytest.raises(ModelFileError, match="scaling/centre"):
            load_model(tmp_path / "forged")
    for data in ({"extent": [2, 1]}, {"extent": [0, float("nan")]}, {"peak": -1}, {"peak": "x"}):
        forged = {**entry, "data": {**entry["data"], **data}}
        write_tensors(tmp_path / "forged", arrays, forged)
        with pytest.raises(ModelFileError, match="damaged"):
            load_model(tmp_path / "forged")
