"""``narrows detect``: what it writes, and what it says of what it cannot judge."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

from command_line import Command, done, failed
from narrows.data import Dataset
from narrows.fitting import Fitted


@pytest.fixture
def items(digits: Dataset, tmp_path: Path) -> Path:
    np.save(tmp_path / "items.npy", digits.items[:200])
    return tmp_path / "items.npy"


def test_a_row_of_scores_for_each_item(
    model_file: Path, items: Path, narrows: Command, tmp_path: Path
) -> None:
    out, picture = tmp_path / "s.csv", tmp_path / "odd.png"
    line = ("detect", model_file, items, "--out", out, "--heat-map", picture)
    found = done(narrows(*line, "--false-alarms", 0.1, "--json"))
    values, rows = json.loads(found.out), pyarrow.csv.read_csv(out)
    assert picture.stat().st_size > 0
    assert rows["row"].to_pylist() == list(range(200))
    assert sorted(rows["rank"].to_pylist()) == list(range(1, 201))
    scores = rows["score"].to_numpy()
    np.testing.assert_array_equal(np.argsort(-scores, kind="stable")[:5], values["oddest"])
    flagged = np.array(rows["flagged"].to_pylist())
    np.testing.assert_array_equal(flagged, rows["p_value"].to_numpy() <= 0.1)
    assert flagged.sum() == values["flagged"]


def test_too_few_held_out_rows_are_said(
    model_file: Path, items: Path, narrows: Command, tmp_path: Path
) -> None:
    line = ("detect", model_file, items, "--out", tmp_path / "s.csv", "--false-alarms", 0.001)
    assert "cannot tell a rate of 0.001" in done(narrows(*line)).err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--score", "distance"), "no score called 'distance'"),
        (("--false-alarms", 0), "a rate of false alarms of 0 is not between 0 and 1"),
        (("--explain", -1), "--explain is -1"),
        (("--heat-map", "odd.jpg"), "odd.jpg cannot hold a picture"),
    ],
)
def test_options_outside_their_limits(
    model_file: Path,
    items: Path,
    narrows: Command,
    tmp_path: Path,
    options: tuple[object, ...],
    message: str,
) -> None:
    line = ("detect", model_file, items, "--out", tmp_path / "s.csv", *options)
    failed(narrows(*line), 2, message)


def test_items_that_cannot_be_judged(
    model_file: Path, fitted: Fitted, narrows: Command, tmp_path: Path
) -> None:
    path, out = tmp_path / "x.npy", tmp_path / "s.csv"
    for array, message in (
        (np.zeros((3, 5)), "trained on"),
        (np.full((2, 8, 8), np.nan), "every value must be finite"),
        (np.zeros((4, 8, 8)), "all 4 items of"),
    ):
        np.save(path, array)
        failed(narrows("detect", model_file, path, "--out", out), 1, message)
        assert not out.exists()
