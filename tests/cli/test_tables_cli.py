"""Tables at the command line: columns go in and come out, and what does not fit is said."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from helpers.command_line import Command, contents
from narrows.data import load_data
from narrows.learnt.pca import fit_pca
from narrows.model.file import save_model
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling


def table(count: int = 300) -> pa.Table:
    random = np.random.default_rng(0)
    number = random.normal(size=count)
    return pa.table(
        {
            "number": number,
            "twice": 2 * number,
            "gappy": pa.array(random.normal(size=count), mask=random.random(count) < 0.2),
            "whole": random.integers(0, 9, count).astype(np.int16),
            "flag": random.random(count) < 0.5,
            "class": pa.array(random.choice(["a", "b"], count)).dictionary_encode(),
            "day": pa.array(random.integers(0, 999, count).astype(np.int32)).cast(pa.date32()),
            "fixed": [7] * count,
            "id": [f"row {number}" for number in range(count)],
        }
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pa.parquet.write_table(table(), tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


@pytest.fixture
def model(source: Path, tmp_path: Path) -> Path:
    """A model of that table that has learnt nothing yet."""
    data = load_data(source)
    assert data.table is not None
    spec = preset_spec("simple", (data.table.width,), latent=3, hidden=())
    pca = fit_pca(data.items, 3)
    trained = TrainedModel(
        model=initial_model(spec, Scaling(), seed=0),
        data=DataDescription(name=data.name, count=len(data), dtype="float32", table=data.table),
        training=TrainingRecord(objective="l2"),
        baseline={"mean": pca.mean, "components": pca.components},
    )
    save_model(tmp_path / "model.safetensors", trained)
    return tmp_path / "model.safetensors"


def test_columns_come_back_with_names_order_and_types(
    model: Path, source: Path, narrows: Command, tmp_path: Path
) -> None:
    codes, first, second = (tmp_path / name for name in ("c.npy", "d.parquet", "r.parquet"))
    assert narrows("encode", model, source, "--out", codes).code == 0
    assert narrows("decode", model, codes, "--out", first).code == 0
    assert narrows("reconstruct", model, source, "--out", second).code == 0
    found = pa.parquet.read_table(first)
    assert found.schema.equals(table().schema)
    assert found.num_rows == 300
    assert found.equals(pa.parquet.read_table(second))
    assert found["fixed"].to_pylist() == [7] * 300
    assert found["id"].null_count == 300
    assert set(found["class"].to_pylist()) <= {"a", "b"}


def test_csv_out_is_read_as_the_same_columns(
    model: Path, source: Path, narrows: Command, tmp_path: Path
) -> None:
    assert narrows("reconstruct", model, source, "--out", tmp_path / "r.csv").code == 0
    assert narrows("reconstruct", model, source, "--out", tmp_path / "r.parquet").code == 0
    written = pa.csv.read_csv(tmp_path / "r.csv")
    expected = pa.parquet.read_table(tmp_path / "r.parquet")
    assert written.column_names == expected.column_names
    for name in ("number", "gappy", "whole", "flag", "class", "day", "fixed"):
        assert written[name].to_pylist() == expected[name].to_pylist()


@pytest.mark.slow
def test_evaluate_measures_columns_and_what_follows_from_what(
    model: Path, source: Path, narrows: Command
) -> None:
    done = narrows("evaluate", model, source)
    assert done.code == 0
    for name in ("number", "gappy", "class", "day"):
        assert name in done.out
    values = json.loads(narrows("evaluate", model, source, "--json").out)
    assert {column["name"] for column in values["columns"]} >= {"number", "class"}
    scores = {column["name"]: column["score"] for column in values["redundancy"]["columns"]}
    assert scores["twice"] > 0.99 > 0.5 > scores["whole"]


def test_what_training_never_saw_is_said(model: Path, narrows: Command, tmp_path: Path) -> None:
    strange = table(10).set_column(5, "class", pa.array(["new"] * 10))
    strange = strange.append_column("more", pa.array(range(10)))
    pa.csv.write_csv(strange.select(strange.column_names[::-1]), tmp_path / "a.csv")
    done = narrows("encode", model, tmp_path / "a.csv", "--out", tmp_path / "c.npy")
    assert done.code == 0
    assert "column 'class' has 10 values that training never saw ('new' 10x)" in done.err
    assert "ignored what the model was not trained on: 'more'" in done.err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rows: rows.drop_columns(["flag", "day"]), "lacks 2 of the model's 7 columns"),
        (
            lambda rows: rows.set_column(0, "number", rows["id"]),
            "column 'number' holds 'row 0' in row 0, which is not a number",
        ),
    ],
)
def test_a_table_that_does_not_fit(
    make: object, message: str, model: Path, narrows: Command, tmp_path: Path
) -> None:
    assert callable(make)
    pa.parquet.write_table(make(table(10)), tmp_path / "a.parquet")
    before = contents(tmp_path)
    done = narrows("reconstruct", model, tmp_path / "a.parquet", "--out", tmp_path / "r.csv")
    assert done.code == 1
    assert message in done.err
    assert "hint:" in done.err
    assert contents(tmp_path) == before


def test_arrays_and_tables_are_not_mixed_up(
    model: Path, model_file: Path, source: Path, narrows: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 9)))
    array = narrows("encode", model, tmp_path / "a.npy", "--out", tmp_path / "c.npy")
    assert (array.code, "is no table, and the model was trained on one" in array.err) == (1, True)
    other = narrows("encode", model_file, source, "--out", tmp_path / "c.npy")
    assert (other.code, "is a table, and the model was trained on digits" in other.err) == (1, True)
    codes = tmp_path / "codes.npy"
    np.save(codes, np.zeros((2, 3), np.float32))
    for name in ("d.npy", "d.npz", "folder/"):
        done = narrows("decode", model, codes, "--out", tmp_path / name)
        assert (done.code, "cannot hold a table's columns" in done.err) == (2, True)
