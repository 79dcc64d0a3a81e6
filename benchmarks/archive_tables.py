"""How small are archives of tables?

Targets, of the CSV's bytes, everything charged: properties of proteins (CASP) at most 5.9 % within
0.5 % of each column's range; California housing within 0.5, 1, 5 and 10 % never above what its
levels take with xz -9e, by rows or by columns, whichever is smaller; Adult, lossless, below xz -9e
of the file and below Parquet with Zstandard of the table; and tables that are made up, which the
coder was not made for, lossless and below both too.

    python benchmarks/archive_tables.py [--sets NAME,NAME]

It needs the tables in $NARROWS_DATA/tables. Sizes are the same on every machine; seconds are not.
"""

import argparse
import gzip
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)

_FILES = {
    "CASP": "protein_casp.csv.gz",
    "California housing": "california_housing.csv",
    "Adult": "adult.data",
}
_PER_CENT = {"CASP": (0.5, 1, 5, 10), "California housing": (0.5, 1, 5, 10)}
_ROWS = 20_000


def random_walk(random: np.random.Generator) -> dict[str, Any]:
    """A sensor a minute: times, a drifting value with two places, and its sum with noise."""
    value = np.cumsum(random.normal(0, 0.3, _ROWS)) + 20
    return {
        "time": pa.array(np.arange(_ROWS) * 60 + 1_700_000_000, pa.timestamp("s")),
        "value": np.round(value, 2),
        "double": np.round(2 * value + random.normal(0, 0.1, _ROWS), 1),
    }


def keys(random: np.random.Generator) -> dict[str, Any]:
    """Sorted keys with gaps, shuffled keys, texts that all differ, and a constant."""
    return {
        "sorted": np.cumsum(random.integers(1, 9, _ROWS)),
        "shuffled": random.permutation(_ROWS),
        "name": [f"user-{n:06d}@example.org" for n in random.permutation(_ROWS)],
        "unit": ["mm"] * _ROWS,
    }


def dependent(random: np.random.Generator) -> dict[str, Any]:
    """Columns that others determine, with many missing cells."""
    code = (random.pareto(1.2, _ROWS) * 5).astype(int) % 300
    color = np.array(["red", "green", "blue", "black", "white"])[code % 5]
    missing = random.random(_ROWS) < 0.7
    return {
        "code": code,
        "color": color,
        "text": [f"article {c * 7919 % 1000} in {k}" for c, k in zip(code, color, strict=True)],
        "price": np.round(code * 1.99 + 0.5, 2),
        "seldom": pa.array(code % 17, mask=missing),
        "also": pa.array(random.integers(0, 50, _ROWS), mask=missing),
    }


def numbers(random: np.random.Generator) -> dict[str, Any]:
    """Floats of all their digits, and truth values with one chance."""
    return {"a": random.normal(size=_ROWS), "b": random.random(_ROWS) < 0.1}


_MADE_UP: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "made up: walk": random_walk,
    "made up: keys": keys,
    "made up: dependent": dependent,
    "made up: numbers": numbers,
}


def content_of(name: str) -> bytes:
    """The CSV of a set."""
    if name in _MADE_UP:
        out = io.BytesIO()
        pyarrow.csv.write_csv(pa.table(_MADE_UP[name](np.random.default_rng(0))), out)
        return out.getvalue()
    content = (Path(os.environ["NARROWS_DATA"]) / "tables" / _FILES[name]).read_bytes()
    return gzip.decompress(content) if _FILES[name].endswith(".gz") else content


def measure(name: str, per_cent: float) -> dict[str, Any]:
    """What a set takes within so many per cent of each column's range; 0: lossless."""
    from narrows.archive import open_archive, write_table
    from narrows.archive.tables import verify_table

    content = content_of(name)
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "table.csv", Path(scratch) / "table.nrw"
        source.write_bytes(content)
        begun = time.process_time()
        with out.open("wb") as stream:
            account = write_table(stream, source, max_error=f"{per_cent}%")
        seconds = time.process_time() - begun
        with open_archive(out) as archive:
            begun = time.process_time()
            found = verify_table(archive, source)
            seconds_back = time.process_time() - begun
        return {
            "csv": len(content),
            "archive": out.stat().st_size,
            "columns": {column.name: column.size for column in account.columns},
            "values": found.values,
            "largest": dict(found.largest or {}),
            "cpu_seconds": seconds,
            "cpu_seconds_verified": seconds_back,
            "others": levels_with_xz(source, per_cent) if per_cent else lossless(source),
            "rate": matrix_rate(),
        }


def lossless(source: Path) -> dict[str, int]:
    """Bytes of what keeps all of a table: xz -9e of the file, Parquet with Zstandard."""
    from narrows.baselines.table_codecs import measure_table_codecs

    sizes = {point.method: point.size for point in measure_table_codecs(source, []).points}
    return {"xz of the file": sizes["CSV + xz"], "Parquet + zstd": sizes["Parquet + zstd"]}


def levels_with_xz(source: Path, per_cent: float) -> dict[str, int]:
    """Bytes of each column's levels at the same bounds, with xz -9e: by rows, and by columns."""
    from narrows.archive.error_bounds import ErrorBounds
    from narrows.archive.tables.sources import TypedTable
    from narrows.archive.tables.writing import column_bounds
    from narrows.baselines.table_codecs import first_rows, quantise

    error_bounds = ErrorBounds.of(f"{per_cent}%")
    typed = TypedTable(source, numbers=error_bounds)
    found = quantise(
        typed,
        first_rows(source, typed.rows, bound=f"{per_cent}%"),
        column_bounds(typed, error_bounds)[0],
    )
    return {"levels by rows + xz": found.by_rows, "levels by columns + xz": found.by_columns}


def targets(runs: dict[str, dict[str, Any]]) -> list[Target]:
    """What was to be reached, of the sets that ran."""
    found = []
    for what, run in runs.items():
        share, others = 100 * run["archive"] / run["csv"], min(run["others"].values())
        if what == "CASP within 0.5 %":
            found.append(Target(f"{what}: % of the CSV", 5.9, share, at_least=False))
        elif not what.startswith("CASP"):
            ratio = run["archive"] / others
            found.append(Target(f"{what}: over the best of others", 1, ratio, at_least=False))
    return found


def sizes_table(runs: dict[str, dict[str, Any]]) -> str:
    """A row a set and bound: bytes, and per cent of the CSV."""
    rows = []
    for what, run in runs.items():
        told = [f"{size:,} ({100 * size / run['csv']:.2f} %)" for size in run["others"].values()]
        own = f"{run['archive']:,} ({100 * run['archive'] / run['csv']:.2f} %)"
        seconds = f"{run['cpu_seconds']:.0f}, {run['cpu_seconds_verified']:.0f}"
        rows.append([what, f"{run['csv']:,}", own, *told, seconds])
    columns = [
        "bytes",
        "CSV",
        "narrows",
        "by rows + xz, or xz",
        "by columns + xz, or Parquet + zstd",
    ]
    return table([*columns, "s of CPU: compress, verify"], rows)


def set_names(text: str) -> list[str]:
    """``CASP,Adult`` as a list of sets."""
    names = text.split(",")
    for name in names:
        if name not in {**_FILES, **_MADE_UP}:
            raise argparse.ArgumentTypeError(
                f"no set {name!r}: {', '.join({**_FILES, **_MADE_UP})}"
            )
    return names


def main() -> None:
    parser = argument_parser(__doc__, *JOURNAL, packages=["numpy", "pyarrow"])
    everything = [*_FILES, *_MADE_UP]
    parser.add_argument(
        "--sets",
        type=set_names,
        default=everything,
        metavar="NAME,NAME",
        help=", ".join(everything),
    )
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("archive-tables", arguments)
    runs = {}
    for name in arguments.sets:
        for per_cent in _PER_CENT.get(name, (0,)):
            what = f"{name} within {per_cent:g} %" if per_cent else f"{name}, lossless"
            runs[what] = journal.measure(what, measure, name, per_cent)
    write_record(
        "archive-tables",
        "How small archives of tables are",
        targets=targets(runs),
        sections=[
            sizes_table(runs),
            "With a bound, the others code the levels of the same bounds, by rows or by columns, "
            "with xz -9e; lossless, they are xz -9e of the file, and Parquet with Zstandard at 19. "
            "Every archive was verified against its file. Sizes do not depend on the machine; the "
            "seconds do, and were taken while others used it.",
        ],
        data={"runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs.values()],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
