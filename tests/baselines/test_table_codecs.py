"""What general compressors make of a table, against doing it by hand."""

import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from narrows.archive.methods import METHODS
from narrows.baselines.table_codecs import TableCodecPoint, TableCodecResult, measure_table_codecs
from narrows.errors import DataError, UsageError


def columns(rows: int = 400) -> dict[str, Any]:
    """Numbers, whole ones, categories, texts, dates, truth values, and gaps in some."""
    random = np.random.default_rng(3)
    gaps = random.random(rows) < 0.2
    return {
        "plain": np.round(random.normal(20, 5, rows), 3),
        "with <gaps>": pa.array(np.round(random.random(rows) * 1000, 1), mask=gaps),
        "whole": random.integers(-500, 500, rows),
        "kind": pa.array(random.choice(["red", "blue, dark", "ü"], rows)).dictionary_encode(),
        "text": [f"row {n * 7919 % 1000}" for n in range(rows)],
        "day": pa.array(random.integers(10_000, 20_000, rows).astype(np.int32)).cast(pa.date32()),
        "true": pa.array(random.random(rows) < 0.3, mask=gaps),
        "same": np.zeros(rows),
    }


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pa.table(columns())


@pytest.fixture(scope="module")
def csv_file(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "some rows.csv"
    pyarrow.csv.write_csv(table, path)
    return path


@pytest.fixture(scope="module")
def result(csv_file: Path) -> TableCodecResult:
    return measure_table_codecs(csv_file, ["0.5%", "5%"])


def point(result: TableCodecResult, method: str, bound: str | None = None) -> TableCodecPoint:
    return next(each for each in result.points if (each.method, each.bound) == (method, bound))


def test_the_csv_is_the_files_own_and_packed_as_its_programs_do(
    result: TableCodecResult, csv_file: Path
) -> None:
    content = csv_file.read_bytes()
    assert (result.rows, result.of) == (400, 400)
    assert point(result, "CSV").size == len(content)
    assert point(result, "CSV + gzip").size == len(gzip.compress(content, 9))
    assert point(result, "CSV + bzip2").size == len(bz2.compress(content, 9))
    # but for the checksum at the end and the size of the dictionary
    xz = len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    assert abs(point(result, "CSV + xz").size - xz) <= 16
    assert point(result, "CSV").row_bytes == len(content) / 400
    assert all(each.relative_error == 0 for each in result.points if each.bound is None)


def test_zstandard_is_measured_where_it_is_installed(
    csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(METHODS["zstd"], "available", lambda self: False)
    result = measure_table_codecs(csv_file, [])
    assert "CSV + zstd" not in {each.method for each in result.points}
    assert [name for name, _ in result.left_out] == ["CSV + zstd"]
    assert "pip install zstandard" in result.left_out[0][1]


def test_parquet_is_arrows(table: pa.Table) -> None:
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="zstd", compression_level=19)
    found = measure_table_codecs(table, [])
    assert point(found, "Parquet + zstd").size == pytest.approx(len(out.getvalue()), rel=0.02)
    text = io.BytesIO()
    pyarrow.csv.write_csv(table, text)
    assert point(found, "CSV").size == len(text.getvalue())


@pytest.mark.parametrize(("bound", "share"), [("0.5%", 0.005), ("5%", 0.05)])
def test_errors_are_within_their_bounds_and_those_of_rounding_to_steps(
    result: TableCodecResult, table: pa.Table, bound: str, share: float
) -> None:
    """Steps of twice the bound leave an error that is all but evenly spread: a variance of
    step² / 12."""
    quantised = point(result, "quantise + xz", bound)
    for name, error in zip(("plain", "with <gaps>", "whole"), quantised.errors, strict=True):
        numbers = table.column(name).drop_null().to_numpy().astype(float)
        expected = np.square(share * np.ptp(numbers)) / 3 / numbers.var()
        # of whole numbers the bound is one too, and less than the share that was asked for
        least = 0.36 if name == "whole" else 0.65
        assert error is not None and least * expected < error < 1.35 * expected
    assert quantised.relative_error == pytest.approx(np.mean(quantised.errors))


def test_a_wider_bound_takes_fewer_bytes_than_keeping_all(result: TableCodecResult) -> None:
    fine, coarse = (point(result, "quantise + xz", bound).size for bound in ("0.5%", "5%"))
    assert coarse < fine < point(result, "CSV + xz").size


def test_levels_take_what_xz_makes_of_them() -> None:
    """One column of floats that are all multiples of a step: nothing else is in the file."""
    random = np.random.default_rng(0)
    steps = random.integers(0, 200, 3000)
    values = steps / 4 + 1e-9 * random.random(3000)
    values[:2] = 0, 50
    found = measure_table_codecs(pa.table({"a": values}), ["0.25%"])
    bare = lzma.compress(steps.astype(np.uint8).tobytes(), preset=9 | lzma.PRESET_EXTREME)
    size = point(found, "quantise + xz", "0.25%").size
    assert abs(size - len(bare)) < 0.02 * len(bare) + 60


def test_rows_are_taken_from_the_front_where_there_are_too_many(table: pa.Table) -> None:
    found = measure_table_codecs(table, ["5%"], most_cells=8 * 100)
    assert (found.rows, found.of) == (100, 400)
    text = io.BytesIO()
    pyarrow.csv.write_csv(table.slice(0, 100), text)
    assert point(found, "CSV").size == len(text.getvalue())
    assert point(found, "CSV").row_bytes == len(text.getvalue()) / 100


def test_not_a_number_and_infinity_stay_what_they_are() -> None:
    numbers = np.linspace(0, 1, 50)
    values = np.array([np.nan, np.inf, -np.inf, *numbers])
    (error,) = point(
        measure_table_codecs(pa.table({"a": values}), ["10%"]), "quantise + xz", "10%"
    ).errors
    assert error == pytest.approx(0.1**2 / 3 / numbers.var(), rel=0.35)


def test_tables_of_one_row_one_column_or_nothing_but_gaps() -> None:
    for table in (
        pa.table({"a": [1.5]}),
        pa.table({"a": ["x", "y"]}),
        pa.table({"a": pa.array([None, None], pa.float64()), "b": [1, 2]}),
    ):
        found = measure_table_codecs(table, ["1%"])
        assert len(found.points) + len(found.left_out) == 7
        assert point(found, "quantise + xz", "1%").relative_error <= 0.001


def test_what_cannot_be_measured_is_told(table: pa.Table) -> None:
    with pytest.raises(DataError, match="no rows"):
        measure_table_codecs(table.slice(0, 0))
    with pytest.raises(UsageError, match="largest error"):
        measure_table_codecs(table, ["wide"])
