"""How fast does narrows train the article's model, beside Keras and PyTorch?

Target: an epoch at least 7 times faster than the article's Keras code on TensorFlow and 4.5 times
faster than PyTorch eager, at no less than half of the machine's float32 matrix rate, counting the
48.5 GFLOP of an epoch's matrix products. At the least 5 and 3 times.

In every round each contestant runs once, in a process of its own: an epoch to warm up and five that
count, each with a validation on the 10,000 test images. Caches of compiled code are filled by a
round that does not count; "cold" is narrows with an empty one. The matrix rate is measured before
each contestant.

    python benchmarks/train_speed.py [--rounds N]
"""

import statistics
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import (
    EPOCH_OPERATIONS,
    Finished,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_contestant,
    save_mnist,
    table,
    with_spread,
    write_record,
)

EPOCHS = 6
STEPS = 60_000 / 64


@dataclass(frozen=True)
class Contestant:
    """A way to train: a function of train_contestants.py, and the environment it runs in."""

    name: str
    function: str
    environment: dict[str, str] = field(default_factory=dict)


TENSORFLOW = Contestant("Keras on TensorFlow", "keras", {"KERAS_BACKEND": "tensorflow"})
EAGER = Contestant("PyTorch eager", "torch_eager")
NARROWS = Contestant("narrows", "narrows")
CONTESTANTS = (
    TENSORFLOW,
    Contestant("Keras on JAX", "keras", {"KERAS_BACKEND": "jax"}),
    EAGER,
    Contestant("PyTorch compiled", "torch_compiled"),
    NARROWS,
    Contestant("narrows on one core", "narrows_on_one_core"),
)
COLD = "narrows, cold"


@dataclass
class Measured:
    """What the rounds came to, by contestant."""

    epochs: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    to_first_epoch: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    peak_bytes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    losses: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    profiles: list[dict[str, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, name: str, finished: Finished) -> None:
        """Take in one process."""
        ends = finished.result["ends"]
        self.epochs[name].append([end - start for start, end in pairwise(ends)])
        self.to_first_epoch[name].append(ends[0] - finished.started)
        self.peak_bytes[name].append(finished.peak_bytes)
        self.losses[name].append((finished.result["loss"], finished.result["val_loss"]))

    def all_epochs(self, name: str) -> list[float]:
        """The seconds of every epoch that counts."""
        return [seconds for epochs in self.epochs[name] for seconds in epochs]

    def epoch(self, name: str) -> float:
        """The median over all rounds."""
        return statistics.median(self.all_epochs(name))

    def ratios(self, name: str, to: str = NARROWS.name) -> list[float]:
        """How many times longer an epoch takes than ``to``'s: medians of each round."""
        pairs = zip(self.epochs[name], self.epochs[to], strict=True)
        return [statistics.median(theirs) / statistics.median(ours) for theirs, ours in pairs]

    def part(self, *keys: str) -> float:
        """The median over the rounds of one entry of the profiles."""
        return statistics.median(_entry(profile, keys) for profile in self.profiles)


def _entry(values: Any, keys: tuple[str, ...]) -> float:
    for key in keys:
        values = values[key]
    return values


def measure(folder: str, rounds: int) -> Measured:
    """Run every contestant once to fill the caches, then ``rounds`` times to be measured."""
    measured = Measured()
    with tempfile.TemporaryDirectory() as caches:
        warm = {"NUMBA_CACHE_DIR": f"{caches}/numba", "TORCHINDUCTOR_CACHE_DIR": f"{caches}/torch"}

        def run(contestant: Contestant, epochs: int, environment: dict[str, str]) -> Finished:
            announce(contestant.name)
            return run_contestant(
                "train_contestants.py",
                [contestant.function, folder, str(epochs)],
                {**contestant.environment, **environment},
            )

        for contestant in CONTESTANTS:
            run(contestant, 1, warm)
        for number in range(rounds):
            announce(f"round {number + 1} of {rounds}")
            for contestant in CONTESTANTS:
                measured.rates.append(matrix_rate())
                measured.add(contestant.name, run(contestant, EPOCHS, warm))
            with tempfile.TemporaryDirectory() as empty:
                cold = run(NARROWS, 1, {"NUMBA_CACHE_DIR": empty})
            measured.to_first_epoch[COLD].append(cold.result["ends"][0] - cold.started)
            announce("profile of narrows' step")
            measured.profiles.append(run_contestant("step_profile.py", [folder], warm).result)
    return measured


def targets(measured: Measured) -> list[Target]:
    epoch = measured.epoch(NARROWS.name)
    rate = statistics.median(measured.rates)
    return [
        Target(
            f"{rival.name}: median epoch over narrows'", limit, measured.epoch(rival.name) / epoch
        )
        for rival, limit in ((TENSORFLOW, 7), (EAGER, 4.5))
    ] + [Target("share of the float32 matrix rate", 0.5, EPOCH_OPERATIONS / epoch / rate)]


def speed_table(measured: Measured) -> str:
    """A row a contestant: epoch, ratio, time to the first epoch's end, memory, losses."""
    rows = []
    for name in (contestant.name for contestant in CONTESTANTS):
        losses = (statistics.median(values) for values in zip(*measured.losses[name], strict=True))
        rows.append(
            [
                name,
                with_spread(measured.all_epochs(name)),
                with_spread(measured.ratios(name), 2),
                with_spread(measured.to_first_epoch[name], 1),
                f"{statistics.median(measured.peak_bytes[name]) / 1e6:,.0f}",
                " / ".join(f"{loss:.0f}" for loss in losses),
            ]
        )
    rows.append([COLD, "", "", with_spread(measured.to_first_epoch[COLD], 1), "", ""])
    columns = [
        "median (lowest to highest)",
        "epoch, s",
        "over narrows' epoch, by round",
        "process start to the end of epoch 1, s",
        "peak memory, MB",
        f"loss / val_loss, epoch {EPOCHS}",
    ]
    return table(columns, rows)


def profile_table(measured: Measured) -> str:
    """Where narrows' epoch goes: each part measured alone, then what the parts leave over."""
    parts = [name for name in measured.profiles[0]["parts"] if name != "Adam alone"]
    seconds = {name: measured.part("parts", name) * STEPS for name in parts}
    steps, validation = measured.part("steps"), measured.part("validation")
    seconds["waiting for the other core: its weights, the barriers"] = steps - sum(seconds.values())
    seconds["validation"] = validation
    epoch = measured.epoch(NARROWS.name)
    seconds["the rest: order, threads, slices, bookkeeping"] = epoch - steps - validation
    rows = [[name, f"{1e3 * x:.1f}", f"{x / epoch:.0%}"] for name, x in seconds.items()]
    rows.append(["**epoch**", f"{1e3 * epoch:.1f}", "100%"])
    return table(["part", "ms an epoch", "share"], rows)


def profile_text(measured: Measured) -> str:
    """What stands below the table of parts."""
    peak = statistics.median(measured.rates)
    numpy_rate = EPOCH_OPERATIONS / (measured.part("numpy_products") * STEPS)
    adam = measured.part("parts", "Adam alone") * STEPS
    one = statistics.median(measured.ratios("narrows on one core"))
    return (
        f"Of the gradients and Adam, Adam alone takes {1e3 * adam:.1f} ms. One core takes "
        f"{one:.2f} times as long as all. The epoch's matrix products at the large-matrix rate "
        f"would take {1e3 * EPOCH_OPERATIONS / peak:.0f} ms; NumPy runs products of these small "
        f"shapes, and nothing else, at {numpy_rate / 1e9:.0f} GFLOP/s, "
        f"{numpy_rate / peak:.0%} of that rate, and narrows the whole epoch at "
        f"{EPOCH_OPERATIONS / measured.epoch(NARROWS.name) / 1e9:.0f}."
    )


def main() -> None:
    arguments = argument_parser(__doc__, "rounds").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        measured = measure(folder, arguments.rounds)
    write_record(
        "train-speed",
        "Training speed of the simple autoencoder",
        targets=targets(measured),
        sections=[
            speed_table(measured),
            "## Where narrows' time goes",
            profile_table(measured),
            profile_text(measured),
        ],
        data={
            "epoch_seconds": measured.epochs,
            "seconds_to_first_epoch": measured.to_first_epoch,
            "peak_bytes": measured.peak_bytes,
            "losses": measured.losses,
            "profiles": measured.profiles,
        },
        packages=["numpy", "numba", "jax", "keras", "tensorflow", "torch"],
        rates=measured.rates,
    )


if __name__ == "__main__":
    main()
