"""Does the fused engine earn its place? How fast does it train, beside our own XLA engine?

Target: for each kind of net the fused engine is at least 1.5 times as fast, in every round, with
nothing of ours beside it and beside two endless loops. A kind for which it is not is for XLA to
train, and the fused engine's lines for it are to go.

``simple``, ``dense``, ``conv`` and ``variational`` learn MNIST in batches of 64, as models_speed.py
has it. In every round and state each engine trains each preset once, in a process of its own, one
right after the other: an epoch to warm up and to compile, then epochs of some thousand images, all
of which count.

    python benchmarks/engines.py [--presets NAME,NAME] [--rounds N]
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from common import (
    Target,
    argument_parser,
    run_contestant,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from neighbours import BUSY, QUIET, State, beside
from rounds import Rounds

#: Images of an epoch and epochs, by preset: some seconds for either engine.
AMOUNTS = {
    "simple": (60_000, 7),
    "dense": (12_000, 3),
    "conv": (6_000, 2),
    "variational": (12_000, 3),
}
ENGINES = ("fused", "xla")
STATES = (QUIET, *(state for state in BUSY if state.processes == 2 and state.epochs is None))
LIMIT = 1.5
_ALL_ITEMS = 60_000


def train(engine: str, preset: str, folder: str, state: State) -> dict[str, Any]:
    """One process: ``epochs``, the seconds of each as if it were one of 60,000 images; ``loss``."""
    items, epochs = AMOUNTS[preset]
    with beside(state):
        result = run_contestant(
            "models_contestants.py",
            ["narrows", preset, folder, str(items), str(epochs)],
            {"NARROWS_ENGINE": engine},
        ).result
    return {**result, "epochs": [each * _ALL_ITEMS / items for each in result["epochs"]]}


def key(engine: str, preset: str, state: State) -> str:
    """What the rounds call it."""
    return f"{preset}, {state.name}, {engine}"


def ratios(rounds: Rounds, preset: str, state: State) -> list[float]:
    """How many times as long as the fused engine XLA took for all epochs, in each round."""
    fused, xla = (key(engine, preset, state) for engine in ENGINES)
    return [sum(b["epochs"]) / sum(a["epochs"]) for a, b in rounds.both(fused, xla)]


def targets(rounds: Rounds, presets: list[str]) -> list[Target]:
    return [
        Target(
            f"{preset}, {state.name}: XLA's epochs over the fused engine's, in the lowest round",
            LIMIT,
            min(ratios(rounds, preset, state), default=float("nan")),
        )
        for preset in presets
        for state in STATES
    ]


def speed_table(rounds: Rounds, presets: list[str]) -> str:
    """A row a preset and state: epochs of either engine, and their ratio."""
    rows = []
    for preset in presets:
        for state in STATES:
            epochs = (
                [each for run in rounds.of(key(engine, preset, state)) for each in run["epochs"]]
                for engine in ENGINES
            )
            found = ratios(rounds, preset, state)
            rows.append(
                [f"{preset}, {state.name}", *map(with_spread, epochs), with_spread(found, 2)]
            )
    columns = ["median (lowest to highest)", "fused, s an epoch", "XLA, s an epoch", "XLA / fused"]
    return table(columns, rows)


def main() -> None:
    parser = argument_parser(__doc__, "rounds", packages=["numpy", "numba", "jax", "jaxlib"])
    parser.add_argument(
        "--presets", type=lambda text: text.split(","), default=list(AMOUNTS), metavar="NAME,NAME"
    )
    arguments = parser.parse_args()
    rounds = Rounds()
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        work = {
            key(engine, preset, state): partial(train, engine, preset, folder, state)
            for preset in arguments.presets
            for state in STATES
            for engine in ENGINES
        }
        rounds.measure(arguments.rounds, work)
    write_record(
        "engines",
        "The fused engine beside XLA",
        targets=targets(rounds, arguments.presets),
        sections=[
            "An epoch is one of 60,000 images; of presets that take long, fewer are trained on: "
            + ", ".join(f"{name} {items:,}" for name, (items, _) in AMOUNTS.items())
            + ".",
            speed_table(rounds, arguments.presets),
        ],
        data={"rounds": rounds.values},
        versions=arguments.versions,
        rates=rounds.rates,
        failures=rounds.failures,
    )


if __name__ == "__main__":
    main()
