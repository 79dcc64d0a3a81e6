"""Cells of later files that hold more than training did: what one command reads, all read, and
cells that have a value are given back with it."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from helpers.command_line import Command, done, failed
from helpers.optional import optional
from narrows import Autoencoder, NarrowsError
from narrows.data import load_data
from narrows.data.read_options import ReadOptions
from narrows.data.tables import SchemaDrift
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.tasks.fill import Filling
from narrows.tasks.training_data import load_for_training

pd, pl = optional("pandas"), optional("polars")

ROW = {
    "number": "0.5",
    "whole": "3",
    "flag": "true",
    "day": "2024-01-05",
    "moment": "2024-01-05 03:00:00",
    "class": "x",
    "fixed": "7",
    "fixed_day": "2024-05-05",
    "money": "$30",
}
# (column, a later cell, what it becomes beside a gap)
LATER = [
    ("whole", "10.5", 10.5),
    ("whole", "1e3", 1000),
    ("whole", "-", None),
    ("whole", "9223372036854775808", "9223372036854775808"),
    ("number", "9007199254740993", "9007199254740993"),
    ("flag", "Yes", True),
    ("day", "2024-01-05 10:30:00", datetime.datetime(2024, 1, 5, 10, 30)),
    ("day", "2024-01-05T10:30:00.250", datetime.datetime(2024, 1, 5, 10, 30, 0, 250_000)),
    ("moment", "2024-01-06", datetime.datetime(2024, 1, 6)),
    ("moment", "2024-01-06 03:00:00.5", datetime.datetime(2024, 1, 6, 3, 0, 0, 500_000)),
    ("class", "new", "new"),
    ("fixed", "8.5", 8.5),
    ("fixed", "none of it", "none of it"),
    ("fixed_day", "2024-01-01 10:00:00", datetime.datetime(2024, 1, 1, 10)),
    ("money", "$1.50", 1.5),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """A model of a CSV file whose columns have a type each."""
    random, count = np.random.default_rng(0), 60
    days = [f"2024-02-{day:02}" for day in random.integers(1, 29, count)]
    frame = pd.DataFrame(
        {
            "number": random.normal(size=count).round(3),
            "whole": random.integers(0, 50, count),
            "flag": random.choice(["true", "false"], count),
            "day": days,
            "moment": [f"{day} {place % 24:02}:00:00" for place, day in enumerate(days)],
            "class": random.choice(list("xyz"), count),
            "fixed": 7,
            "fixed_day": "2024-05-05",
            "money": [f"${value}" for value in random.integers(1000, 5000, count)],
        }
    )
    path = tmp_path_factory.mktemp("later") / "training.csv"
    frame.to_csv(path, index=False)
    return Autoencoder(2, preset="simple", hidden=(), epochs=1).fit(load_data(path)).model_


def later(path: Path, column: str, *cells: str) -> Path:
    """A file of rows that have these cells in a column, and nothing odd beside them."""
    rows = [",".join((ROW | {column: cell}).values()) for cell in cells]
    path.write_text("\n".join([",".join(ROW), *rows]) + "\n", encoding="utf-8")
    return path


def filled(trained: TrainedModel, path: Path, column: str) -> list[Any]:
    filling = Filling(TrainedAutoencoder(trained), str(path), SchemaDrift())
    rows = pa.concat_tables(filling.rows())
    assert rows.schema == filling.schema
    return rows[column].to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize(("column", "cell", "wanted"), LATER)
def test_a_cell_that_has_a_value_keeps_it(
    trained: TrainedModel, tmp_path: Path, column: str, cell: str, wanted: Any
) -> None:
    path = later(tmp_path / "later.csv", column, ROW[column], cell, "")
    assert len(load_data(path, table=trained.data.table).items) == 3
    _, found, gap = filled(trained, path, column)
    assert gap is not None
    assert type(found) is type(gap)
    assert found == wanted or wanted is None


@pytest.mark.parametrize(
    ("column", "cell"),
    [("whole", "word"), ("number", "1e400"), ("flag", "2"), ("day", "soon"), ("money", "€5")],
)
def test_what_one_command_refuses_all_refuse_alike(
    trained: TrainedModel, tmp_path: Path, column: str, cell: str
) -> None:
    path = later(tmp_path / "later.csv", column, ROW[column], cell)
    said = []
    for read in (
        lambda: load_data(path, table=trained.data.table),
        lambda: filled(trained, path, column),
    ):
        with pytest.raises(NarrowsError, match=f"'{column}' holds .* in line 3") as refused:
            read()
        said.append(refused.value.message)
    assert said[0] == said[1]


def test_whole_numbers_that_are_none_later_by_every_command(
    trained: TrainedModel, tmp_path: Path, narrows: Command
) -> None:
    save_model(tmp_path / "m.safetensors", trained)
    path = later(tmp_path / "later.csv", "whole", "3", "10.5", "")
    for command, *more in (
        ("encode", "--out", tmp_path / "codes.npy"),
        ("evaluate",),
        ("reconstruct", "--out", tmp_path / "items.csv"),
        ("denoise", "--out", tmp_path / "filled.parquet"),
        ("denoise", "--cells", "all", "--out", tmp_path / "all.parquet"),
    ):
        outcome = done(narrows(command, tmp_path / "m.safetensors", path, *more, "--force"))
        assert "held whole numbers in training, and 10.5 in line 3" in outcome.err, command
    assert pa.parquet.read_table(tmp_path / "filled.parquet")["whole"].type == pa.float64()
    assert pa.parquet.read_table(tmp_path / "all.parquet")["whole"].type == pa.int64()


@pytest.mark.parametrize(
    "make",
    [lambda cells: pd.DataFrame(cells), lambda cells: pl.DataFrame(cells), pa.table],
    ids=["pandas", "polars", "arrow"],
)
def test_rows_of_an_array_keep_their_values_too(make: Callable[[Any], Any]) -> None:
    random = np.random.default_rng(0)
    training = make({"a": random.normal(size=40), "whole": random.integers(0, 50, 40)})
    ae = Autoencoder(1, preset="simple", hidden=(), epochs=1, check_range=False).fit(training)
    result = ae.denoise(np.array([[0.5, 10.5], [np.nan, 3]]))
    assert type(result) is type(training)
    assert list(result["whole"].to_numpy()) == [10.5, 3]
    values = result["a"].to_numpy()
    assert values[0] == 0.5 and not np.isnan(values[1])
    whole = ae.denoise(np.array([[0.5, 10.0], [np.nan, 3]]))["whole"]
    assert whole.to_numpy().dtype == np.int64


@pytest.mark.parametrize(
    ("said", "cells", "wanted"),
    [
        ({"decimal": ","}, ["0,5", "3,25"], [0.5, 3.25]),
        ({"decimal": ",", "thousands": "."}, ["1.234,5", "0,25"], [1234.5, 0.25]),
        ({"thousands": "'"}, ["1'234.5", "7"], [1234.5, 7]),
    ],
)
def test_what_is_said_of_a_later_file_holds(
    trained: TrainedModel, tmp_path: Path, said: dict[str, str], cells: list[str], wanted: list[Any]
) -> None:
    path = later(tmp_path / "later.csv", "number", *(f'"{cell}"' for cell in [*cells, ""]))
    schema = trained.data.table
    assert schema is not None
    data = load_data(path, table=schema, **said)
    assert data.table is schema
    column = schema["number"]
    found = column.numbers(data.items[:, column.features])[: len(cells)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    rows = pa.concat_tables(
        Filling(TrainedAutoencoder(trained), str(path), SchemaDrift(), csv=said).rows()
    )
    assert rows["number"].to_pylist()[: len(cells)] == wanted


def test_commands_are_told_how_a_later_file_is_read(
    trained: TrainedModel, tmp_path: Path, narrows: Command
) -> None:
    model, out, path = tmp_path / "m.safetensors", tmp_path / "o.csv", tmp_path / "later.csv"
    save_model(model, trained)
    rows = [ROW | {"number": cell} for cell in ("0,5", "1,25", "2,5")]
    lines = [";".join(ROW), *(";".join(row.values()) for row in rows)]
    path.write_text("a title, of two\nlines\n" + "\n".join(lines) + "\n")
    told = ("--skip-rows", 2, "--delimiter", ";", "--decimal", ",")
    for source in ("--between", f"{path}:0,2"), ("--traverse", 1, "--at", f"{path}:1"):
        done(narrows("generate", model, *source, *told, "--out", out))
    failed(narrows("generate", model, "-n", 3, *told, "--out", out), 2, "says how a CSV file")
    failed(narrows("fit", "digits", *told, "--out", model), 2, "says how a CSV file")
    parquet = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table({"number": np.arange(9) / 4}), parquet)
    said = {"skip_rows": 2, "delimiter": ";", "decimal": ","}
    training, held_out = load_for_training(
        str(parquet), str(path), 0, reading=ReadOptions(csv=said)
    )
    assert training.table is not None and held_out is not None
    numbers = training.table["number"].numbers(held_out.items)
    np.testing.assert_allclose(numbers, [0.5, 1.25, 2.5], rtol=1e-6)
