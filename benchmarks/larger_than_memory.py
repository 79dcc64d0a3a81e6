"""Does data larger than memory stream through every job?

Targets: a file of rows (20 GB, or what --gigabytes says) is learnt from in one pass, encoded,
judged and compressed with a peak of less than 2 GB of memory each; ten times the data takes at most
10.5 times the time; and training and encoding from a file handle at least 80 % of the items a
second that they do from an array in memory.

Rows are 1,024 float32 values that follow from eight numbers and noise. Each command runs in a
process of its own. Its peak is the most that was resident, pages of mapped files among it (VmHWM);
what the system keeps of a file that was read is its own, and does not count. Beside the time of a
job stands what it took of the processor, which other programs change less. Against memory, the
tenth of the data is learnt and encoded in one process as np.load and as load_data give it, in turn.

    python benchmarks/larger_than_memory.py [--gigabytes N] [--scratch DIR] [--jobs NAME,NAME]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
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
    run_process,
    table,
    with_spread,
    write_record,
)
from narrows_cli import NARROWS

WIDTH, LATENT, HIDDEN = 1024, 8, 64
PEAK, GROWTH, SHARE = 2000, 10.5, 0.8
# codes are refined in none of the jobs: that is as slow from memory
FIT = ("--latent", str(LATENT), "--hidden", str(HIDDEN), "--epochs", "1", "--refine", "0")
COMPRESS = ("--max-error", "1%", "--effort", "fast")
JOBS, BESIDE = ("fit", "encode", "detect", "compress"), "memory"
_ROWS_A_CHUNK = 20_000


def write_rows(path: Path, gigabytes: float) -> int:
    """Write rows of so many GB, a piece at a time: how many."""
    count = int(gigabytes * 1e9) // (4 * WIDTH)
    random = np.random.default_rng(0)
    ways = random.normal(size=(LATENT, WIDTH)).astype(np.float32) / 3
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, WIDTH)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, count, _ROWS_A_CHUNK):
            some = min(_ROWS_A_CHUNK, count - start)
            numbers = random.standard_normal((some, LATENT), np.float32)
            noise = 0.05 * random.standard_normal((some, WIDTH), np.float32)
            stream.write((np.tanh(numbers @ ways) + noise).data)
    return count


def measure(gigabytes: float, scratch: str | None, some: Sequence[str]) -> dict[str, Any]:
    """Make the file and take it through some jobs."""
    rate = matrix_rate()
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        data, model, archive = (Path(folder) / name for name in ("x.npy", "m.safetensors", "x.nrw"))
        rows = write_rows(data, gigabytes)
        commands = {
            "fit": ["fit", str(data), "--out", str(model), *FIT],
            "encode": ["encode", str(model), str(data), "--out", str(Path(folder) / "codes.npy")],
            "detect": ["detect", str(model), str(data), "--out", str(Path(folder) / "scores.csv")],
            "compress": ["compress", str(data), "--out", str(archive), *COMPRESS],
        }
        jobs = {}
        for name in some:
            done = run_process([*NARROWS, *commands[name]])
            announce(f"  {name}: {done.seconds:,.1f} s, {done.peak_bytes / 1e6:,.0f} MB")
            jobs[name] = {
                "seconds": done.seconds,
                "processor": done.processor_seconds,
                "peak_bytes": done.peak_bytes,
            }
        return {"rows": rows, "bytes": data.stat().st_size, "jobs": jobs, "rate": rate}


def beside_memory(gigabytes: float, scratch: str | None, rounds: int) -> dict[str, Any]:
    """Items a second of training and encoding, from memory and from the file, round by round."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        data = Path(folder) / "x.npy"
        write_rows(data, gigabytes)
        for _ in range(rounds):
            for way in ("memory", "file"):
                result = run_contestant(Path(__file__).name, ["contestant", way, str(data)]).result
                for job, rate in result.items():
                    found.setdefault(job, {}).setdefault(way, []).append(rate)
    return found


def contestant(way: str, data: str, out: str) -> None:
    """Learn and encode the rows as an array in memory or as a Dataset of the file."""
    from narrows import Autoencoder, load_data

    given: Any = np.load(data, allow_pickle=False) if way == "memory" else load_data(data)
    model = Autoencoder(
        latent=LATENT, hidden=[HIDDEN], preset="dense", epochs=1, refine=0, random_state=0
    ).fit(given)
    learnt = len(given) * 0.9 / model.history_[-1]["seconds"]
    model.transform(given)
    start = time.perf_counter()
    model.transform(given)
    leave_result(out, {"training": learnt, "encoding": len(given) / (time.perf_counter() - start)})


def main() -> None:
    if sys.argv[1:2] == ["contestant"]:
        contestant(*sys.argv[2:5])
        return
    parser = argument_parser(__doc__, "rounds", *JOURNAL, packages=["numpy", "numba", "jax"])
    parser.add_argument("--gigabytes", type=float, default=20, metavar="N", help="of the large one")
    parser.add_argument("--scratch", metavar="DIR", help="a folder with room for them")
    every = ",".join((*JOBS, BESIDE))
    parser.add_argument("--jobs", default=every, metavar="NAME,NAME", help=f"some of {every}")
    arguments = parser.parse_args()
    chosen = arguments.jobs.split(",")
    if unknown := set(chosen) - set(every.split(",")):
        parser.error(f"there is no job {', '.join(sorted(unknown))}; there are {every}")
    if {"encode", "detect"} & set(chosen) and "fit" not in chosen:
        parser.error("encode and detect need the model of fit")
    jobs = [job for job in JOBS if job in chosen]
    announce(__doc__ or "")
    journal = Journal("larger-than-memory", arguments)
    size = arguments.gigabytes
    small, large = (
        journal.measure(f"{', '.join(jobs)}, {each:g} GB", measure, each, arguments.scratch, jobs)
        for each in (size / 10, size)
    )
    speeds = {}
    if BESIDE in chosen:
        speeds = journal.measure(
            f"beside memory, {size / 10:g} GB, {arguments.rounds} rounds",
            beside_memory,
            size / 10,
            arguments.scratch,
            arguments.rounds,
        )
    rows = [
        [
            job,
            *(f"{run['jobs'][job]['seconds']:,.1f}" for run in (small, large)),
            *(f"{run['jobs'][job]['processor']:,.1f}" for run in (small, large)),
            *(f"{run['jobs'][job]['peak_bytes'] / 1e6:,.0f}" for run in (small, large)),
            f"{large['rows'] / large['jobs'][job]['seconds']:,.0f}",
        ]
        for job in jobs
    ]
    targets = []
    for job in jobs:
        peak = large["jobs"][job]["peak_bytes"] / 1e6
        growth = large["jobs"][job]["seconds"] / small["jobs"][job]["seconds"]
        targets += [
            Target(f"peak of {job}, {size:g} GB, MB", PEAK, peak, at_least=False),
            Target(f"time of {job}, times a tenth's", GROWTH, growth, at_least=False),
        ]
    beside = []
    for job, ways in speeds.items():
        shares = [ours / best for ours, best in zip(ways["file"], ways["memory"], strict=True)]
        targets.append(
            Target(f"{job}, file against memory, share", SHARE, statistics.median(shares))
        )
        cells = [with_spread([rate / 1e3 for rate in ways[way]]) for way in ("memory", "file")]
        beside.append([job, *cells])
    write_record(
        "larger-than-memory",
        "Data larger than memory",
        targets=targets,
        sections=[
            table(
                [
                    "job",
                    "s, a tenth",
                    "s, all",
                    "processor s, a tenth",
                    "processor s, all",
                    "MB, a tenth",
                    "MB, all",
                    "items a second, all",
                ],
                rows,
            ),
            *(
                [table(["thousand items a second", "from memory", "from the file"], beside)]
                if beside
                else []
            ),
        ],
        data={"small": small, "large": large, "beside_memory": speeds},
        versions=arguments.versions,
        rates=[small["rate"], large["rate"]],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
