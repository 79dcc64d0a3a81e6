"""Cells that a page makes of features, and features of cells, are Python's."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from helpers.scripts import needs_node, run_node
from narrows.data import TableSchema, load_data
from narrows.data.tables import SchemaDrift
from narrows.data.tables.columns import OTHER
from narrows.tasks.explore.cells import cells_of, features_of
from narrows.tasks.export.table import table_data

pytestmark = needs_node

RANDOM = np.random.default_rng(6)
ROWS = 300

_BOTH = """
    import { TableCells } from "./scripts/table_cells.js";
    const table = new TableCells(given.columns);
    const tried = (cells) => {
      try { return [...table.features(cells)]; } catch (error) { return error.message; }
    };
    print({
      rows: given.features.map((row) => table.cells(Float32Array.from(row))),
      given: given.features.map((row) => table.given(Float32Array.from(row))),
      features: given.rows.map((row) => tried(row)),
    });
"""


def table() -> Any:
    """A column of every kind, gaps among them."""
    numbers = RANDOM.normal(size=ROWS)
    days = RANDOM.integers(-10_000, 30_000, ROWS)
    gaps = RANDOM.random(ROWS) < 0.2
    rare = [f"rare {n}" for n in range(400)]
    texts = ["a", "b & <c>", *rare]
    chances = np.array([60, 60, *np.linspace(1, 0.5, 400)])
    moments = days.astype("datetime64[D]").astype("datetime64[s]") + 3600 * (days % 24)
    columns = {
        "number": pa.array(numbers, mask=gaps),
        "mostly 0": np.where(gaps, numbers, 0),
        "float": pa.array((10 * numbers).astype(np.float32)),
        "half": pa.array((10 * numbers).astype(np.float16)),
        "steps": pa.array(np.rint(numbers * 20) * 0.5),
        "whole": pa.array(np.rint(numbers * 1000).astype(np.int16), mask=~gaps),
        "large": pa.array(RANDOM.integers(0, 1 << 40, ROWS)),
        "flag": pa.array(numbers > 0.3),
        "class": pa.array(RANDOM.choice(texts, ROWS, p=chances / chances.sum()), mask=gaps),
        "kept": pa.array(RANDOM.choice(["x", "y"], ROWS)).dictionary_encode(),
        "day": pa.array(days.astype(np.int32), mask=gaps).cast(pa.date32()),
        "moment": pa.array(moments),
        "exact": pa.array(moments.astype("datetime64[us]") + days),
        "zoned": pa.array(moments.astype("datetime64[ms]")).cast(pa.timestamp("ms", "UTC")),
        "clock": pa.array((days % 86_400).astype(np.int32)).cast(pa.time32("s")),
        "span": pa.array(days * 7_000).cast(pa.duration("ms")),
        "price": pa.array([decimal.Decimal(round(1e4 * n)) / 100 for n in numbers]),
        "always": pa.array([3.5] * ROWS),
        "since": pa.array([datetime.date(2020, 2, 29)] * ROWS),
        "empty": pa.nulls(ROWS),
        "id": pa.array([f"id {n} of many" for n in range(ROWS)]),
    }
    return pa.table(columns)


def schema_of(data: Any) -> TableSchema:
    schema = load_data(data).table
    assert schema is not None
    return schema


def in_node(folder: Path, schema: TableSchema, features: np.ndarray, rows: Any) -> Any:
    given = {
        "columns": table_data(schema),
        "features": features.astype(float).tolist(),
        "rows": rows,
    }
    return run_node(folder, _BOTH, given)


@pytest.mark.slow
def test_cells_are_those_that_python_decodes(tmp_path: Path) -> None:
    data = table()
    schema = schema_of(data)
    features = load_data(data).items[:100]
    moved = features + RANDOM.normal(size=features.shape).astype(np.float32)
    rows = [cells_of(schema, row) for row in features]
    # with how near to a frequent number one must be decoded to be taken for it
    schema = schema.with_marginals(features).with_masses(features, moved)
    assert any(column.masses for column in schema.columns)
    assert any(column.resolution and column.resolution[1] > 1 for column in schema.columns)
    assert any(column.other for column in schema.columns)
    found = in_node(tmp_path, schema, moved, rows)
    assert [row for row in found["features"] if isinstance(row, str)] == []
    np.testing.assert_allclose(found["features"], features, rtol=1e-5, atol=1e-5)
    for row, expected in zip(rows[:20], features, strict=False):  # as the server reads them
        np.testing.assert_allclose(features_of(schema, row), expected, rtol=1e-5, atol=1e-5)
    for kind in ("rows", "given"):
        for ours, theirs in zip(found[kind], moved, strict=True):
            for cell, expected in zip(
                ours, cells_of(schema, theirs, given=kind == "given"), strict=True
            ):
                value = expected["value"]
                if isinstance(value, float):
                    assert cell["value"] == pytest.approx(value, rel=1e-9), expected
                else:
                    assert cell == expected


@pytest.mark.slow
def test_cells_of_the_data_are_shown_as_python_shows_them(tmp_path: Path) -> None:
    """Those that training never saw among them, and gaps where it had none."""
    data = table()
    schema = schema_of(data)
    strange = pa.table(
        {
            "number": [99.25, 0.125, None],
            "mostly 0": [-0.5, None, 1e6],
            "float": [0.1, 99.5, None],
            "steps": [0.25, 100.0, None],
            "whole": [2.5, 40_000.0, None],
            "flag": [True, None, False],
            "class": ["never seen", "rare 7", None],
            "kept": ["z", None, "x"],
            "day": [datetime.date(2300, 1, 1), None, datetime.date(2000, 1, 1)],
            "price": [0.125, -9.5, None],
        }
    )
    rest = schema_of(data.select(strange.column_names))
    for of, features in (
        (schema, load_data(data).items[:100]),
        (rest, rest.encode(strange, SchemaDrift())),
    ):
        rows = [cells_of(of, row, given=True) for row in features]
        found = in_node(tmp_path, of, features, rows)
        assert found["given"] == rows
        np.testing.assert_allclose(found["features"], features, rtol=1e-6, atol=1e-6)
        back = [features_of(of, row) for row in rows]  # as the server reads them
        np.testing.assert_allclose(back, features, rtol=1e-6, atol=1e-6)


def test_what_a_form_may_hold(tmp_path: Path) -> None:
    schema = schema_of(table().select(["number", "flag", "class", "day", "clock"]))
    rows = [
        [{"column": "number", "value": ""}, {"column": "flag", "value": " TRUE "}],
        [{"column": "class", "value": "never seen"}, {"column": "day", "value": "2024-02-29"}],
        [{"column": "day", "value": "2024-02-30"}],
        [{"column": "number", "value": "12 euros"}],
        [{"column": "flag", "value": "maybe"}],
        [{"column": "clock", "value": "25:61"}],
    ]
    found = in_node(tmp_path, schema, np.zeros((0, schema.width)), rows)["features"]
    number, flag, kind, day = (schema[name] for name in ("number", "flag", "class", "day"))
    assert number.numbers(np.array(found[:1])[:, number.features]) != 0  # missing: NaN
    assert flag.numbers(np.array(found[:1])[:, flag.features]) == pytest.approx(1)
    decoded = schema.decode(np.array(found[1:2]))
    assert decoded["day"][0].as_py() == datetime.date(2024, 2, 29)
    assert kind.classes[kind.codes(np.array(found[1:2])[:, kind.features])[0]] == OTHER
    assert day.missing
    assert found[2:] == [
        "column day holds 2024-02-30, which is not a date or time as it is written here",
        "column number holds 12 euros, which is not a number",
        "column flag holds maybe, which is not true or false",
        "column clock holds 25:61, which is not a date or time as it is written here",
    ]
