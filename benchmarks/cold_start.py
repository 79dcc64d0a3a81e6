"""How long from a command to all of its files, on a machine that has never run narrows before?

Target: ``narrows fit mnist --preset simple`` in under 45 s of wall time and 1 GB of memory, where
the article's program takes about 120 s; ``narrows demo`` in under 120 s on MNIST, and in under 30 s
on digits, which it takes where MNIST cannot be had.

"Cold" is with empty caches of compiled kernels (Numba) and of fonts (matplotlib), "warm" with those
that an earlier run left. Every program runs once a round, whole, in a process of its own. Beside
them runs the article's program in Keras on TensorFlow: import, as many epochs, the plot.

    python benchmarks/cold_start.py [--rounds N] [--epochs N]
"""

import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import (
    Finished,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_process,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from narrows_cli import NARROWS

PICTURES = ("loss.png", "reconstructions.png", "codes.png")
FIT, DEMO, DEMO_DIGITS = "narrows fit mnist", "narrows demo", "narrows demo, without MNIST"
ARTICLE = "the article's program, Keras on TensorFlow"


@dataclass(frozen=True)
class Program:
    """A command, with ``{out}`` for its own new folder, and the files that it must leave there."""

    name: str
    command: Sequence[str]
    leaves: Sequence[str]
    environment: dict[str, str]

    def run(self, caches: Path) -> Finished:
        """Run it with caches of compiled code and fonts in ``caches``.

        Raises:
            SystemExit: it failed, or left a file out.
        """
        announce(self.name)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            out.mkdir()
            environment = {
                **self.environment,
                "NUMBA_CACHE_DIR": str(caches / "numba"),
                "MPLCONFIGDIR": str(caches / "matplotlib"),
            }
            finished = run_process([part.format(out=out) for part in self.command], environment)
            missing = [name for name in self.leaves if not (out / name).is_file()]
        if missing:
            raise SystemExit(f"{self.name} has not written {', '.join(missing)}")
        return finished


def narrows_programs(epochs: int, nowhere: str) -> list[Program]:
    """The commands to measure; ``nowhere`` is an empty folder."""
    fit = ("fit", "mnist", "--preset", "simple", "--epochs", str(epochs))
    # no data folder, an empty cache, and a proxy where nobody answers: MNIST cannot be had
    without_mnist = {
        "NARROWS_DATA": "",
        "XDG_CACHE_HOME": nowhere,
        "https_proxy": "http://127.0.0.1:9",
    }
    demo = (*NARROWS, "demo", "--out", "{out}")
    files = ("model.safetensors", "history.jsonl", *PICTURES)
    run = [f"model/{name}" for name in ("history.jsonl", *PICTURES)]
    return [
        Program(
            FIT, (*NARROWS, *fit, "--out", "{out}/model.safetensors"),
            ("model.safetensors", *run), {},
        ),
        Program(DEMO, demo, ("index.html", *files), {}),
        Program(DEMO_DIGITS, demo, ("index.html", *files), without_mnist),
    ]  # fmt: skip


def article_program(epochs: int, folder: str) -> Program:
    script = str(Path(__file__).with_name("article_keras.py"))
    command = (sys.executable, script, folder, str(epochs), "{out}/loss.png")
    return Program(ARTICLE, command, ("loss.png",), {"KERAS_BACKEND": "tensorflow"})


def measure(
    rounds: int, epochs: int, scratch: Path
) -> tuple[dict[str, list[Finished]], list[float]]:
    """Every program in every round, by name with its caches' state, and the matrix rates."""
    measured: dict[str, list[Finished]] = defaultdict(list)
    rates = []
    warm, mnist, nowhere = (scratch / name for name in ("warm", "mnist", "nowhere"))
    for folder in (warm, mnist, nowhere):
        folder.mkdir()
    save_mnist(mnist)
    article = article_program(epochs, str(mnist))
    announce("filling the warm caches")
    for program in [*narrows_programs(1, str(nowhere)), article_program(1, str(mnist))]:
        program.run(warm)
    for number in range(rounds):
        announce(f"round {number + 1} of {rounds}")
        for program in narrows_programs(epochs, str(nowhere)):
            rates.append(matrix_rate())
            with tempfile.TemporaryDirectory(dir=scratch) as empty:
                measured[f"{program.name}, cold"].append(program.run(Path(empty)))
            measured[f"{program.name}, warm"].append(program.run(warm))
        rates.append(matrix_rate())
        measured[article.name].append(article.run(warm))
    return measured, rates


def targets(measured: dict[str, list[Finished]]) -> list[Target]:
    def seconds(name: str) -> float:
        return statistics.median(finished.seconds for finished in measured[name])

    limits = {FIT: 45, DEMO: 120, DEMO_DIGITS: 30}
    peak = max(finished.peak_bytes for finished in measured[f"{FIT}, cold"])
    return [
        Target(f"{name}, cold: seconds", limit, seconds(f"{name}, cold"), at_least=False)
        for name, limit in limits.items()
    ] + [Target(f"{FIT}, cold: peak memory, MB", 1000, peak / 1e6, at_least=False)]


def programs_table(measured: dict[str, list[Finished]]) -> str:
    """A row a program: wall time and peak memory."""
    rows = [
        [
            name,
            with_spread([finished.seconds for finished in runs], 1),
            with_spread([finished.peak_bytes / 1e6 for finished in runs], 0),
        ]
        for name, runs in measured.items()
    ]
    return table(["median (lowest to highest)", "seconds", "peak memory, MB"], rows)


def main() -> None:
    parser = argument_parser(
        __doc__,
        "rounds",
        packages=["numpy", "numba", "matplotlib", "scikit-learn", "keras", "tensorflow"],
    )
    parser.add_argument("--epochs", type=int, default=50, help="of narrows fit and the article's")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measured, rates = measure(arguments.rounds, arguments.epochs, Path(scratch))
    write_record(
        "cold-start",
        "From a command to all files",
        targets=targets(measured),
        sections=[programs_table(measured)],
        data={
            "runs": {
                name: [{"seconds": x.seconds, "peak_bytes": x.peak_bytes} for x in runs]
                for name, runs in measured.items()
            }
        },
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
