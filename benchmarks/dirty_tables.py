"""Do tables with the dirt of real ones go through every command, and how long does each take?

Target: every command ends well on eight tables (blanks, NA, ERROR and ? among numbers, semicolons,
decimal commas, no header, blank last lines, identifiers, money, many zeros); archives give back the
bytes of the files; no filled cell and no drawn row holds a value that the table could not have.

The tables are made up (``dirty_sources.py``), with the shapes, names and spellings of public ones.
Each is given to fit, summary, evaluate, encode, decode, reconstruct, denoise, detect, generate,
compress, info, verify and decompress, with what a user must say of it and otherwise as it is; each
command is a process of its own, and nothing is said of how long to train.

    python benchmarks/dirty_tables.py [--tables churn,cafe]
"""

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
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
    run_process,
    table,
    with_spread,
    write_record,
)
from dirty_sources import TABLES, DirtyTable
from narrows_cli import NARROWS

_DRAWN = 1000
# A share of zeros among drawn rows may be off by chance and by what a small code keeps.
_ZEROS_OFF = 0.15


def commands(source: DirtyTable, folder: Path) -> Iterator[list[str]]:
    """What a user types, in order."""
    data, model, archive = folder / source.file, folder / "model.safetensors", folder / "table.nrw"
    out = {
        name: str(folder / f"{name}.csv") for name in ("back", "near", "full", "scores", "drawn")
    }
    codes, copy = str(folder / "codes.csv"), str(folder / f"copy{data.suffix}")
    read = list(source.options)
    again = read if "--missing" in read else []  # a model knows its columns' types
    yield ["fit", str(data), "--out", str(model), *read]
    yield ["summary", str(model)]
    yield ["evaluate", str(model), str(data), *again]
    yield ["encode", str(model), str(data), "--out", codes, *again]
    yield ["decode", str(model), codes, "--out", out["back"]]
    yield ["reconstruct", str(model), str(data), "--out", out["near"], *again]
    yield ["denoise", str(model), str(data), "--out", out["full"], *again]
    yield ["detect", str(model), str(data), "--out", out["scores"], *again]
    yield ["generate", str(model), "-n", str(_DRAWN), "--out", out["drawn"]]
    yield ["compress", str(data), "--out", str(archive)]
    yield ["info", str(archive)]
    yield ["verify", str(archive), "--against", str(data)]
    yield ["decompress", str(archive), "--out", copy]


def measure(source: DirtyTable) -> dict[str, Any]:
    """Every command's seconds or what it failed with, and what is wrong with what they left."""
    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / source.file).write_bytes(source.text)
        seconds, failures = dict[str, float](), list[str]()
        for command in commands(source, folder):
            try:
                seconds[command[0]] = run_process([*NARROWS, *command]).seconds
            except SystemExit as failure:
                failures.append(f"{command[0]}: {str(failure).strip().splitlines()[-2:]}")
        return {
            "rows": source.text.count(b"\n"),
            "bytes": len(source.text),
            "seconds": seconds,
            "failures": failures,
            "faults": list(_faults(source, folder)),
            "archive": _size(folder / "table.nrw"),
            "rate": rate,
        }


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _faults(source: DirtyTable, folder: Path) -> Iterator[str]:
    """What the files say that must not be."""
    copy = folder / f"copy{Path(source.file).suffix}"
    if not copy.exists() or copy.read_bytes() != source.text:
        yield "the archive does not give back the file's bytes"
    known = _known(source)
    for name in ("full", "drawn"):
        path = folder / f"{name}.csv"
        if not path.exists():
            continue
        rows = _columns(path.read_text(encoding="utf-8"))
        for column in source.numeric:
            yield from _invented(name, column, rows.get(column, []), known[column])
        if any("(other)" in cells for cells in rows.values()):
            yield f"{name}: (other) is no value of any column"


def _invented(name: str, column: str, cells: Sequence[str], known: np.ndarray) -> Iterator[str]:
    """What is wrong with a column of numbers, beside those that the table has."""
    if not cells:
        yield f"{name}: the column {column} is not there"
        return
    try:
        found = np.array([float(cell) for cell in cells if cell != ""])
    except ValueError as error:
        yield f"{name}: {column}: {error}"
        return
    if len(found) and (found.min() < known.min() or found.max() > known.max()):
        yield (
            f"{name}: {column} is {found.min()} to {found.max()}, not within {known.min()} to "
            + (f"{known.max()}")
        )
    if (known == np.round(known)).all() and not (found == np.round(found)).all():
        yield f"{name}: {column} holds {found[found != np.round(found)][0]}, and only whole numbers"
    zeros, real = float((found == 0).mean()), float((known == 0).mean())
    if name == "drawn" and abs(zeros - real) > _ZEROS_OFF:
        yield f"{name}: {column} is 0 in {zeros:.0%}, and in {real:.0%} of the table"


def _known(source: DirtyTable) -> dict[str, np.ndarray]:
    """The numbers of each column of numbers."""
    text = source.text.decode("utf-8-sig")
    delimiter = {"bank.csv": ";", "air.csv": ";", "horses.data": " "}.get(source.file, ",")
    headless = source.file in ("horses.data", "connections.txt")
    columns = _columns(text, delimiter, headless)
    return {
        name: np.array(
            [
                float(cell.replace(",", "."))
                for cell in columns[name]
                if cell not in source.missing and cell != ""
            ]
        )
        for name in source.numeric
    }


def _columns(text: str, delimiter: str = ",", headless: bool = False) -> dict[str, list[str]]:
    """The cells of each column of a CSV, by name."""
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    names = [f"column_{index + 1}" for index in range(len(rows[0]))] if headless else rows.pop(0)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=False))


def main() -> None:
    parser = argument_parser(__doc__, *JOURNAL, packages=["numpy", "numba", "jax", "pyarrow"])
    names = [make.__name__ for make in TABLES]
    parser.add_argument("--tables", default=",".join(names), metavar="A,B", help=", ".join(names))
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("dirty-tables", arguments)
    chosen = arguments.tables.split(",")
    makers = [make for make in TABLES if make.__name__ in chosen]
    runs = {
        make.__name__: journal.measure(
            make.__name__, measure, make(np.random.default_rng(_seed(make.__name__)))
        )
        for make in makers
    }
    failures = [f"{name}: {what}" for name, run in runs.items() for what in run["failures"]]
    faults = [f"{name}: {what}" for name, run in runs.items() for what in run["faults"]]
    write_record(
        "dirty-tables",
        "Tables with the dirt of real ones, through every command",
        targets=[
            Target("commands that failed", 0, len(failures), at_least=False),
            Target("wrong values in what they left", 0, len(faults), at_least=False),
        ],
        sections=[_times(runs), *_listed("What failed", failures), *_listed("Wrong", faults)],
        data={"runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs.values()],
        folder=journal.folder,
    )


def _seed(name: str) -> list[int]:
    return list(name.encode())


def _times(runs: dict[str, Any]) -> str:
    """Wall times of each command, a row a table."""
    words = list(dict.fromkeys(word for run in runs.values() for word in run["seconds"]))
    rows = [
        [
            name,
            f"{run['rows']:,}",
            f"{run['archive'] / run['bytes']:.1%}",
            *(f"{run['seconds'].get(word, float('nan')):.1f}" for word in words),
        ]
        for name, run in runs.items()
    ]
    spread = ", ".join(
        f"{word} {with_spread([run['seconds'][word] for run in runs.values()], 1)}"
        for word in words
        if all(word in run["seconds"] for run in runs.values())
    )
    heading = ["table", "lines", "archive, of the file", *words]
    return f"Seconds of each command, start included:\n\n{table(heading, rows)}\n\n{spread}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines)] if lines else []


if __name__ == "__main__":
    main()
