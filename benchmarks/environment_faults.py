"""Does anything that happens to a command cost work, leave files, or hang?

Targets: at 20 random moments of each case, over every command that writes (fit, encode, decode,
reconstruct, denoise, detect, generate, compress, decompress, demo): no work lost, no files left, no
tracebacks, nothing that is still there 5 s after it was told to end, and no wrong exit codes.

Cases are signals (Ctrl-C, twice, SIGTERM, SIGHUP, SIGKILL), disks (full from the start, filled at a
moment, a limit on the size of files; full under TMPDIR, the run folder or the compiled kernels),
terminals (standard error closed, full, a broken pipe; standard output gone; a terminal that hangs
up, with and without nohup), truncations (input that shrinks while it is read, damaged kernels,
models, archives, half a line of history, half a checkpoint), two runs in one folder, encodings of
standard output, and the longest names; workers of many files that are killed or run out of memory,
signals to all of them; a worker, all workers or the command that are cut off from a Dask cluster,
for good or for a while; one of two processes of a training that is lost, before or after they have
joined, the network between them that is cut, for good or for a while, after which one, two or three
of them go on; and the time of day that jumps, ahead or back, under one command or under such
processes. The times of files are the system's, whose clock stays as it is.

Work is lost where a result is missing or differs from an undisturbed run's though its place had
room (pictures and history that a full disk kept out of a run's folder, which it said, are not), or
where a file that was there before is neither as it was nor the new one, whole. Files are left where
a hidden or temporary file is there at the end; after SIGKILL, once the same command ran again.
Right exit codes are 130, 143 and 129 after signals, or 0 within 2 s; 1 with a sentence where
something is in the way of the work; 0 elsewhere.

A moment is drawn evenly over the processor time that the command takes undisturbed, so that it does
not depend on what else the machine does; three in ten signals come as soon as a hidden file shows
that something is being written. The limits on waiting grow with the machine's load. Cases
that compile anew, and three of fit alone, have fewer moments. Of processes that train together,
half of the moments come within 8 s after they have joined, and half after the first checkpoint.
Where one is killed early, half come before they have joined, and half before the first epoch ends.
Full disks and networks need a user who may make them (root), and clocks a C compiler; the record
says what was left out.

    python benchmarks/environment_faults.py [--cases interrupt,kill] [--moments N] [--trials 3,4]
"""

import concurrent.futures
import importlib.util
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    REPOSITORY,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    numbers,
    table,
    write_record,
)
from environment_cases import CASES, Case, possible
from environment_counts import KINDS
from environment_trials import EVERY, Trial, Workplace, heed_signals

_SHOWN, _PART = 60, 5


def measure(
    case: Case, place: Workplace, trials: Sequence[int], seed: int, processes: int
) -> dict[str, Any]:
    """What each trial of a case came to, and the rate of a matrix product beside them."""
    rate = matrix_rate()
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(lambda number: one(case, place, number, seed), trials))
    return {"trials": found, "rate": rate}


def one(case: Case, place: Workplace, number: int, seed: int) -> dict[str, Any]:
    """Trial ``number`` of a case: its command, how that ended, and its faults."""
    random = np.random.default_rng([seed, number, *case.name.encode()])
    command = case.commands[number % len(case.commands)]
    with tempfile.TemporaryDirectory(dir=place.scratch, prefix=f"{case.name}-") as folder:
        trial = Trial(place, command, Path(folder) / "trial")
        ended = case.run(trial, random)
        faults = list(dict.fromkeys((kind, _plain(text, place)) for kind, text in trial.faults))
    for kind, text in faults:
        announce(f"  {case.name}, trial {number}, {command.name}: {kind}: {text}")
    return {
        "trial": number,
        "command": command.name,
        "code": ended.code,
        "happened": ended.happened,
        "seconds_after": round(ended.after, 2),
        "faults": faults,
    }


def _plain(text: str, place: Workplace) -> str:
    """What may stand in a record: no folder of this machine, no line break, only characters."""
    installed = importlib.util.find_spec("narrows")
    folders = [str(place.scratch), str(REPOSITORY), sys.prefix, sys.base_prefix]
    if installed and installed.origin:
        folders.append(str(Path(installed.origin).parents[1]))
    for folder in folders:
        text = text.replace(folder, "...")
    text = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(text.replace("|", "/").split())[:240]


def main() -> None:
    parser = argument_parser(
        __doc__, *JOURNAL, packages=["numpy", "numba", "jax", "pyarrow", "pillow", "matplotlib"]
    )
    names = [case.name for case in CASES]
    parser.add_argument("--cases", default=",".join(names), metavar="A,B", help=", ".join(names))
    parser.add_argument("--moments", type=int, default=20, help="of each case")
    parser.add_argument("--trials", type=numbers, metavar="N,N", help="only these of each case")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--processes", type=int, default=2, help="commands at a time")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    heed_signals()
    by_name = {case.name: case for case in CASES}
    chosen = [by_name[name] for name in arguments.cases.split(",")]
    journal = Journal("environment-faults", arguments)
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="narrows-faults-") as scratch:
        place = Workplace(Path(scratch))
        made = possible(place.scratch)
        left_out = [case.name for case in chosen if case.needs not in made]
        chosen = [case for case in chosen if case.name not in left_out]
        used = {command.name for case in chosen for command in case.commands}
        commands = [each for each in EVERY if each.name in used]
        place.prepare(commands, arguments.processes)
        # some of each in turn: a benchmark that is stopped has as many of all
        for first in range(0, arguments.moments, _PART):
            for case in chosen:
                count = max(1, round(case.share * arguments.moments))
                trials = arguments.trials or list(range(count))
                part = trials[first : first + _PART]
                if part:
                    what = f"{case.name}: trials {','.join(map(str, part))}, seed {arguments.seed}"
                    found = journal.measure(
                        what, measure, case, place, part, arguments.seed, arguments.processes
                    )
                    run = runs.setdefault(case.name, {"trials": [], "rate": found["rate"]})
                    run["trials"] += found["trials"]
    record(journal, runs, left_out, arguments.versions)


def record(
    journal: Journal, runs: dict[str, Any], left_out: Sequence[str], versions: dict[str, str]
) -> None:
    """Write down the counts of every case, and every fault with its trial."""
    counts = {name: _counts(run) for name, run in runs.items()}
    rows = [
        [
            name,
            str(len(runs[name]["trials"])),
            str(sum(trial["happened"] for trial in runs[name]["trials"])),
            *(str(count[kind]) for kind in KINDS),
        ]
        for name, count in counts.items()
    ]
    faults = [
        f"{name}, trial {trial['trial']}, {trial['command']}: {kind}: {text}"
        for name, run in runs.items()
        for trial in run["trials"]
        for kind, text in trial["faults"]
    ]
    trials = sum(len(run["trials"]) for run in runs.values())
    told = "At the end of the command of the moment, 'in time' counts what happened before it."
    absent = (
        "Left out, because no disk may be mounted, no network made, or a clock not compiled: "
        f"{', '.join(left_out)}."
    )
    shown = "Faults:\n\n" + "\n".join(f"- {line}" for line in faults[:_SHOWN])
    write_record(
        "environment-faults",
        "Signals, disks, terminals and damaged files, at random moments",
        targets=[
            Target(f"{kind}, in {trials} trials", 0, sum(c[kind] for c in counts.values()), False)
            for kind in KINDS
        ],
        sections=[
            f"Trials with a fault of each kind. {told}\n\n"
            + table(["case", "trials", "in time", *KINDS], rows),
            *([absent] if left_out else []),
            *([shown] if faults else []),
        ],
        data={"runs": runs, "left_out": list(left_out)},
        versions=versions,
        rates=[run["rate"] for run in runs.values()],
        folder=journal.folder,
    )


def _counts(run: dict[str, Any]) -> Counter[str]:
    """Of each kind of fault, how many trials have one."""
    return Counter(
        kind for trial in run["trials"] for kind in {kind for kind, _ in trial["faults"]}
    )


if __name__ == "__main__":
    main()
