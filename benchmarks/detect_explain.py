"""Does narrows name the cell that made a row odd?

Target: of the rows that one corrupted cell has flagged, at least 90 % have that cell's column named
first, in each of three tables: California housing, protein CASP and Adult, in $NARROWS_DATA/tables.

6,000 rows are trained on and 600 others corrupted, one cell each, in a column drawn at random. A
number is moved by 3 to 10 of its column's standard deviations, up or down; a category becomes
another one. ``OutlierDetector()`` flags at a rate of false alarms of 0.01. Rows that it flags
untouched are left out: another cell made those odd. Beside the target stands the harder case in
which the cell takes the value of another row, which often is not odd, or is as odd as its
neighbours now are.

    python benchmarks/detect_explain.py [--seeds N,N]
"""

import tempfile
import time
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
    with_spread,
    write_record,
)
from other_sets import SETS

TABLES = ("California housing", "protein CASP", "Adult")
TRAINED_ON, CORRUPTED = 6_000, 600
KINDS = ("moved", "of another row")


def load(name: str, seed: int) -> tuple[pa.Table, pa.Table]:
    """Rows to train on and rows to corrupt, drawn from the training file of other_sets.py."""
    with tempfile.TemporaryDirectory() as scratch:
        train, _ = SETS[name](Path(scratch))
        options = pa.csv.ConvertOptions(null_values=["", "?"], strings_can_be_null=True)
        rows = pa.csv.read_csv(train, convert_options=options)
    order = np.random.default_rng([seed, 0]).permutation(rows.num_rows)
    return rows.take(order[:TRAINED_ON]), rows.take(order[TRAINED_ON : TRAINED_ON + CORRUPTED])


def corrupted(rows: pa.Table, train: pa.Table, kind: str, seed: int) -> tuple[pa.Table, np.ndarray]:
    """The rows with a cell each replaced, and the number of its column."""
    random = np.random.default_rng([seed, 1])
    where = random.integers(0, rows.num_columns, rows.num_rows)
    for number, name in enumerate(rows.column_names):
        hit = np.flatnonzero(where == number)
        column = rows[name]
        cells = column.to_pylist()
        known = [cell for cell in train[name].to_pylist() if cell is not None]
        if kind == "moved" and not pa.types.is_string(column.type):
            spread, middle = np.std(known), np.mean(known)
            for row in hit:
                step = random.uniform(3, 10) * random.choice([-1, 1]) * spread
                moved = (middle if cells[row] is None else cells[row]) + step
                cells[row] = round(moved) if pa.types.is_integer(column.type) else moved
        else:
            pool = sorted(set(known)) if kind == "moved" else known
            for row in hit:
                others = [cell for cell in pool if cell != cells[row]] or pool
                cells[row] = others[random.integers(len(others))]
        rows = rows.set_column(number, name, pa.array(cells, column.type))
    return rows, where


def measure(name: str, seed: int) -> dict[str, Any]:
    """By kind of corruption: how many rows are flagged, and of how many the cell is named first or
    among the first three."""
    from narrows import OutlierDetector

    train, rows = load(name, seed)
    start = time.process_time()
    detector = OutlierDetector(random_state=seed).fit(train)
    trained = time.process_time() - start
    learnt = [column.name for column in detector.model_.data.table.learnt]
    untouched = detector.predict(rows) < 0
    result: dict[str, Any] = {"untouched": float(untouched.mean()), "trained": trained}
    for kind in KINDS:
        bad, where = corrupted(rows, train, kind, seed)
        flagged = (detector.predict(bad) < 0) & ~untouched
        chosen = bad.take(np.flatnonzero(flagged))
        start = time.process_time()
        order = np.argsort(-detector.contributions(chosen), axis=1)[:, :3]
        seconds = time.process_time() - start
        truth = [learnt.index(rows.column_names[place]) for place in where[flagged]]
        hits = order == np.array(truth, np.int64)[:, None]
        result[kind] = {
            "flagged": float(flagged.mean()),
            "count": len(hits),
            "first": int(hits[:, 0].sum()),
            "three": int(hits.any(axis=1).sum()),
            "milliseconds": 1000 * seconds / max(len(hits), 1),
        }
    return result


def share(runs: list[Any], kind: str, key: str) -> float:
    """Of the detected rows of all seeds."""
    count = sum(run[kind]["count"] for run in runs)
    return sum(run[kind][key] for run in runs) / max(count, 1)


def targets(runs: dict[str, list[Any]]) -> list[Target]:
    return [
        Target(
            f"{name}: share of detected rows whose cell is named first, over all seeds",
            0.9,
            share(found, "moved", "first"),
        )
        for name, found in runs.items()
    ]


def results_table(runs: dict[str, list[Any]]) -> str:
    rows = []
    for name, found in runs.items():
        for kind in KINDS:
            columns = [
                with_spread([run[kind]["flagged"] for run in found]),
                str(sum(run[kind]["count"] for run in found)),
                f"{share(found, kind, 'first'):.3f}",
                f"{share(found, kind, 'three'):.3f}",
            ]
            explained = with_spread([run[kind]["milliseconds"] for run in found], 1)
            rows.append([f"{name}, {kind}", *columns, explained])
    header = ["table, cell", "flagged", "rows", "named first", "among the first three", "ms a row"]
    return table(header, rows)


def main() -> None:
    parser = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax", "scikit-learn", "pyarrow"]
    )
    parser.set_defaults(seeds=list(range(10)))
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal, rates = Journal("detect-explain", arguments), [matrix_rate()]
    runs: dict[str, list[Any]] = {}
    for name in TABLES:
        for seed in arguments.seeds:
            found = journal.measure(f"cells of {name}, seed {seed}", measure, name, seed)
            runs.setdefault(name, []).append(found)
    rates.append(matrix_rate())
    untouched = [run["untouched"] for found in runs.values() for run in found]
    write_record(
        "detect-explain",
        "The cell that made a row odd",
        targets=targets(runs),
        sections=[
            results_table(runs),
            f"Of the untouched rows, {with_spread(untouched)} are flagged, at a rate of 0.01. "
            "Processor time, on a machine that others used at the same time.",
        ],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=rates,
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
