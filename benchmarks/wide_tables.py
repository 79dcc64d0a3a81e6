"""How long does ``narrows fit`` take on tables with more columns than rows?

Target: on 800 rows of 1,555 columns the default ``narrows fit`` takes at most 20 s of processor
time where the columns follow from 12 numbers and noise, and 40 s where none follows from another.

Also measured, without a target: such a table with gaps, whole numbers and categories, one of 300
rows and 5,000 columns, and one of 20,000 rows and 300 columns. Every command runs whole, in a
process of its own, and once more with the processor time of its stages; kernels are compiled
before. Processor time is that of all cores, with the start of Python and all imports.

    python benchmarks/wide_tables.py [--only NAME,NAME]
"""

import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    leave_result,
    matrix_rate,
    run_contestant,
    table,
    write_record,
)
from narrows_cli import fit

# Seconds of processor time at most.
LIMITS = {"structured": 20.0, "independent": 40.0}
_FACTORS, _NOISE = 12, 0.5
_STAGES = (
    "start",
    "looking at",
    "reading",
    "training",
    "comparing with PCA",
    "learning what is odd",
)


def _structured(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    factors = random.normal(size=(rows, _FACTORS)) @ random.normal(size=(_FACTORS, columns))
    return factors + random.normal(0, _NOISE, (rows, columns))


def _independent(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return random.normal(size=(rows, columns))


Numbers = Callable[[np.random.Generator, int, int], np.ndarray]
#: Numbers, rows, columns, and whether there are other cells among the numbers.
TABLES: dict[str, tuple[Numbers, int, int, bool]] = {
    "structured": (_structured, 800, 1555, False),
    "independent": (_independent, 800, 1555, False),
    "with gaps and categories": (_structured, 800, 1555, True),
    "300 x 5,000": (_structured, 300, 5000, False),
    "20,000 x 300": (_structured, 20_000, 300, False),
}


def write_csv(path: Path, name: str) -> None:
    """Write a table, of five digits a cell."""
    numbers, rows, columns, is_mixed = TABLES[name]
    random = np.random.default_rng(list(TABLES).index(name))
    values = numbers(random, rows, columns)
    cells = np.char.mod("%.5g", values)
    if is_mixed:
        cells[:, 3::10] = np.char.mod("%.0f", 20 * values[:, 3::10])
        cells[:, 7::50] = np.array(list("abcde"))[np.clip(values[:, 7::50] + 2.5, 0, 4).astype(int)]
        cells[random.random(cells.shape) < 0.03] = ""
    names = ",".join(f"c{column}" for column in range(columns))
    path.write_text("\n".join([names, *map(",".join, cells)]) + "\n", encoding="utf-8")


def stages(source: str) -> dict[str, float]:
    """The seconds of processor time of each stage of a fit, in this process; what is in none of
    them is ``other``."""
    from narrows.planning.options import FitOptions
    from narrows.support.progress import Listener, unheard
    from narrows.tasks.fit import FitRequest
    from narrows.tasks.fit import fit as fit_model
    from narrows.tasks.run_files import RunFiles
    from narrows.tasks.training_data import load_for_training

    spent = Counter({"start": time.process_time()})

    @contextlib.contextmanager
    def track(label: str, *, total: float | None, unit: str) -> Iterator[Any]:
        start = time.process_time()
        yield lambda amount, note="": None
        stage = next((each for each in _STAGES if label.startswith(each)), None)
        if stage is not None:
            spent[stage] += time.process_time() - start

    listener = Listener(track=track)
    with tempfile.TemporaryDirectory() as folder:
        training, held_out = load_for_training(source, None, 0, listener=listener)
        files = RunFiles(Path(folder) / "model.safetensors", note=unheard)
        request = FitRequest(options=FitOptions(seed=0), detection=True)
        fit_model(training, held_out, request, files=files, listener=listener)
    return {**spent, "other": time.process_time() - spent.total()}


def measure(name: str) -> dict[str, Any]:
    """The command on a table, and its stages."""
    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_csv(path, name)
        run = fit(path, Path(folder) / "model.safetensors")
        told = run_contestant("wide_tables.py", ["stages", str(path)]).result
    del run["said"]
    return {**run, "stages": told, "rate": rate}


def compile_kernels() -> None:
    """Leave what training compiles in its cache."""
    announce("compiling")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_csv(path, next(iter(TABLES)))
        fit(path, Path(folder) / "model.safetensors", "--epochs", "1")


def main() -> None:
    packages = ["numpy", "numba", "jax", "pyarrow", "scikit-learn", "matplotlib"]
    parser = argument_parser(__doc__, *JOURNAL, packages=packages)
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[*TABLES], metavar="NAME,NAME",
        help=f"of {', '.join(TABLES)}",
    )  # fmt: skip
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("wide-tables", arguments)
    compile_kernels()
    runs = {name: journal.measure(f"fit, {name}", measure, name) for name in arguments.only}
    shown = (*_STAGES, "other")
    rows = [
        [
            name,
            f"{run['processor_seconds']:.1f}",
            *(f"{run['stages'].get(stage, 0):.1f}" for stage in shown),
            "PCA" if run["training"].get("linear") else f"{run['training']['val_loss']:.5g}",
        ]
        for name, run in runs.items()
    ]
    write_record(
        "wide-tables",
        "Tables with more columns than rows",
        targets=[
            Target(f"{name}, s of processor time", LIMITS[name], spent, at_least=False)
            for name, spent in ((each, run["processor_seconds"]) for each, run in runs.items())
            if name in LIMITS
        ],
        sections=[table(["table", "whole, s", *shown, "kept, or its validation loss"], rows)],
        data={"runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs.values()],
        folder=journal.folder,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["stages"]:
        leave_result(sys.argv[3], stages(sys.argv[2]))
    else:
        main()
