"""How many images a second go through the trained encoder, and through the decoder?

Target: at least 3 times as many as by Keras ``predict`` at its defaults, both ways, for 10,000 and
for 70,000 MNIST images.

Every contestant has the same weights and gives the same codes and images, which is checked. In
every round each runs once, in a process of its own. Beside Keras (TensorFlow, in batches of 32, its
default, and of 1024) stands the plain chain of matrix products in NumPy.

    python benchmarks/encode_speed.py [--rounds N]
"""

import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from common import (
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

LIMIT = 3
DEFAULT_KERAS = "Keras predict, batches of 32"
#: What the tables call each function of encode_contestants.py.
CONTESTANTS = {
    "narrows, Autoencoder": "narrows_estimator",
    "narrows, the engine alone": "narrows_engine",
    DEFAULT_KERAS: "keras_default",
    "Keras predict, batches of 1024": "keras_large_batches",
    "NumPy matrix products": "numpy_products",
}

#: Seconds of each round, by contestant and then by what was done.
Seconds = dict[str, dict[str, list[float]]]


def train_model(path: Path) -> None:
    """A model to use: two epochs of training make no difference to its speed."""
    from narrows import Autoencoder, load_data

    Autoencoder(preset="simple", epochs=2).fit(load_data("mnist").items).save(path)


def measure(folder: Path, rounds: int) -> tuple[Seconds, list[float]]:
    """Every contestant's median seconds of each act in each round, and the matrix rates."""
    seconds: Seconds = defaultdict(lambda: defaultdict(list))
    rates = []
    for number in range(rounds):
        announce(f"round {number + 1} of {rounds}")
        for name, function in CONTESTANTS.items():
            announce(name)
            rates.append(matrix_rate())
            environment = {"KERAS_BACKEND": "tensorflow"}
            arguments = [function, str(folder)]
            result = run_contestant("encode_contestants.py", arguments, environment).result
            for act, times in result.items():
                seconds[name][act].append(statistics.median(times))
    return seconds, rates


def images(act: str) -> int:
    """How many images an act such as ``encode 10000`` takes."""
    return int(act.split()[1])


def targets(seconds: Seconds) -> list[Target]:
    ours, theirs = seconds["narrows, Autoencoder"], seconds[DEFAULT_KERAS]
    return [
        Target(
            f"{act.split()[0]} {images(act):,}: Autoencoder over {DEFAULT_KERAS}",
            LIMIT,
            statistics.median(theirs[act]) / statistics.median(ours[act]),
        )
        for act in ours
    ]


def rates_table(seconds: Seconds) -> str:
    """A row a contestant: thousands of images a second for each act."""
    acts = list(next(iter(seconds.values())))
    rows = [
        [name, *(with_spread([images(act) / x / 1e3 for x in times[act]], 0) for act in acts)]
        for name, times in seconds.items()
    ]
    return table(
        ["thousand images a second", *(f"{a.split()[0]} {images(a):,}" for a in acts)], rows
    )


def main() -> None:
    arguments = argument_parser(
        __doc__, "rounds", packages=["numpy", "numba", "keras", "tensorflow"]
    ).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_mnist(folder)
        announce("training a model")
        train_model(folder / "model.safetensors")
        seconds, rates = measure(folder, arguments.rounds)
    data: dict[str, Any] = {"seconds": seconds}
    write_record(
        "encode-speed",
        "Speed of encoding and decoding",
        targets=targets(seconds),
        sections=["Median (lowest to highest) over the rounds:", rates_table(seconds)],
        data=data,
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
