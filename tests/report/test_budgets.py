"""The figure of errors over numbers kept draws what it was given, each run of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from narrows.errors import DataError
from narrows.figures import rate
from narrows.report.figures.style import save_figure

ROWS: list[dict[str, Any]] = [
    {"method": "PCA", "numbers": 20, "error": 1530.0},
    {"method": "PCA", "numbers": 2, "error": 3000.0},
    {"method": "auto", "numbers": 2, "error": 1900.0},
    {"method": "auto", "numbers": 20, "error": 240.0},
    {"method": "auto", "numbers": 20, "error": 260.0},
]


def test_a_line_a_method_through_the_means_of_its_runs() -> None:
    axes = rate(ROWS, error_unit="grey levels²")
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["PCA"].get_xydata(), [[2, 3000], [20, 1530]])
    np.testing.assert_array_equal(lines["auto"].get_xydata(), [[2, 1900], [20, 250]])
    (runs,) = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert sorted(map(tuple, runs.get_xydata())) == [(2, 1900), (20, 240), (20, 260)]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_ylabel() == "Mean squared error (grey levels²)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["PCA", "auto"]


def test_methods_differ_without_colour() -> None:
    names = "abcdef"
    axes = rate([{"method": name, "numbers": 1, "error": 1.0} for name in names])
    assert len({line.get_marker() for line in axes.lines}) == len(names)


@pytest.mark.slow
def test_the_file_is_a_picture_and_the_same_one_again(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        save_figure(rate(ROWS), tmp_path / name)
    with Image.open(tmp_path / "one.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 780))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"method": "mean item", "numbers": 0, "error": 4.0}],
        [{"method": "all", "numbers": 9, "error": 0.0}],
        [{"method": "diverged", "numbers": 9, "error": float("nan")}],
    ],
)
def test_what_has_no_place_on_the_axes_is_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError):
        rate(rows)
