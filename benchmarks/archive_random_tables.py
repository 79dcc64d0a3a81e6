"""Do tables of every type and spelling come back from an archive as they were?

Target: of 100,000 tables drawn at random, none comes back different, none is called damaged or
fails in any other way, and ``verify --against`` tells every CSV file from one in which a digit was
changed.

Half are data frames (pandas, polars and Arrow, a third each), compared with what the library itself
calls equal: types, names, index, gaps, the sign of zero. Half are CSV files, which go through what
``compress``, ``verify --against`` and ``decompress`` call. Where ``compress`` says that the text is
exact, the bytes must be; elsewhere each cell must say what it said: the same text, the
same number (as decimals, not as floats), the same moment, or be missing in both.

    python benchmarks/archive_random_tables.py [--tables N] [--processes N]
"""

import collections
import concurrent.futures
import contextlib
import csv
import datetime
import decimal
import io
import multiprocessing
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)

_A_TASK = 250
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "nil", "nat", "<na>"}
_SHOWN = 20


def check_frame(kind: str, random: np.random.Generator) -> tuple[str, str]:
    """Take a data frame there and back: what it came to, and what is wrong with it."""
    import random_tables
    from narrows import compress, decompress
    from narrows.errors import NarrowsError

    frame = getattr(random_tables, kind)(random)
    try:
        blob = compress(frame, effort="fast")
    except NarrowsError as refused:
        return "refused", str(refused)
    back = decompress(blob)
    return f"{kind}, equal", _differs(kind, frame, back)


def _differs(kind: str, frame: Any, back: Any) -> str:
    import pandas as pd
    import polars.testing

    try:
        if kind == "pandas_frame":
            pd.testing.assert_frame_equal(frame, back, check_exact=True, check_index_type=True)
            assert type(frame.index) is type(back.index), "another kind of index"
            assert _signs(frame) == _signs(back), "the sign of a zero"
        elif kind == "polars_frame":
            polars.testing.assert_frame_equal(
                frame, back, check_exact=True, categorical_as_str=False
            )
        else:
            assert back.schema == frame.schema, f"{back.schema} of {frame.schema}"
            assert repr(back.to_pylist()) == repr(frame.to_pylist()), "other values"
    except AssertionError as difference:
        return str(difference)[:400]
    return ""


def _signs(frame: Any) -> list[bytes]:
    """The signs of NumPy's floats, which no comparison of frames looks at."""
    return [
        np.signbit(frame.iloc[:, place].to_numpy()).tobytes()
        for place in range(frame.shape[1])
        if str(frame.dtypes.iloc[place]) in ("float32", "float64")
    ]


def check_csv(random: np.random.Generator, folder: Path) -> tuple[str, str]:
    """Take a CSV file there and back: what it came to, and what is wrong with it."""
    from narrows.archive import open_archive, write_table
    from narrows.archive.tables import verify_table
    from narrows.errors import NarrowsError
    from random_tables import csv_file

    made = csv_file(random)
    source, path = folder / "t.csv", folder / "t.nrw"
    source.write_bytes(made.content)
    try:
        with path.open("wb") as file:
            account = write_table(file, source, effort="fast")
    except NarrowsError as refused:
        return "refused", str(refused).replace(f"{folder}/", "")
    with open_archive(path) as archive:
        verify_table(archive, source)
        content = b"" if archive.text is None else b"".join(archive.text_pieces(archive.batches()))
        difference = ""
        if archive.text is None:
            difference = _values_differ(made.rows, archive.items(0, len(archive)))
        elif content != made.content:
            difference = (
                f"said to be exact: {made.content!r} came back as {content!r}"
                if account.text_exact
                else _cells_differ(made.rows, content)
            )
        changed = _changed(random, made.content)
        if not difference and changed is not None:
            source.write_bytes(changed)
            try:
                verify_table(archive, source)
                difference = f"verify takes {changed!r} for {made.content!r}"
            except NarrowsError:
                pass
    return (
        "CSV, the same bytes" if content == made.content else "CSV, the same values"
    ), difference


def _values_differ(rows: list[list[str]], table: Any) -> str:
    """The first cell that does not say what an Arrow table has for it."""
    found = [
        ["" if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()
    ]
    for before, after in zip(rows[1:], found, strict=True):
        for old, new in zip(before, after, strict=True):
            if not _says_the_same(old, new):
                return f"{old!r} came back as {new!r}"
    return ""


def _cells_differ(rows: list[list[str]], content: bytes) -> str:
    """The first cell that does not say what it said."""
    text = content.decode("utf-8-sig")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if len(found) != len(rows):
        return f"{len(found)} rows of {len(rows)}"
    for before, after in zip(rows, found, strict=True):
        for old, new in zip(before, after, strict=True):
            if not _says_the_same(old, new):
                return f"{old!r} came back as {new!r}"
    return ""


def _says_the_same(old: str, new: str) -> bool:
    old, new = old.strip(" \t"), new.strip(" \t")
    if old == new or (old.lower() in _MISSING and new == ""):
        return True
    if old.lower() == new.lower() and new in ("true", "false"):
        return True
    for reading in (decimal.Decimal, _moment):
        with contextlib.suppress(ValueError, decimal.InvalidOperation):
            return bool(reading(old) == reading(new))
    return False


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _changed(random: np.random.Generator, content: bytes) -> bytes | None:
    """The file with another last digit somewhere behind its names; None if it has no digit."""
    start = content.find(b"\n") + 1
    places = [place for place in range(start, len(content)) if chr(content[place]).isdigit()]
    if not places:
        return None
    place = places[int(random.integers(len(places)))]
    other = (content[place] - 48 + 1 + int(random.integers(9))) % 10 + 48
    return content[:place] + bytes([other]) + content[place + 1 :]


def task(first: int) -> list[tuple[int, str, str]]:
    """What each of the tables from number ``first`` on came to."""
    warnings.simplefilter("ignore")
    kinds = ("pandas_frame", "csv", "polars_frame", "csv", "arrow_table", "csv")
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(first, first + _A_TASK):
            random = np.random.default_rng(number)
            kind = kinds[number % len(kinds)]
            try:
                if kind == "csv":
                    outcome, difference = check_csv(random, Path(scratch))
                else:
                    outcome, difference = check_frame(kind, random)
            except Exception:
                outcome, difference = "failed", traceback.format_exc()[-600:]
            found.append((number, outcome, difference))
    return found


def results(tables: int, processes: int) -> Iterator[tuple[int, str, str]]:
    """All tables' results, in order."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        for part in pool.map(task, range(0, tables, _A_TASK)):
            yield from part


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "pyarrow", "pandas", "polars"])
    parser.add_argument("--tables", type=int, default=100_000, help="100000")
    parser.add_argument("--processes", type=int, default=2, help="2")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    rates, counts = [matrix_rate()], collections.Counter[str]()
    wrong, refusals = list[str](), collections.Counter[str]()
    for number, outcome, difference in results(arguments.tables, arguments.processes):
        counts[outcome] += 1
        if outcome == "refused":
            refusals[difference.splitlines()[0][:200] if difference else ""] += 1
        elif difference:
            wrong.append(f"{number}: {outcome}: {difference}")
            if len(wrong) <= _SHOWN:
                announce(wrong[-1])
        if (number + 1) % 5000 == 0:
            announce(f"{number + 1:,} tables, {len(wrong)} wrong")
    rates.append(matrix_rate())
    rows = [[outcome, f"{count:,}"] for outcome, count in sorted(counts.items())]
    refused = [
        [text.replace("|", "/"), f"{count:,}"] for text, count in refusals.most_common(_SHOWN)
    ]
    write_record(
        "archive-random-tables",
        "Random tables through archives",
        targets=[
            Target(f"differences in {arguments.tables:,} tables", 0, len(wrong), at_least=False)
        ],
        sections=[
            table(["what they came to", "tables"], rows),
            *([table(["refused, with", "tables"], refused)] if refused else []),
            *(["Wrong:\n\n" + "\n".join(f"- {text}" for text in wrong[:_SHOWN])] if wrong else []),
        ],
        data={"counts": counts, "wrong": wrong[:1000], "refusals": refusals},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
