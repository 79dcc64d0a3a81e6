"""How fast do images go through a trained encoder, and codes through the decoder: many together,
and one at a time, as a web service gets them?

Target: one image encoded from Python (``Autoencoder.transform``) in at most 30 µs by ``simple`` and
in 100 µs by ``dense`` without refinement; 10,000 at least 1.5 times as fast as by Keras, PyTorch
and ONNX Runtime, both ways, in every round.

Every contestant has the same weights and gives the same codes and images, which is checked. In
every round each runs once, in a process of its own, for each model: Keras on JAX and on TensorFlow,
``predict`` in batches of 1024 and ``predict_on_batch`` of one image; PyTorch in its mode for
inference, eager and compiled; ONNX Runtime at its defaults; and the layers as matrix products in
NumPy. One image takes the median of 2,000 calls.

    python benchmarks/encode_speed.py [--rounds N]
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from common import (
    Contestant,
    Target,
    announce,
    argument_parser,
    run_contestant,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from rounds import Rounds

#: Grey levels encoded by it in one call, in microseconds at most.
LIMITS = {"simple": 30, "dense": 100}
OVER = 1.5
MANY = ("encode 10,000", "decode 10,000")
ONE = ("encode one", "decode one")


NARROWS = Contestant("narrows, Autoencoder", "narrows_estimator")
RIVALS = (
    Contestant("Keras on JAX", "keras", {"KERAS_BACKEND": "jax"}),
    Contestant("Keras on TensorFlow", "keras", {"KERAS_BACKEND": "tensorflow"}),
    Contestant("PyTorch eager", "torch_eager"),
    Contestant("PyTorch compiled", "torch_compiled"),
    Contestant("ONNX Runtime", "onnx_runtime"),
)
CONTESTANTS = (
    NARROWS,
    Contestant("narrows, the engine alone", "narrows_engine"),
    *RIVALS,
    Contestant("NumPy matrix products", "numpy_products"),
)

#: Seconds of every call, by what was done.
Run = dict[str, list[float]]


def train_models(folder: Path) -> None:
    """Models to use: an epoch of training makes no difference to their speed."""
    from narrows import Autoencoder, load_data

    images = load_data("mnist").items
    for preset in LIMITS:
        announce(f"training {preset}")
        model = Autoencoder(20, preset=preset, epochs=1, refine=0)
        model.fit(images).save(folder / f"{preset}.safetensors")


def key(contestant: Contestant, preset: str) -> str:
    """What the rounds call a contestant with a model."""
    return f"{contestant.name}, {preset}"


def run(contestant: Contestant, preset: str, folder: str) -> Run:
    """One process."""
    arguments = [contestant.function, folder, preset]
    environment = contestant.environment
    found: Run = run_contestant("encode_contestants.py", arguments, environment).result
    return found


def microseconds(rounds: Rounds, contestant: Contestant, preset: str, act: str) -> list[float]:
    """The median call of each round."""
    return [1e6 * statistics.median(each[act]) for each in rounds.of(key(contestant, preset))]


def targets(rounds: Rounds) -> list[Target]:
    found = []
    for preset, limit in LIMITS.items():
        times = microseconds(rounds, NARROWS, preset, "encode one")
        what = f"{preset}: one image encoded, in the slowest round, µs"
        found.append(Target(what, limit, max(times, default=float("nan")), at_least=False))
    for preset in LIMITS:
        for act in MANY:
            ratios = [
                statistics.median(theirs[act]) / statistics.median(ours[act])
                for rival in RIVALS
                for theirs, ours in rounds.both(key(rival, preset), key(NARROWS, preset))
            ]
            what = f"{preset}, {act}: the fastest of the others over narrows, in the lowest round"
            found.append(Target(what, OVER, min(ratios, default=float("nan"))))
    return found


def one_table(rounds: Rounds, preset: str) -> str:
    """A row a contestant: microseconds of one image, the median call and the slowest of 100."""
    rows = []
    for each in CONTESTANTS:
        cells = [each.name]
        for act in ONE:
            slow = [1e6 * np.quantile(r[act], 0.99) for r in rounds.of(key(each, preset))]
            cells += [with_spread(microseconds(rounds, each, preset, act), 1), with_spread(slow, 1)]
        rows.append(cells)
    columns = ["", "encode, µs", "the slowest in 100", "decode, µs", "the slowest in 100"]
    return table(columns, rows)


def many_table(rounds: Rounds, preset: str) -> str:
    """A row a contestant: thousands of images a second."""
    rows = [
        [
            each.name,
            *(
                with_spread([1e7 / x for x in microseconds(rounds, each, preset, act)], 0)
                for act in MANY
            ),
        ]
        for each in CONTESTANTS
    ]
    return table(["thousand images a second", *MANY], rows)


def main() -> None:
    packages = ["numpy", "numba", "jax", "keras", "tensorflow", "torch", "onnxruntime", "onnx"]
    arguments = argument_parser(__doc__, "rounds", packages=packages).parse_args()
    rounds = Rounds()
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        train_models(Path(folder))
        work = {
            key(each, preset): partial(run, each, preset, folder)
            for preset in LIMITS
            for each in CONTESTANTS
        }
        rounds.measure(arguments.rounds, work)
    if not any(rounds.values):
        raise SystemExit("\n".join(["nothing was measured", *rounds.failures]))
    write_record(
        "encode-speed",
        "Speed of encoding and decoding",
        targets=targets(rounds),
        failures=rounds.failures,
        sections=[
            "Median (lowest to highest) over the rounds.",
            *(
                part
                for preset in LIMITS
                for part in (
                    f"## {preset}",
                    "One at a time:",
                    one_table(rounds, preset),
                    "Many together:",
                    many_table(rounds, preset),
                )
            ),
        ],
        data={"microseconds": summary(rounds)},
        versions=arguments.versions,
        rates=rounds.rates,
    )


def summary(rounds: Rounds) -> list[dict[str, dict[str, dict[str, float]]]]:
    """For each round, contestant and act the quantiles of its calls."""
    return [
        {
            name: {
                act: {f"{q:.0%}": 1e6 * float(np.quantile(times, q)) for q in (0, 0.5, 0.99, 1)}
                for act, times in found.items()
            }
            for name, found in values.items()
        }
        for values in rounds.values
    ]


if __name__ == "__main__":
    main()
