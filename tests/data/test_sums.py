"""Columns that are exact sums of others."""

import numpy as np
import pyarrow as pa
import pytest

from narrows.data import load_data
from narrows.data.tables.sums import exact_sums

ROWS = 400


def columns(noise: float, gaps: bool = False) -> pa.Table:
    random = np.random.default_rng(5)
    price, tax, size = random.lognormal(4, 1, (3, ROWS)).round(2)
    total = price + tax + noise * random.normal(size=ROWS)
    missing = random.random(ROWS) < (0.2 if gaps else -1)
    return pa.table(
        {
            "price": price,
            "size": size,
            "total": pa.array(total, mask=missing),
            "tax": tax,
            "kind": random.choice(["a", "b"], ROWS),
            "always": np.full(ROWS, 7.0),
        }
    )


@pytest.mark.parametrize("gaps", [False, True])
def test_a_total_and_its_parts_are_found(gaps: bool) -> None:
    data = load_data(columns(0, gaps))
    assert exact_sums(data.table, data.items) == ("price", "total", "tax")


@pytest.mark.parametrize("noise", [1.0, 0.05])
def test_what_nearly_follows_is_no_exact_sum(noise: float) -> None:
    data = load_data(columns(noise))
    assert exact_sums(data.table, data.items) == ()


def test_few_rows_say_nothing() -> None:
    data = load_data(columns(0).slice(0, 7))
    assert exact_sums(data.table, data.items) == ()


@pytest.mark.parametrize(
    "wild", [{7: 999_999_999}, {7: 999_999_999, 8: 9_999_999}, dict.fromkeys(range(20), 9e9)]
)
def test_columns_that_share_rows_of_wild_values_are_no_exact_sum(wild: dict[int, float]) -> None:
    values = np.random.default_rng(3).normal(50, 10, (2, 500))
    for row, value in wild.items():
        values[:, row] = value
    data = load_data(pa.table({"a": values[0], "b": values[1]}))
    assert exact_sums(data.table, data.items) == ()


def test_beside_a_wild_value_a_sum_is_still_seen() -> None:
    table = columns(0)
    price = table["price"].to_numpy().copy()
    price[7] = 1e5
    total = price + table["tax"].to_numpy()
    table = table.set_column(0, "price", pa.array(price)).set_column(2, "total", pa.array(total))
    data = load_data(table)
    assert exact_sums(data.table, data.items) == ("price", "total", "tax")
