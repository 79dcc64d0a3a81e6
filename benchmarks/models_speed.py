"""How fast does narrows train its presets, beside the same nets in PyTorch and in Keras on JAX?

Target: an epoch of ``dense``, of ``conv`` and of ``variational`` takes PyTorch (eager) and Keras on
JAX at least 1.5 times as long, in every round.

All train on MNIST's images in batches of 64 with AdamW, without shifts or other augmentation, from
the same weights: the nets are translated from narrows' own specs, and must learn as many numbers
and give the same values before anything is measured. In every round each contestant trains each
preset once, in a process of its own: an epoch to warm up and to compile, and one that counts, of
all 60,000 images, or of 12,000 for ``conv``, of which an epoch takes others a minute.

    python benchmarks/models_speed.py [--presets NAME,NAME] [--rounds N] [--items N] [--compiled]
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

from common import (
    JOURNAL,
    Contestant,
    Journal,
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

ALL_ITEMS = 60_000
#: Images that count, by preset, where it is not told.
ITEMS = {"dense": ALL_ITEMS, "conv": 12_000, "variational": ALL_ITEMS}
#: How many times as long as narrows' epoch another's must take at the least.
LIMIT = 1.5


NARROWS = Contestant("narrows", "narrows")
RIVALS = (
    Contestant("PyTorch eager", "torch_eager"),
    Contestant("Keras on JAX", "keras", {"KERAS_BACKEND": "jax"}),
)
COMPILED = Contestant("PyTorch compiled", "torch_compiled")

#: The runs of each round, by preset and contestant.
Runs = dict[str, dict[str, list[Any]]]


def train(contestant: Contestant, preset: str, folder: str, items: int) -> dict[str, Any]:
    """One process: ``seconds`` of ``items`` images, ``loss``, ``peak_bytes``, matrix ``rate``."""
    rate = matrix_rate()
    finished = run_contestant(
        "models_contestants.py",
        [contestant.function, preset, folder, str(items), "1"],
        contestant.environment,
    )
    (seconds,) = finished.result["epochs"]
    return {
        "seconds": seconds,
        "loss": finished.result["loss"],
        "peak_bytes": finished.peak_bytes,
        "rate": rate,
    }


def ratios(runs: dict[str, list[Any]], name: str) -> list[float]:
    """How many times as long as narrows a contestant took, in each round."""
    pairs = zip(runs[name], runs[NARROWS.name], strict=True)
    return [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs]


def targets(runs: Runs) -> list[Target]:
    return [
        Target(
            f"{preset}: {rival.name}'s epoch over narrows', in the lowest round",
            LIMIT,
            min(ratios(found, rival.name)),
        )
        for preset, found in runs.items()
        for rival in RIVALS
    ]


def speed_table(runs: Runs, items: dict[str, int]) -> str:
    """A row a preset and contestant: epochs a second, and what they are to narrows'."""
    rows = [
        [
            f"{preset}, {name}",
            with_spread([items[preset] / ALL_ITEMS / run["seconds"] for run in each], 4),
            with_spread(ratios(found, name), 2),
            f"{statistics.median(run['loss'] for run in each):.4f}",
            f"{statistics.median(run['peak_bytes'] for run in each) / 1e6:,.0f}",
        ]
        for preset, found in runs.items()
        for name, each in found.items()
    ]
    columns = [
        "median (lowest to highest)",
        "epochs a second",
        "its epoch over narrows'",
        "mean squared error of that epoch, values in 0..1",
        "peak memory, MB",
    ]
    return table(columns, rows)


def main() -> None:
    parser = argument_parser(
        __doc__, "rounds", *JOURNAL, packages=["numpy", "numba", "jax", "keras", "torch"]
    )
    parser.add_argument(
        "--presets", type=lambda text: text.split(","), default=list(ITEMS), metavar="NAME,NAME"
    )
    parser.add_argument("--items", type=int, help="images that count, of every preset")
    parser.add_argument("--compiled", action="store_true", help="torch.compile as well")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    contestants = [NARROWS, *RIVALS, *([COMPILED] if arguments.compiled else [])]
    journal = Journal("models-speed", arguments)
    items = {
        preset: arguments.items or ITEMS.get(preset, ALL_ITEMS) for preset in arguments.presets
    }
    runs: Runs = {preset: {c.name: [] for c in contestants} for preset in arguments.presets}
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        for number in range(arguments.rounds):
            for preset in arguments.presets:
                for contestant in contestants:
                    what = f"round {number + 1}: {contestant.name}, {preset}, {items[preset]}"
                    run = journal.measure(what, train, contestant, preset, folder, items[preset])
                    runs[preset][contestant.name].append(run)
    every = [run for found in runs.values() for each in found.values() for run in each]
    write_record(
        "models-speed",
        "Training speed of the presets",
        targets=targets(runs),
        sections=[speed_table(runs, items)],
        data={"items": items, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in every],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
