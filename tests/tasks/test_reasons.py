"""Why an item is odd: how much its score falls, where the answer is known."""

import numpy as np

from narrows.tasks.reasons import falls, shares

MIDDLE = np.array([1.0, -2.0, 0.5, 3.0])
PARTS = (slice(0, 1), slice(1, 3), slice(3, 4))
NUMBERS = (None, None, None)


def test_a_part_falls_by_what_it_alone_adds_to_the_score() -> None:
    """A model that makes the middle of everything, and squared distances from it as a score."""

    def judge(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        squares = np.square(items - MIDDLE)
        return np.column_stack([squares.sum(axis=1), 3 * squares[:, 0]]), np.tile(
            MIDDLE, (len(items), 1)
        )

    items = np.random.default_rng(0).normal(size=(5, 4))
    found = falls(judge, items, np.full(4, 100.0), PARTS, NUMBERS)
    squares = np.square(items - MIDDLE)
    np.testing.assert_allclose(found[:, 0, 0], squares[:, 0])
    np.testing.assert_allclose(found[:, 1, 0], squares[:, 1:3].sum(axis=1))
    np.testing.assert_allclose(found[:, 0, 1], 3 * squares[:, 0])
    np.testing.assert_allclose(found[:, 2, 1], 0)


def test_a_model_that_copies_most_of_a_part_is_followed_to_the_end() -> None:
    """Each step keeps 0.8 of a value: where they end is known after two (Aitken, 1926)."""

    def judge(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.abs(items - MIDDLE).sum(axis=1, keepdims=True), 0.8 * items + 0.2 * MIDDLE

    items = np.random.default_rng(0).normal(size=(5, 4))
    found = falls(judge, items, np.full(4, 10.0), PARTS, NUMBERS)[:, :, 0]
    distances = np.abs(items - MIDDLE)
    expected = [distances[:, part].sum(axis=1) for part in PARTS]
    np.testing.assert_allclose(found, np.stack(expected, axis=1))


def test_a_category_is_replaced_by_the_one_that_fits_best() -> None:
    """A score that is lowest where the class is the one of a row's number."""
    classes = np.eye(3)

    def judge(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wanted = classes[items[:, 3].astype(int)]
        return np.abs(items[:, :3] - wanted).sum(axis=1, keepdims=True), items

    given, wanted = np.divmod(np.arange(9), 3)
    items = np.column_stack([classes[given], wanted])
    parts = (slice(0, 3), slice(3, 4))
    found = falls(judge, items, np.zeros(4), parts, (classes, np.arange(3.0)[:, None]))
    np.testing.assert_array_equal(found[:, 0, 0], 2 * (given != wanted))
    np.testing.assert_array_equal(found[:, 1, 0], 2 * (given != wanted))


def test_items_are_explained_alone_as_in_company() -> None:
    def judge(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        others = items[:, ::-1]
        return np.abs(items - others).max(axis=1, keepdims=True), 0.5 * items + 0.5 * others

    items = np.random.default_rng(0).normal(size=(6, 4))
    together = falls(judge, items, np.zeros(4), PARTS, NUMBERS)
    alone = [falls(judge, items[row : row + 1], np.zeros(4), PARTS, NUMBERS) for row in range(6)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_shares_sum_to_1() -> None:
    np.testing.assert_allclose(
        shares(np.array([[1.0, 3.0], [0.0, 0.0]])), [[0.25, 0.75], [0.5] * 2]
    )
