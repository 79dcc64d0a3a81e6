"""The figures of ``narrows.figures``: on the caller's axes or new ones, and on nothing else."""

from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes

from narrows import figures
from narrows.errors import ShapeError

matplotlib.use("agg")

_RANDOM = np.random.default_rng(0)
IMAGES = _RANDOM.integers(0, 256, (12, 9, 7), dtype=np.uint8)
ROWS = _RANDOM.normal(size=(12, 13))
HISTORY = [{"epoch": epoch, "loss": 9 / epoch, "val_loss": 10 / epoch} for epoch in range(1, 30)]
BUDGETS = [{"method": "PCA", "numbers": size, "error": 100 / size} for size in (2, 5, 10)]

DRAWINGS: dict[str, Callable[[Axes | None], Axes]] = {
    "loss": lambda ax: figures.loss(HISTORY, ax),
    "reconstructions": lambda ax: figures.reconstructions(IMAGES, IMAGES[::-1], ax),
    "reconstructions of rows": lambda ax: figures.reconstructions(ROWS, -ROWS, ax),
    "codes": lambda ax: figures.codes(ROWS, np.array(list("abcabcabcabc")), ax),
    "traversal": lambda ax: figures.traversal([IMAGES, IMAGES[::-1]], ax, numbers=[3, 4]),
    "traversal of rows": lambda ax: figures.traversal([ROWS], ax),
    "rate": lambda ax: figures.rate(BUDGETS, ax),
}
every_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=list(DRAWINGS))


@pytest.mark.slow
@every_drawing
def test_each_draws_on_the_given_axes(draw: Callable[[Axes | None], Axes]) -> None:
    figure, (ours, other) = pyplot.subplots(ncols=2)
    try:
        assert draw(ours) is ours
        figure.canvas.draw()
        assert ours.has_data() and not other.has_data()
    finally:
        pyplot.close(figure)


@pytest.mark.slow
@every_drawing
def test_without_axes_each_makes_a_figure_and_leaves_the_rest_alone(
    draw: Callable[[Axes | None], Axes],
) -> None:
    before = dict(matplotlib.rcParams), pyplot.get_fignums()
    ax = draw(None)
    ax.figure.canvas.draw()
    assert ax.has_data()
    assert (dict(matplotlib.rcParams), pyplot.get_fignums()) == before


def test_a_row_of_pictures_for_each_number() -> None:
    ax = figures.traversal([IMAGES, IMAGES[::-1]], numbers=[3, 4])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["number 4", "number 5"]
    (picture,) = ax.get_images()
    sheet = np.asarray(picture.get_array())
    low, high = float(IMAGES.min()), float(IMAGES.max())
    scale = sheet.shape[0] // 2 // IMAGES.shape[1]
    corner = sheet[: IMAGES.shape[1] * scale : scale, : IMAGES.shape[2] * scale : scale, 0]
    expected = np.rint((IMAGES[0] - low) / (high - low) * 255)
    np.testing.assert_array_equal(corner, expected)


def test_curves_are_the_values_of_each_item() -> None:
    ax = figures.reconstructions(ROWS, -ROWS)
    for line, expected in zip(ax.get_lines(), (ROWS, -ROWS), strict=True):
        values = np.asarray(line.get_ydata())
        shown = expected[: len(values) // (expected.shape[1] + 1)]
        np.testing.assert_array_equal(values[~np.isnan(values)], shown.ravel())


def test_what_is_no_traversal_is_refused() -> None:
    with pytest.raises(ShapeError, match="no traversal"):
        figures.traversal([IMAGES, IMAGES[:3]])
    with pytest.raises(ShapeError, match="no traversal"):
        figures.traversal([])
    with pytest.raises(ShapeError, match="1 numbers are named"):
        figures.traversal([IMAGES, IMAGES], numbers=[2])
