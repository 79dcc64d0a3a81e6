"""What is kept when data arrive bit by bit: batches one by one, and a second half that differs.

Targets: ``partial_fit`` over MNIST's training images in 20 parts, as they lie in the file, ends
within 10 % of the error of one ``fit`` on all of them that takes as long, on the 10,000 test
images, the mean over the seeds. A model of the digits 0 to 4 that goes on with those of 5 to 9 ends
within 10 % of the error on the new digits of one ``fit`` on all ten, of which both parts are told.
What it costs on the old ones is told without a target: nothing of them is learnt again. So is what
one ``fit`` of the new digits alone comes to. All three have the epochs that they choose.

One ``fit`` that takes as long has as many epochs as fit into the seconds of all calls: what an
epoch and everything else take is measured before, in the same process. Every run is a process of
its own.

    python benchmarks/going_on.py [--seeds N,N] [--presets simple,dense] [--parts N]
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from common import (
    Target,
    argument_parser,
    leave_result,
    run_contestant,
    table,
    with_spread,
    write_record,
)
from rounds import Rounds

_MOST = 1.1
_NUMBERS = 20


def in_parts(preset: str, seed: int, parts: int) -> dict[str, float]:
    """``partial_fit`` over all parts, and the one ``fit`` beside it: errors and seconds."""
    from narrows import Autoencoder, load_data

    learnt, held_out = load_data("mnist").items, load_data("mnist:test").items
    given = {"latent": _NUMBERS, "preset": preset, "random_state": seed}
    _, epoch, rest = _fitted(Autoencoder(**given, epochs=2, validation_fraction=0), learnt)
    streamed, start = Autoencoder(**given), time.perf_counter()
    for part in np.array_split(learnt, parts):
        streamed.partial_fit(part)
    seconds = time.perf_counter() - start
    epochs = max(round((seconds - rest) / epoch), 1)
    whole = Autoencoder(**given, epochs=epochs, validation_fraction=0)
    taken, _, _ = _fitted(whole, learnt)
    return {
        "parts": -streamed.score(held_out),
        "whole": -whole.score(held_out),
        "parts seconds": seconds,
        "whole seconds": taken,
        "epochs": epochs,
    }


def _fitted(estimator: Any, items: np.ndarray) -> tuple[float, float, float]:
    """Fit; the seconds of all, those of a later epoch, and those that are no epochs'."""
    start = time.perf_counter()
    estimator.fit(items)
    taken = time.perf_counter() - start
    epochs = [record["seconds"] for record in estimator.history_]
    return taken, statistics.median(epochs[1:] or epochs), taken - sum(epochs)


def onward(preset: str, seed: int) -> dict[str, float]:
    """Errors on old and new digits: before going on and after, and of one fit on all and on new."""
    from narrows import Autoencoder, load_data

    data, test = (load_data(name, labels=True) for name in ("mnist", "mnist:test"))
    old, held_out_old = data.labels < 5, test.labels < 5
    given = {"latent": _NUMBERS, "preset": preset, "random_state": seed}

    def errors(estimator: Any, when: str) -> dict[str, float]:
        return {
            f"old, {when}": -estimator.score(test.items[held_out_old]),
            f"new, {when}": -estimator.score(test.items[~held_out_old]),
        }

    going_on = Autoencoder(**given, warm_start=True).fit(data.items[old])
    found = errors(going_on, "before going on")
    going_on.fit(data.items[~old])
    found |= errors(going_on, "after going on")
    found |= errors(Autoencoder(**given).fit(data.items), "one fit on all")
    return found | errors(Autoencoder(**given).fit(data.items[~old]), "one fit on new")


def main() -> None:
    parser = argument_parser(__doc__, "seeds", packages=["numpy", "numba", "jax"])
    parser.set_defaults(seeds=[0, 1, 2])
    parser.add_argument("--presets", default="simple,dense")
    parser.add_argument("--parts", type=int, default=20)
    arguments = parser.parse_args()
    presets, rounds = arguments.presets.split(","), Rounds()
    work: dict[str, Callable[[], Any]] = {}
    for preset in presets:
        for seed in arguments.seeds:
            work[f"{preset}, parts, seed {seed}"] = partial(
                _in_a_process, "in_parts", preset, seed, arguments.parts
            )
            work[f"{preset}, onward, seed {seed}"] = partial(_in_a_process, "onward", preset, seed)
    rounds.measure(1, work)
    targets, sections = list[Target](), list[str]()
    for preset in presets:
        parts, further = (
            [
                each
                for seed in arguments.seeds
                for each in rounds.of(f"{preset}, {what}, seed {seed}")
            ]
            for what in ("parts", "onward")
        )
        targets += [
            Target(
                f"{preset}: error of {arguments.parts} parts over that of one fit as long",
                _MOST,
                _mean(each["parts"] / each["whole"] for each in parts),
                at_least=False,
            ),
            Target(
                f"{preset}: error on new digits after going on over that of one fit on all",
                _MOST,
                _mean(
                    each["new, after going on"] / each["new, one fit on all"] for each in further
                ),
                at_least=False,
            ),
        ]
        sections.append(_table(preset, parts + further))
    write_record(
        "going-on",
        "Going on with new data",
        targets=targets,
        sections=sections,
        data={"rounds": rounds.values},
        versions=arguments.versions,
        rates=rounds.rates,
        failures=rounds.failures,
    )


def _mean(values: Any) -> float:
    found = list(values)
    return statistics.fmean(found) if found else float("nan")


def _table(preset: str, found: list[dict[str, float]]) -> str:
    names = list(dict.fromkeys(name for each in found for name in each))
    rows = [[name, with_spread([each[name] for each in found if name in each])] for name in names]
    return table([f"{preset}: grey levels², median of the seeds", ""], rows)


def _in_a_process(what: str, *given: Any) -> Any:
    return run_contestant("going_on.py", ["train", json.dumps([what, *given])]).result


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["train"]:
        name, *given = json.loads(sys.argv[2])
        leave_result(sys.argv[3], {"in_parts": in_parts, "onward": onward}[name](*given))
    else:
        main()
