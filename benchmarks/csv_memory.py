"""How much memory does a large CSV take?

Target: ``narrows fit`` on a CSV of 300 MB stays below 1.2 GB of physical memory, and takes at most
250 MB more than on one of 30 MB, so that what it takes is not a multiple of the file.

The tables have numbers, integers, categories, a boolean, dates and missing values in ten columns.
Every program runs once, whole, for one epoch, in a process of its own; its peak counts everything
that is resident, pages of mapped files among it.

    python benchmarks/csv_memory.py [--sizes MB,MB]
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    numbers,
    table,
    write_record,
)
from narrows_cli import fit

SIZES = [30, 300]
PEAK, GROWTH = 1200, 250  # MB
_ROWS_A_CHUNK = 10_000
_CITIES = np.array(["Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Accra", "Turin", "Perth"])
_HEADER = "id,temperature,pressure,humidity,count,city,status,active,day,note\n"


def write_csv(path: Path, megabytes: int) -> int:
    """Write a table of so many MB, a piece at a time: how many rows it has."""
    random = np.random.default_rng(0)
    rows = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write(_HEADER)
        while stream.tell() < megabytes * 1_000_000:
            stream.write(_chunk(random, rows))
            rows += _ROWS_A_CHUNK
    return rows


def _chunk(random: np.random.Generator, first: int) -> str:
    """The next rows: pressure and humidity follow from temperature, so that there is something to
    learn."""
    count = _ROWS_A_CHUNK
    heat = random.normal(15, 8, count)
    columns = [
        np.arange(first, first + count).astype(str),
        np.char.mod("%.3f", heat),
        np.char.mod("%.2f", 1013 - heat / 2 + random.normal(0, 1, count)),
        np.where(
            random.random(count) < 0.05,
            "",
            np.char.mod("%.4f", np.tanh(heat / 20) + random.normal(0, 0.1, count)),
        ),
        random.poisson(5, count).astype(str),
        random.choice(_CITIES, count),
        np.where(heat > 20, "warm", np.where(heat > 5, "mild", "cold")),
        np.where(random.random(count) < 0.5, "true", "false"),
        (np.datetime64("2020-01-01") + random.integers(0, 2000, count)).astype(str),
        np.where(random.random(count) < 0.5, "", "checked"),
    ]
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


def measure(megabytes: int) -> dict[str, Any]:
    """Make the table, train on it for an epoch."""
    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "big.csv"
        rows = write_csv(path, megabytes)
        run = fit(path, Path(scratch) / "model.safetensors", "--epochs", "1")
        return {"rows": rows, "bytes": path.stat().st_size, **run, "rate": rate}


def main() -> None:
    parser = argument_parser(__doc__, *JOURNAL, packages=["numpy", "numba", "jax", "pyarrow"])
    parser.add_argument(
        "--sizes", type=numbers, default=SIZES, metavar="MB,MB", help="small, large"
    )
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("csv-memory", arguments)
    runs = [
        journal.measure(f"fit on a CSV of {size} MB, an epoch", measure, size)
        for size in arguments.sizes
    ]
    peaks = [run["peak_bytes"] / 1e6 for run in runs]
    rows = [
        [
            f"{run['bytes'] / 1e6:.0f} MB",
            f"{run['rows']:,}",
            f"{run['peak_bytes'] / 1e6:,.0f}",
            f"{run['seconds']:.1f}",
        ]
        for run in runs
    ]
    write_record(
        "csv-memory",
        "Memory that a large CSV takes",
        targets=[
            Target(f"peak, {arguments.sizes[-1]} MB of CSV, MB", PEAK, peaks[-1], at_least=False),
            Target(
                f"more than for {arguments.sizes[0]} MB, MB",
                GROWTH,
                peaks[-1] - peaks[0],
                at_least=False,
            ),
        ],
        sections=[table(["CSV", "rows", "peak memory, MB", "wall time, s"], rows)],
        data={"runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
