"""May training on a graphics card compute in bfloat16? What it costs of the error.

Target: with bfloat16 between the blocks, and weights, moments and sums in float32, the error on
items that were held out is at most 1 % higher than with float32, the mean over the seeds, for each
kind of net and of data. bfloat16 keeps 8 bits of a number: an error of a hundredth of the values is
far above its rounding, and one of a ten-thousandth is not, which ``low rank`` is there for: vectors
that are combinations of five numbers, and two matrices that could give them exactly.

Both ways are trained on the processor by the XLA engine, which rounds as a card does, from the same
weights in the same order, all seeds of a way in one process. A net trained twice with other
roundings ends in another minimum, some hundredths better or worse, so it takes many seeds. The
digits are scikit-learn's.

    python benchmarks/bfloat16.py [--seeds N,N]
"""

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
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

WAYS = ("float32", "bfloat16")
MOST = 1.01
_BATCH, _HELD_OUT = 32, 397


@dataclass(frozen=True)
class Case:
    """A kind of net and of data, and how it learns."""

    preset: str
    data: str
    epochs: int
    rate: float
    latent: int = 10


CASES = {
    "simple, digits": Case("simple", "digits", 40, 1e-3),
    "dense, digits": Case("dense", "digits", 10, 2.5e-3),
    "variational, digits": Case("variational", "digits", 8, 2.5e-3),
    "linear, low rank": Case("linear", "low rank", 30, 5e-3, 5),
}


def items_of(data: str) -> np.ndarray:
    """1797 items, in an order that has no meaning."""
    from narrows.data import load_data

    if data == "digits":
        return np.asarray(load_data("digits").items)
    random = np.random.default_rng(0)
    factors = random.standard_normal((1797, 5)) @ random.standard_normal((5, 20))
    return (factors / factors.std()).astype(np.float32)


def train(name: str, way: str, seeds: list[int]) -> list[float]:
    """The mean squared errors on the items held out, of nets that were trained in one way."""
    from narrows.engine import AdamSettings
    from narrows.engine.xla import XlaTrainer
    from narrows.engine.xla.loss import LossFunction
    from narrows.nn.blocks import Dense
    from narrows.nn.model import initial_model
    from narrows.nn.objectives import Objective
    from narrows.nn.presets import preset_spec
    from narrows.nn.scaling import Scaling
    from narrows.nn.spec import Spec

    case = CASES[name]
    items = items_of(case.data)
    learnt, held_out = items[:-_HELD_OUT], items[-_HELD_OUT:]
    # the article's net learns values as they are
    whole = case.data == "digits" and case.preset != "simple"
    scaling = Scaling.to_unit_range(0, 16) if whole else Scaling()
    shape = items.shape[1:]
    if case.preset == "linear":
        spec = Spec(shape, (Dense(case.latent),), (Dense(shape[0]),))
    else:
        spec = preset_spec(case.preset, shape, latent=case.latent)
    adam = AdamSettings(
        learning_rate=case.rate, total_steps=case.epochs * -(-len(learnt) // _BATCH)
    )
    if way == "bfloat16":
        LossFunction.total = _in_bfloat16(LossFunction.total)
    errors = []
    for seed in seeds:
        training = XlaTrainer(initial_model(spec, scaling, seed), Objective(), adam, _BATCH, seed)
        random, step = np.random.default_rng(seed), training.steps_per_call * _BATCH
        for _ in range(case.epochs):
            order = random.permutation(len(learnt))
            for first in range(0, len(order), step):
                training.train(learnt, order[first : first + step])
        errors.append(training.measure(held_out) * scaling.scale**2 / held_out.size)
    return errors


def _in_bfloat16(total: Callable[..., Any]) -> Callable[..., Any]:
    """The loss of a training step, computed from copies of the weights, and with tensors between
    the blocks, in bfloat16 (Micikevicius et al., arXiv:1710.03740)."""
    from jax.numpy import bfloat16

    def rough(self: Any, arrays: Any, inputs: Any, wanted: Any, flow: Any) -> Any:
        if not flow.training:
            return total(self, arrays, inputs, wanted, flow)
        drawn = flow.normal
        flow.normal = lambda shape: drawn(shape).astype(bfloat16)
        copies = {name: array.astype(bfloat16) for name, array in arrays.items()}
        return total(self, copies, inputs.astype(bfloat16), wanted, flow)

    return rough


def main() -> None:
    parser = argument_parser(__doc__, "seeds", packages=["numpy", "jax", "jaxlib"])
    parser.set_defaults(seeds=list(range(24)))
    arguments = parser.parse_args()
    rounds = Rounds()
    work: dict[str, Callable[[], Any]] = {
        f"{name}, {way}": partial(_in_a_process, name, way, arguments.seeds)
        for name in CASES
        for way in WAYS
    }
    rounds.measure(1, work)
    found = {
        name: [
            pair
            for errors in rounds.both(*(f"{name}, {way}" for way in WAYS))
            for pair in zip(*errors, strict=True)
        ]
        for name in CASES
    }
    write_record(
        "bfloat16",
        "Training in bfloat16",
        targets=[
            Target(
                f"{name}: error in bfloat16 over that in float32, the mean of {len(pairs)} seeds",
                MOST,
                statistics.fmean(b / a for a, b in pairs) if pairs else float("nan"),
                at_least=False,
            )
            for name, pairs in found.items()
        ],
        sections=[_table(found)],
        data={"errors": found},
        versions=arguments.versions,
        rates=rounds.rates,
        failures=rounds.failures,
    )


def _table(found: dict[str, list[tuple[float, ...]]]) -> str:
    rows = []
    for name, pairs in found.items():
        ratios = [b / a for a, b in pairs]
        errors = (with_spread([pair[i] for pair in pairs], 6) for i in range(len(WAYS)))
        rows.append([name, *errors, with_spread(ratios, 3)])
    columns = ["mean squared error held out, median of the seeds", *WAYS, "bfloat16 / float32"]
    return table(columns, rows)


def _in_a_process(name: str, way: str, seeds: list[int]) -> Any:
    return run_contestant("bfloat16.py", ["train", json.dumps([name, way, seeds])]).result


if __name__ == "__main__":
    if sys.argv[1:2] == ["train"]:
        leave_result(sys.argv[3], train(*json.loads(sys.argv[2])))
    else:
        main()
