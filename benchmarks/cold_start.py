"""How long from a command to all of its files, on a machine that has never run narrows before?

Target: with nothing compiled ``narrows fit mnist --preset simple`` comes to the end of its first
epoch within 6 s, and takes 1 GB of memory at most; ``narrows demo`` on digits, which trains two
models and writes the page that compares them, is done within 20 s.

"Cold" is with empty caches of compiled kernels (Numba) and of fonts (matplotlib), "warm" with those
that an earlier run left. Every program runs once a round, whole, in a process of its own. Beside
them runs the article's program in Keras on TensorFlow: import, as many epochs, the plot. A round
takes some 2 minutes on two cores.

    python benchmarks/cold_start.py [--rounds N] [--epochs N]
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from common import (
    Finished,
    Target,
    argument_parser,
    run_process,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from narrows_cli import NARROWS, caches_in
from rounds import Rounds

PICTURES = ("loss.png", "reconstructions.png", "codes.png")
FIT, DEMO = "narrows fit mnist --preset simple", "narrows demo --data digits"
ARTICLE = "the article's program, Keras on TensorFlow"
_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Timed:
    """A program that has ended: seconds of all of it, and to the end of its first epoch."""

    seconds: float
    peak_bytes: int
    to_first_epoch: float | None


@dataclass(frozen=True)
class Program:
    """A command, with ``{out}`` for its own new folder, and the files that it must leave there;
    ``history`` gets a line as each epoch ends."""

    name: str
    command: Sequence[str]
    leaves: Sequence[str]
    history: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, caches: Path) -> Timed:
        """Run it with caches of compiled code and fonts in ``caches``.

        Raises:
            SystemExit: it failed, or left a file out.
        """
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            out.mkdir()
            environment = {
                **self.environment,
                **caches_in(caches),
                "MPLCONFIGDIR": str(caches / "matplotlib"),
            }
            command = [part.format(out=out) for part in self.command]
            history = None if self.history is None else out / self.history
            finished, first = _watched(partial(run_process, command, environment), history)
            missing = [name for name in self.leaves if not (out / name).is_file()]
        if missing:
            raise SystemExit(f"{self.name} has not written {', '.join(missing)}")
        epoch = None if first is None else first - finished.started
        return Timed(finished.seconds, finished.peak_bytes, epoch)

    def run_cold(self) -> Timed:
        """Run it with empty caches."""
        with tempfile.TemporaryDirectory() as empty:
            return self.run(Path(empty))


def _watched(run: Callable[[], Finished], path: Path | None) -> tuple[Finished, float | None]:
    """What ``run`` gives, and when there was something in the file for the first time, seconds
    since the epoch of :func:`time.time`."""
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while path is not None and not ended.wait(_LOOK_SECONDS):
            if path.is_file() and path.stat().st_size:
                seen.append(time.time())
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        finished = run()
    finally:
        ended.set()
        watcher.join()
    return finished, seen[0] if seen else None


def programs(epochs: int, folder: str) -> list[Program]:
    """The commands to measure; MNIST for the article's lies in ``folder``."""
    fit = ("fit", "mnist", "--preset", "simple", "--epochs", str(epochs))
    run = [f"model/{name}" for name in ("history.jsonl", *PICTURES)]
    pages = ("index.html", "article.safetensors", "default.safetensors")
    script = str(Path(__file__).with_name("article_keras.py"))
    article = (sys.executable, script, folder, str(epochs), "{out}/loss.png")
    return [
        Program(
            FIT,
            (*NARROWS, *fit, "--out", "{out}/model.safetensors"),
            ("model.safetensors", *run),
            "model/history.jsonl",
        ),
        Program(DEMO, (*NARROWS, "demo", "--data", "digits", "--out", "{out}"), pages),
        Program(ARTICLE, article, ("loss.png",), environment={"KERAS_BACKEND": "tensorflow"}),
    ]


def measure(count: int, epochs: int, scratch: Path) -> Rounds:
    """Every program in every round, by name and the state of its caches."""
    warm, mnist = scratch / "warm", scratch / "mnist"
    for folder in (warm, mnist):
        folder.mkdir()
    save_mnist(mnist)
    rounds = Rounds()
    rounds.warm_up({each.name: partial(each.run, warm) for each in programs(1, str(mnist))})
    work: dict[str, Callable[[], Timed]] = {}
    for each in programs(epochs, str(mnist)):
        if each.name != ARTICLE:
            work[f"{each.name}, cold"] = each.run_cold
        work[f"{each.name}, warm"] = partial(each.run, warm)
    rounds.measure(count, work)
    return rounds


def targets(rounds: Rounds) -> list[Target]:
    fits, demos = rounds.of(f"{FIT}, cold"), rounds.of(f"{DEMO}, cold")
    figures = [
        (f"{FIT}, cold: seconds to the end of epoch 1", 6, [run.to_first_epoch for run in fits]),
        (f"{DEMO}, cold: seconds", 20, [run.seconds for run in demos]),
        (f"{FIT}, cold: peak memory, MB", 1000, [run.peak_bytes / 1e6 for run in fits]),
    ]
    return [
        Target(f"{what}, the highest", limit, max(values, default=float("nan")), at_least=False)
        for what, limit, values in figures
    ]


def programs_table(rounds: Rounds) -> str:
    """A row a program: wall time, to the end of the first epoch, and peak memory."""
    rows = []
    for name in dict.fromkeys(name for values in rounds.values for name in values):
        runs: list[Timed] = rounds.of(name)
        firsts = [run.to_first_epoch for run in runs if run.to_first_epoch is not None]
        rows.append(
            [
                name,
                with_spread([run.seconds for run in runs], 1),
                with_spread(firsts, 1),
                with_spread([run.peak_bytes / 1e6 for run in runs], 0),
            ]
        )
    columns = ["median (lowest to highest)", "seconds", "to the end of epoch 1", "peak memory, MB"]
    return table(columns, rows)


def main() -> None:
    packages = ["numpy", "numba", "matplotlib", "scikit-learn", "keras", "tensorflow"]
    parser = argument_parser(__doc__, "rounds", packages=packages)
    parser.add_argument("--epochs", type=int, default=5, help="of narrows fit and the article's")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rounds = measure(arguments.rounds, arguments.epochs, Path(scratch))
    if not any(rounds.values):
        raise SystemExit("\n".join(["nothing was measured", *rounds.failures]))
    write_record(
        "cold-start",
        "From a command to all files",
        targets=targets(rounds),
        failures=rounds.failures,
        sections=[programs_table(rounds)],
        data={
            "rounds": [
                {name: vars(run) for name, run in values.items()} for values in rounds.values
            ]
        },
        versions=arguments.versions,
        rates=rounds.rates,
    )


if __name__ == "__main__":
    main()
