"""``narrows detect``: what it writes, and what it says of what it cannot judge."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from helpers.command_line import Command, done, failed
from narrows.data import Dataset, load_data
from narrows.model.file import load_model, save_model
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks.detector import Detector
from narrows.tasks.fit_plan import Fitted, fit_plan


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
    ):
        np.save(path, array)
        failed(narrows("detect", model_file, path, "--out", out), 1, message)
        assert not out.exists()


def test_a_model_that_has_not_learnt_what_is_odd_says_so(
    items: Path, narrows: Command, tmp_path: Path
) -> None:
    model = tmp_path / "m.safetensors"
    options = ("--preset", "dense", "--latent", 2, "--epochs", 1, "--refine", 0)
    done(narrows("fit", items, "--out", model, *options, "--no-detection"))
    assert not load_model(model).detection
    line = ("detect", model, items, "--out", tmp_path / "s.csv")
    failed(narrows(*line), 2, "can be called odd", "without --no-detection")


def test_equal_images_are_judged_as_one_is(
    model_file: Path, digits: Dataset, narrows: Command, tmp_path: Path
) -> None:
    written = []
    for count in (1, 4):
        np.save(tmp_path / "x.npy", np.repeat(digits.items[:1], count, axis=0))
        out = tmp_path / f"{count}.csv"
        said = done(narrows("detect", model_file, tmp_path / "x.npy", "--out", out)).err
        assert ("all 4 rows of" in said) == (count == 4)
        written.append(pyarrow.csv.read_csv(out).select(["p_value", "flagged"]).to_pylist())
    assert written[1] == written[0] * 4


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a table with a category and two numbers."""
    random = np.random.default_rng(0)
    height = random.normal(size=120)
    cells = {"kind": random.choice(["a", "b"], 120), "height": height, "twice": 2 * height}
    path = tmp_path_factory.mktemp("table") / "table.safetensors"
    data = load_data(pa.table(cells))
    plan = make_plan(data, FitOptions(preset="simple", latent=1, hidden=(4,), epochs=2))
    save_model(path, fit_plan(data, None, plan, detection=True).trained)
    return path


@pytest.mark.slow
def test_so_many_rows_are_explained_as_take_a_few_seconds(
    table_model: Path, narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    cells = {"kind": ["a"] * 30, "height": random.normal(size=30), "twice": random.normal(size=30)}
    pyarrow.csv.write_csv(pa.table(cells), tmp_path / "x.csv")
    out = tmp_path / "s.csv"
    line = ("detect", table_model, tmp_path / "x.csv", "--out", out)

    def explained() -> list[int]:
        rows = pyarrow.csv.read_csv(out)
        return sorted(row["rank"] for row in rows.to_pylist() if row["reason_1"])

    monkeypatch.setattr(Detector, "explanation_seconds", 0.4)
    assert "of the oddest 7; --explain N" in done(narrows(*line)).err
    assert explained() == [*range(1, 8)]
    assert "of the oddest" not in done(narrows(*line, "--explain", 12)).err
    assert explained() == [*range(1, 13)]
    monkeypatch.setattr(Detector, "explanation_seconds", 40.0)
    done(narrows(*line))
    assert explained() == [1]


KINDS, NUMBERS = ["a", "b", "a"], [1.0, 2.0, 7.0]


@pytest.mark.parametrize(
    ("cells", "message", "hint"),
    [
        (
            {"kind": KINDS, "height": NUMBERS},
            "x.csv lacks 1 of the model's 3 columns: 'twice'",
            "its columns are 'kind', 'height'",
        ),
        (
            {"colour": KINDS, "size": NUMBERS},
            "x.csv lacks 3 of the model's 3 columns: 'kind', 'height', 'twice'",
            "its columns are 'colour', 'size'",
        ),
        (
            {"kind": KINDS, "height": ["tall", "1", "2"], "twice": NUMBERS},
            "column 'height' holds 'tall' in line 2, which is not a number",
            "leave the cell empty",
        ),
    ],
)
def test_a_table_of_other_columns(
    table_model: Path,
    narrows: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cells: dict[str, list[object]],
    message: str,
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(pa.table(cells), "x.csv")
    failed(narrows("detect", table_model, "x.csv", "--out", "s.csv"), 1, message, hint)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_an_array_for_a_model_of_a_table(
    table_model: Path, narrows: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 3)))
    line = ("detect", table_model, tmp_path / "x.npy", "--out", tmp_path / "s.csv")
    failed(narrows(*line), 1, "x.npy is no table", "kind, height, twice")


@pytest.mark.slow
def test_columns_in_another_order_and_one_too_many(
    table_model: Path, narrows: Command, tmp_path: Path
) -> None:
    table = pa.table({"kind": KINDS, "height": NUMBERS, "twice": [2.0, 4.0, -14.0]})
    other = table.select(["twice", "kind", "height"]).append_column("more", [[1, 2, 3]])
    for name, rows in (("x.csv", table), ("y.csv", other)):
        pyarrow.csv.write_csv(rows, tmp_path / name)
    outcomes = [
        done(narrows("detect", table_model, tmp_path / name, "--out", tmp_path / f"of-{name}"))
        for name in ("x.csv", "y.csv")
    ]
    assert "ignored what the model was not trained on: 'more'" in outcomes[1].err
    assert (tmp_path / "of-x.csv").read_bytes() == (tmp_path / "of-y.csv").read_bytes()
