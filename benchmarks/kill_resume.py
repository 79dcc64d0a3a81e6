"""Does a run that is killed again and again end in the same model?

Target: ``narrows fit`` on MNIST, killed with SIGKILL at 20 random moments and resumed after each,
writes the model file of a run that was never stopped, byte for byte.

A chain is one run: started, killed, resumed, killed, until its model is written. Chains follow one
another until all kills are spent. Moments are drawn evenly over half the time that the
uninterrupted run takes; resumed runs reach the rest. A checkpoint is written after every slice of
an epoch, so that some of the kills fall into the writing of one.

    python benchmarks/kill_resume.py [--kills N] [--seed N]
"""

import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import Target, announce, argument_parser, matrix_rate, table, write_record
from narrows_cli import NARROWS

EPOCHS = 12
CHECKPOINT_SECONDS = 0.0

STARTING, TRAINING, WRITING, AFTER, DRAWING = STAGES = (
    "while it was starting or going back to its checkpoint",
    "between two checkpoints",
    "while a file was being written",
    "after training, before the model was written",
    "after the model was written",
)

#: When each file was last changed.
Files = dict[Path, int]


@dataclass(frozen=True)
class Run:
    """One run of ``narrows fit``, in a folder of its own."""

    folder: Path
    caches: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    def start(self, resume: bool) -> subprocess.Popen[bytes]:
        """Start it, or start it again where it was."""
        arguments = ["fit", "mnist", "--preset", "simple", "--epochs", str(EPOCHS)]
        arguments += ["--checkpoint-seconds", str(CHECKPOINT_SECONDS)]
        arguments += ["--out", str(self.model), "--run-dir", str(self.run_folder)]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(self.caches)}
        return subprocess.Popen(
            [*NARROWS, *arguments, *(["--resume"] if resume else [])],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def files(self) -> Files:
        """What it has left so far, half-written files among it."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in paths}

    def stage(self, before: Files) -> str:
        """Where it was when it was killed: ``before`` is what was there when it was started."""
        after = self.files()
        if any(path.name.startswith(".") for path in after.keys() - before.keys()):
            return WRITING
        if self.model in after:
            return DRAWING
        if after == before:
            return STARTING
        history = self.run_folder / "history.jsonl"
        done = len(history.read_text().splitlines()) if history in after else 0
        return AFTER if done == EPOCHS else TRAINING


def ended(process: subprocess.Popen[bytes], timeout: float | None = None) -> bool:
    """Whether ``process`` ends by itself within ``timeout`` seconds; if not, it is killed.

    Raises:
        SystemExit: it failed.
    """
    try:
        _, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode != 0:
        raise SystemExit(f"narrows fit failed ({process.returncode}):\n{errors.decode()}")
    return True


def uninterrupted(folder: Path, caches: Path) -> tuple[bytes, float]:
    """The model's bytes and the seconds of a run that nobody stops."""
    folder.mkdir()
    run = Run(folder, caches)
    start = time.monotonic()
    ended(run.start(resume=False))
    return run.model.read_bytes(), time.monotonic() - start


def chain(
    run: Run, random: np.random.Generator, seconds: float, kills: int
) -> tuple[bytes, list[dict[str, float | str]]]:
    """Kill and resume a run at most ``kills`` times: the model it ends in, and each kill."""
    run.folder.mkdir()
    hits: list[dict[str, float | str]] = []
    resume, stage = False, STARTING
    while len(hits) < kills and stage != DRAWING:
        before, moment = run.files(), float(random.uniform(0, seconds / 2))
        if ended(run.start(resume), timeout=moment):
            return run.model.read_bytes(), hits
        resume, stage = True, run.stage(before)
        hits.append({"seconds": round(moment, 3), "stage": stage})
        announce(f"killed after {moment:.2f} s, {stage}")
    ended(run.start(resume))
    return run.model.read_bytes(), hits


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "numba"])
    parser.add_argument("--kills", type=int, default=20, help="how many in all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    chains: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        announce("two runs that nobody stops, the first of which fills the caches")
        uninterrupted(scratch / "first", scratch / "caches")
        expected, seconds = uninterrupted(scratch / "whole", scratch / "caches")
        left = arguments.kills
        while left > 0:
            run = Run(scratch / f"chain-{len(chains)}", scratch / "caches")
            found, hits = chain(run, random, seconds, left)
            left -= len(hits)
            chains.append({"same": found == expected, "kills": hits})
            announce(f"ended in {'the same' if found == expected else 'ANOTHER'} model")
    record(chains, seconds, arguments.versions)


def record(chains: list[dict[str, Any]], seconds: float, versions: dict[str, str]) -> None:
    """Write down how the chains ended, and which stages the kills have hit."""
    killed = [one for one in chains if one["kills"]]
    stages = Counter(hit["stage"] for one in killed for hit in one["kills"])
    rows = [[stage, str(stages[stage])] for stage in STAGES]
    same = sum(one["same"] for one in killed)
    longest = max(len(one["kills"]) for one in killed)
    write_record(
        "kill-resume",
        "Killed and resumed",
        targets=[
            Target("killed runs that end in the model of the uninterrupted one", len(killed), same),
            Target("kills", 20, stages.total()),
        ],
        sections=[
            table(["killed", "times"], rows),
            f"{len(killed)} runs of {EPOCHS} epochs were killed {stages.total()} times, one of "
            f"them {longest} times; an uninterrupted run took {seconds:.1f} s.",
        ],
        data={"uninterrupted_seconds": seconds, "chains": chains},
        versions=versions,
        rates=[matrix_rate()],
    )


if __name__ == "__main__":
    main()
