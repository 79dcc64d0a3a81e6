"""Do processors make a difference to what is learnt and written?

Targets: for each of Numba's targets below, ``fit`` ends in the losses of the native one within a
relative 1e-5, ``compress`` writes the same bytes, and each target opens what each other one wrote.

The targets are the machine's own; haswell (AVX2) and nehalem (SSE 4.2), as ``NUMBA_CPU_NAME`` alone
and with no features but their own (``NUMBA_CPU_FEATURES=``); and generic, which has SSE 2 alone.
Each trains a dense and a convolutional net on the digits that come with scikit-learn, and
compresses and opens the digits, twice over, so that the kernels of ``mixing`` are compiled.
Kernels of all targets lie in one folder of their own: one target must not take another's.

    python benchmarks/processor_targets.py [--processors native,haswell]
"""

import concurrent.futures
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import Target, announce, argument_parser, matrix_rate, run_process, table, write_record
from narrows_cli import NARROWS, caches_in

#: What Numba is told to compile for.
PROCESSORS: Mapping[str, Mapping[str, str]] = {
    "native": {},
    "haswell": {"NUMBA_CPU_NAME": "haswell"},
    "haswell alone": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    "nehalem": {"NUMBA_CPU_NAME": "nehalem"},
    "nehalem alone": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""},
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
_MODELS = {
    "dense": ("--preset", "dense", "--hidden", "64,32"),
    "conv": ("--preset", "conv"),
}
_SMALL = 5  # epochs
_COPIES = 2


class Machine:
    """One of :data:`PROCESSORS`, working in a folder of its own.

    Attributes:
        failures: commands that failed, and how.
    """

    def __init__(self, name: str, scratch: Path) -> None:
        self.name, self.folder = name, scratch / name
        self.folder.mkdir()
        self._environment = {**caches_in(scratch / "caches"), **PROCESSORS[name]}
        self.failures: list[str] = []

    def run(self, *words: str) -> bool:
        """Whether a command ended well."""
        announce(f"{self.name}: {words[0]}")
        try:
            run_process([*NARROWS, *words], self._environment)
        except SystemExit as failure:
            last = str(failure).strip().splitlines()[-1]
            self.failures.append(f"{self.name}: {words[0]}: {last[:200]}")
            announce(self.failures[-1])
            return False
        return True

    def losses(self, preset: str) -> list[float]:
        """Training and validation losses of every epoch of a fit; empty if it failed."""
        model = self.folder / f"{preset}.safetensors"
        options = (*_MODELS[preset], "--epochs", str(_SMALL), "--no-detection")
        if not self.run("fit", "digits", "--out", str(model), *options):
            return []
        history = (model.with_suffix("") / "history.jsonl").read_text(encoding="utf-8")
        records = map(json.loads, history.splitlines())
        return [record[name] for record in records for name in ("loss", "val_loss")]

    def archive(self, items: Path) -> Path | None:
        """The archive of an array."""
        path = self.folder / "items.nrw"
        return path if self.run("compress", str(items), "--out", str(path)) else None

    def makes(self, items: Path) -> tuple[dict[str, list[float]], Path | None]:
        """Its losses of every preset, and its archive."""
        return {preset: self.losses(preset) for preset in _MODELS}, self.archive(items)

    def opens_all(self, archives: Mapping[str, Path | None], items: np.ndarray) -> dict[str, bool]:
        """Whether it gets the items out of each archive, by who wrote it."""
        return {
            writer: path is not None and self._opens(path, items)
            for writer, path in archives.items()
        }

    def _opens(self, archive: Path, items: np.ndarray) -> bool:
        path = self.folder / "opened.npy"
        if not self.run("decompress", str(archive), "--out", str(path)):
            return False
        return bool(np.array_equal(np.load(path, allow_pickle=False), items))


def measure(processors: Sequence[str], scratch: Path, processes: int) -> dict[str, Any]:
    """Losses, archives and what was opened, of each processor."""
    from narrows.data import load_data

    digits = np.concatenate([load_data("digits").items] * _COPIES)
    np.save(scratch / "items.npy", digits)
    machines = [Machine(name, scratch) for name in processors]
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        made = list(pool.map(lambda one: one.makes(scratch / "items.npy"), machines))
        archives = {one.name: archive for one, (_, archive) in zip(machines, made, strict=True)}
        opened = list(pool.map(lambda one: one.opens_all(archives, digits), machines))
    bytes_of = {name: path.read_bytes() if path else b"" for name, path in archives.items()}
    native = bytes_of["native"]
    return {
        "losses": {one.name: losses for one, (losses, _) in zip(machines, made, strict=True)},
        "same_bytes": {name: each == native != b"" for name, each in bytes_of.items()},
        "archive_bytes": {name: len(each) for name, each in bytes_of.items()},
        "opened": {one.name: each for one, each in zip(machines, opened, strict=True)},
        "failures": [failure for one in machines for failure in one.failures],
    }


def largest_difference(losses: list[float], native: list[float]) -> float:
    """The largest relative difference; 1 if there is nothing to compare."""
    if not native or len(losses) != len(native):
        return 1.0
    return max(abs(one / other - 1) for one, other in zip(losses, native, strict=True))


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "numba", "llvmlite"])
    parser.add_argument(
        "--processors", default=",".join(PROCESSORS), help="some of them, native among these"
    )
    parser.add_argument("--processes", type=int, default=2, help="targets at a time")
    arguments = parser.parse_args()
    processors = arguments.processors.split(",")
    announce(__doc__ or "")
    rates = [matrix_rate()]
    with tempfile.TemporaryDirectory(prefix="narrows-targets-") as scratch:
        found = measure(processors, Path(scratch), arguments.processes)
        failures = [failure.replace(scratch, "...") for failure in found.pop("failures")]
    rates.append(matrix_rate())
    apart = {
        name: {
            preset: largest_difference(each[preset], found["losses"]["native"][preset])
            for preset in _MODELS
        }
        for name, each in found["losses"].items()
    }
    rows = [
        [
            name,
            *(f"{apart[name][preset]:.1e}" for preset in _MODELS),
            f"{found['archive_bytes'][name]:,}",
            "yes" if found["same_bytes"][name] else "no",
            f"{sum(found['opened'][name].values())} of {len(processors)}",
        ]
        for name in processors
    ]
    unopened = sum(not well for each in found["opened"].values() for well in each.values())
    write_record(
        "processor-targets",
        "Numba's targets: the same losses, the same archives",
        targets=[
            Target("commands that failed", 0, len(failures), at_least=False),
            Target(
                "largest relative difference of a loss",
                1e-5,
                max(value for each in apart.values() for value in each.values()),
                at_least=False,
            ),
            Target("other archives", 0, list(found["same_bytes"].values()).count(False), False),
            Target("archives that another target does not open", 0, unopened, at_least=False),
        ],
        sections=[
            f"Losses of {_SMALL} epochs, training and validation, beside the native target's; "
            f"an archive of {_COPIES} times 1,797 digits:\n\n"
            + table(["target", *_MODELS, "archive, bytes", "the same bytes", "opened"], rows),
            *(["Failed:\n\n" + "\n".join(f"- {one}" for one in failures)] if failures else []),
        ],
        data={**found, "failures": failures, "apart": apart},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
