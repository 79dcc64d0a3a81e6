"""Errors for all budgets at once, against doing it for each."""

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from narrows.baselines.numbers_kept import largest_dct_errors, pca_errors
from narrows.data import load_data
from narrows.learnt.pca import fit_pca

RANDOM = np.random.default_rng(0)
NUMBERS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50)


@pytest.fixture(scope="module")
def parts() -> tuple[np.ndarray, np.ndarray]:
    training, held_out = load_data("digits").split(0.2, 0)
    return training.items, held_out.items


@pytest.mark.slow
def test_pca_loses_what_a_projection_onto_the_first_singular_vectors_loses(
    parts: tuple[np.ndarray, np.ndarray],
) -> None:
    training, held_out = (part.reshape(len(part), -1).astype(float) for part in parts)
    mean = training.mean(axis=0)
    directions = np.linalg.svd(training - mean, full_matrices=False)[2]
    found = pca_errors(fit_pca(parts[0], max(NUMBERS)), parts[1], NUMBERS)
    assert list(found) == list(NUMBERS)
    for numbers, error in found.items():
        leading = directions[:numbers]
        back = (held_out - mean) @ leading.T @ leading + mean
        assert error == pytest.approx(np.square(back - held_out).mean(), rel=1e-3)


def test_no_component_is_the_mean_and_all_of_them_lose_nothing() -> None:
    items = RANDOM.normal(5, 1, (40, 6))
    found = pca_errors(fit_pca(items, 6), items, [0, 6])
    assert found[0] == pytest.approx(items.var(axis=0).mean())
    assert 0 <= found[6] < 1e-9


def test_more_components_than_there_are_are_left_out() -> None:
    items = RANDOM.normal(size=(30, 4))
    assert list(pca_errors(fit_pca(items, 50), items, NUMBERS)) == [2, 3, 4]


@pytest.mark.parametrize("shape", [(64,), (8, 9), (8, 7, 3), (5, 6, 1)])
def test_the_largest_coefficients_are_those_and_no_others(shape: tuple[int, ...]) -> None:
    items = RANDOM.integers(0, 256, (12, *shape), dtype=np.uint8)
    axes = tuple(range(1, min(len(shape), 2) + 1))
    for numbers, error in largest_dct_errors(items, [0, 1, 2, 3, 10, 50]).items():
        lost = 0.0
        for item in items:
            frequencies = dctn(item.astype(float)[None], axes=axes, norm="ortho")
            flat = frequencies.reshape(-1)
            flat[np.argsort(np.abs(flat))[: flat.size - numbers // 2]] = 0
            lost += np.square(idctn(frequencies, axes=axes, norm="ortho")[0] - item).sum()
        assert error == pytest.approx(lost / items.size, rel=1e-9)


def test_all_coefficients_lose_nothing_and_more_are_left_out() -> None:
    items = RANDOM.normal(size=(5, 4, 4)) * 100
    found = largest_dct_errors(items, [32, 33, 34])
    assert list(found) == [32, 33]
    assert all(0 <= error < 1e-9 for error in found.values())
