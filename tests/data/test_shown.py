"""A row that people are shown is that of the table, and not what a model could make of it."""

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from narrows.data import TableSchema, load_data
from narrows.data.tables import SchemaDrift, shown_cells
from narrows.data.tables.columns import OTHER

RANDOM = np.random.default_rng(6)
ROWS = 400


@pytest.fixture(scope="module")
def schema() -> TableSchema:
    """That of a table without a gap but in ``gaps``, and with a number that many rows have."""
    numbers = RANDOM.normal(size=ROWS)
    rare = [f"rare {n}" for n in range(120)]
    table = pa.table(
        {
            "number": numbers,
            "mostly 0": np.where(numbers > 0, numbers.round(2), 0),
            "single": numbers.astype(np.float32).round(2),
            "whole": pa.array(RANDOM.integers(-50, 50, ROWS)),
            "byte": pa.array(RANDOM.integers(0, 200, ROWS).astype(np.uint8)),
            "price": pa.array([decimal.Decimal(round(1e4 * n)) / 100 for n in numbers]),
            "flag": pa.array(numbers > 0.3),
            "class": RANDOM.permutation(["a", "b"] * (ROWS // 2 - 60) + rare),
            "kept": pa.array(RANDOM.choice(["x", "y"], ROWS)).dictionary_encode(),
            "code": RANDOM.choice([10, 20, 30], ROWS),
            "day": pa.array(RANDOM.integers(0, 900, ROWS).astype(np.int32)).cast(pa.date32()),
            "span": pa.array(RANDOM.integers(0, 900, ROWS) * 60_000_000_000).cast(
                pa.duration("ns")
            ),
            "gaps": pa.array(numbers, mask=numbers > 0.5),
        }
    )
    data = load_data(table, types={"code": "categorical"})
    assert data.table is not None and data.table["class"].other
    # with how near to a frequent number one must be decoded to be taken for it
    made = data.items + RANDOM.normal(size=data.items.shape).astype(np.float32)
    return data.table.with_marginals(data.items).with_masses(data.items, made)


_LATE = datetime.date(2031, 5, 1)
_SPAN = datetime.timedelta(minutes=3)
_ROW = {
    "number": [0.125, -7.75, 1e6, None],
    "mostly 0": [0.03, 99.25, 0.0, None],
    "single": [0.13, 99.25, -4.5, None],
    "whole": [7, 2.5, 1000, None],
    "byte": [7, 300, 0, None],
    "price": [1.25, 99999.5, -3.0, None],
    "flag": [True, False, True, None],
    "class": ["a", "b", "never seen", None],
    "kept": ["x", "y", "never seen", None],
    "code": ["10", "20", "30", None],
    "day": [datetime.date(1970, 3, 1), _LATE, datetime.date(1950, 1, 1), None],
    "span": [_SPAN, 5 * _SPAN, -2000 * _SPAN, None],
    "gaps": [0.25, 1e-3, 99.25, None],
}


def test_cells_of_the_data_are_shown_as_they_are(schema: TableSchema) -> None:
    assert schema["mostly 0"].masses and schema["mostly 0"].windows[0] > 0.03
    rows = _ROW | {"class": ["a", schema["class"].rest[0], "never seen", None]}
    features = schema.encode(pa.table(rows), SchemaDrift())
    expected: dict[str, list[Any]] = _ROW | {
        "class": ["a", OTHER, OTHER, None],
        "kept": ["x", "y", None, None],  # no class has such features
    }
    shown = dict(zip(schema.names, shown_cells(schema, features, given=True), strict=True))
    shown["price"] = [None if cell is None else float(cell) for cell in shown["price"]]
    assert shown == expected


def test_what_a_model_makes_is_shown_as_it_is_decoded(schema: TableSchema) -> None:
    features = RANDOM.normal(size=(50, schema.width)).astype(np.float32)
    decoded = schema.decode(features)
    for column, cells in zip(
        schema.columns, shown_cells(schema, features, given=False), strict=True
    ):
        if column.kind == "categorical":
            texts = decoded[column.name].cast(pa.string()).to_pylist()
            assert cells == [OTHER if text in column.rest else text for text in texts]
        elif column.name != "span":
            assert cells == decoded[column.name].to_pylist()


def test_times_of_rows_whose_features_were_made_anew_are_those_of_the_table() -> None:
    days = RANDOM.integers(0, 3 * 365, 1000) * 86_400_000_000
    data = load_data(
        pa.table({"day": pa.array(days).cast(pa.timestamp("us")), "x": days % 7 + 0.5})
    )
    rows, _ = data.split(0.2, 0)
    part, _ = rows.split(0.2, 1)
    assert part.table is not None
    cells = shown_cells(part.table, part.items, given=True)
    shown = dict(zip(part.table.names, cells, strict=True))
    start = datetime.datetime(1970, 1, 1)
    known = {start + datetime.timedelta(microseconds=int(n)) for n in days}
    assert set(shown["day"]) <= known
