import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA as ReferencePCA

from narrows.errors import DataError, ShapeError, UsageError
from narrows.learnt import pca as pca_module
from narrows.learnt.pca import PCA, fit_pca


def anisotropic(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Gaussian rows whose variances differ enough for every component to be well defined."""
    generator = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(generator.standard_normal((width, width)))
    scales = 0.8 ** np.arange(width)
    return 3.0 + (generator.standard_normal((count, width)) * scales) @ rotation


def assert_same_components(fitted: PCA, reference: ReferencePCA, atol: float) -> None:
    cosines = np.abs(np.sum(fitted.components * reference.components_, axis=1))
    np.testing.assert_allclose(cosines, 1, atol=atol)
    np.testing.assert_allclose(fitted.mean, reference.mean_, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("count", "width"), [(500, 12), (12, 12), (9, 40)], ids=["tall", "square", "wide"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_are_those_of_scikit_learn(count: int, width: int, dtype: type) -> None:
    items = anisotropic(count, width).astype(dtype)
    fitted = fit_pca(items, 5)
    assert_same_components(fitted, ReferencePCA(5, svd_solver="full").fit(items), atol=1e-5)
    assert fitted.components.dtype == fitted.mean.dtype == dtype
    assert not fitted.sampled


def test_reconstruction_of_digits_is_as_near_as_scikit_learns() -> None:
    images = load_digits().images.astype(np.uint8)
    reference = ReferencePCA(10, svd_solver="full").fit(images.reshape(len(images), -1))
    expected = reference.inverse_transform(reference.transform(images.reshape(len(images), -1)))
    reconstructed = fit_pca(images, 10).reconstruct(images)
    assert reconstructed.shape == images.shape
    np.testing.assert_allclose(reconstructed.reshape(len(images), -1), expected, atol=1e-3)


def test_the_number_of_chunks_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    items = (anisotropic(301, 8) * 20).astype(np.uint8)
    whole = fit_pca(items, 3)
    monkeypatch.setattr(pca_module, "_CHUNK_VALUES", 8 * 7)
    chunked = fit_pca(items, 3)
    np.testing.assert_allclose(chunked.components, whole.components, atol=1e-5)
    np.testing.assert_allclose(chunked.mean, whole.mean, rtol=1e-6)


@pytest.mark.parametrize("shape", [(40, 6), (5, 30), (1, 4), (7, 3, 2, 2), (6,)])
def test_components_are_orthonormal_with_a_deterministic_sign(shape: tuple[int, ...]) -> None:
    items = np.random.default_rng(1).standard_normal(shape)
    width = items[0].size
    fitted = fit_pca(items, 100)
    assert fitted.components.shape == (min(width, len(items)), width)
    identity = np.eye(len(fitted.components))
    np.testing.assert_allclose(fitted.components @ fitted.components.T, identity, atol=1e-6)
    assert (fitted.components.max(axis=1) >= -fitted.components.min(axis=1)).all()


def test_as_many_components_as_values_lose_nothing() -> None:
    items = anisotropic(50, 6)
    np.testing.assert_allclose(fit_pca(items, 6).reconstruct(items), items, atol=1e-10)


def test_constant_items_are_kept_by_their_mean() -> None:
    items = np.full((20, 3, 3), 7, dtype=np.uint8)
    np.testing.assert_allclose(fit_pca(items, 2).reconstruct(items), items)


def test_a_large_offset_does_not_drown_the_variance() -> None:
    items = anisotropic(400, 5)
    far = fit_pca(items + 1e9, 2)
    np.testing.assert_allclose(far.components, fit_pca(items, 2).components, atol=1e-6)
    np.testing.assert_allclose(far.mean - 1e9, items.mean(axis=0), atol=1e-6)


def test_items_wider_than_a_covariance_matrix_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca_module, "_LARGEST_MATRIX", 20)
    items = anisotropic(100, 30)
    fitted = fit_pca(items, 4)
    assert fitted.sampled
    sample = items[np.linspace(0, 99, 20).astype(int)]
    assert_same_components(fitted, ReferencePCA(4, svd_solver="full").fit(sample), atol=1e-6)


def test_a_sample_holds_rows_enough_for_the_latent_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca_module, "_LARGEST_MATRIX", 20)
    monkeypatch.setattr(pca_module, "_SAMPLE_VALUES", 1)
    assert fit_pca(anisotropic(100, 30), 4).components.shape == (4, 30)


def test_a_memory_mapped_file_gives_what_the_array_gives(tmp_path: Path) -> None:
    items = (anisotropic(60, 12) * 20).astype(np.uint8).reshape(60, 3, 4)
    for name, stored in {"c.npy": items, "fortran.npy": np.asfortranarray(items)}.items():
        np.save(tmp_path / name, stored)
        mapped = np.load(tmp_path / name, mmap_mode="r", allow_pickle=False)
        np.testing.assert_array_equal(fit_pca(mapped, 3).components, fit_pca(items, 3).components)


def test_a_large_set_is_never_held_whole_as_floats() -> None:
    item = np.arange(8, dtype=np.uint8)
    items = np.broadcast_to(item, (4_000_000, 8))
    tracemalloc.start()
    try:
        fitted = fit_pca(items, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(fitted.mean, item)
    assert peak < items.size * np.dtype(np.float32).itemsize / 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_without_a_variance_are_refused(bad: float) -> None:
    items = anisotropic(10, 3)
    items[4, 1] = bad
    with pytest.raises(DataError, match="NaN, infinity"):
        fit_pca(items, 1)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="latent size is 0"):
        fit_pca(np.ones((3, 2)), 0)
    with pytest.raises(DataError, match="at least one value"):
        fit_pca(np.ones((0, 2)), 1)
    fitted = fit_pca(anisotropic(10, 3), 2)
    with pytest.raises(ShapeError, match="4 values"):
        fitted.encode(np.ones((1, 4)))
    with pytest.raises(ShapeError, match=r"\(1, 3\)"):
        fitted.decode(np.ones((1, 3)))


def read_mnist(name: str) -> np.ndarray:
    folder = os.environ.get("NARROWS_DATA")
    path = Path(folder or ".") / "mnist" / f"{name}-images-idx3-ubyte.gz"
    if folder is None or not path.exists():
        pytest.skip("NARROWS_DATA names no folder with mnist/")
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 784)


@pytest.mark.slow
def test_twenty_components_keep_of_mnist_what_is_published() -> None:
    fitted = fit_pca(read_mnist("train"), 20)
    test = read_mnist("t10k")
    assert np.mean((fitted.reconstruct(test) - test) ** 2) == pytest.approx(1530.6, abs=0.05)
