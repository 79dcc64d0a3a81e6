"""Do several processes train the same model as one?

Targets: over 200 steps of the article's net on the digits, in batches of 128, the losses of 2 and
of 4 processes are within 1e-5 of those of one, relative, and the weights within 1e-4. What a step
and the sum of all gradients cost is told as it is: processes of one machine share its cores, and
gain nothing.

    python benchmarks/several_processes.py
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from common import Target, announce, argument_parser, matrix_rate, table, write_record

STEPS, BATCH, AT_ONCE, SUMS = 200, 128, 20, 50
COUNTS = (1, 2, 4)


def work(address: str, count: int, index: int, result: str) -> None:
    """One process: trains, and leaves what it measured if it is the first."""
    from narrows import load_data
    from narrows.engine.interface import AdamSettings
    from narrows.engine.processes import joined
    from narrows.engine.xla import XlaTrainer
    from narrows.nn.model import initial_model
    from narrows.nn.objectives import Objective
    from narrows.nn.presets import preset_spec
    from narrows.nn.scaling import Scaling

    items = load_data("digits").items
    random = np.random.default_rng(0)
    order = np.concatenate([random.permutation(len(items)) for _ in range(16)])[: STEPS * BATCH]
    with joined(address, count, index) as is_first:
        model = initial_model(preset_spec("simple", items.shape[1:]), Scaling(), 0)
        trainer = XlaTrainer(model, Objective("l2"), AdamSettings(), BATCH, 0)
        losses, seconds = [], []
        for part in order.reshape(-1, AT_ONCE * BATCH):
            start = time.perf_counter()
            losses.append(trainer.train(items, part))
            seconds.append((time.perf_counter() - start) / AT_ONCE)
        arrays = trainer.state().arrays
        flat = np.concatenate([arrays[name].ravel() for name in sorted(arrays)])
        found = {
            "losses": np.concatenate(losses).tolist(),
            "arrays": flat.tolist(),
            "step_ms": 1e3 * float(np.median(seconds[1:])),
            "sum_ms": 1e3 * seconds_of_sum(len(flat)),
        }
        if is_first:
            Path(result).write_text(json.dumps(found), encoding="utf-8")


def seconds_of_sum(numbers: int) -> float:
    """What summing so many float32 over all processes takes: the median of some."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.devices()), ("items",))
    parts = NamedSharding(mesh, PartitionSpec("items"))
    shape = (jax.device_count(), numbers)
    own = jax.make_array_from_process_local_data(parts, np.ones((1, numbers), np.float32), shape)
    whole = NamedSharding(mesh, PartitionSpec())
    summed = jax.jit(lambda each: each.sum(axis=0), out_shardings=whole)
    taken = []
    for _ in range(SUMS):
        start = time.perf_counter()
        summed(own).block_until_ready()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:]))


def measured(count: int, folder: Path) -> dict[str, Any]:
    """What the first of ``count`` processes measured."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{some.getsockname()[1]}"
    result = folder / f"{count}.json"
    own = [sys.executable, __file__, "--work", address, str(count)]
    started = [subprocess.Popen([*own, str(index), str(result)]) for index in range(count)]
    codes = [each.wait() for each in started]
    assert not any(codes), codes
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        address, count, index, result = sys.argv[2:]
        work(address, int(count), int(index), result)
        return
    versions = argument_parser(__doc__, packages=["numpy", "jax", "jaxlib"]).parse_args().versions
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for count in COUNTS:
            announce(f"{count} processes")
            found[count] = measured(count, Path(folder))
    one, targets = found[1], []
    for count in COUNTS[1:]:
        losses, arrays = (
            np.array(found[count][name]) - np.array(one[name]) for name in ("losses", "arrays")
        )
        off = float(np.max(np.abs(losses) / np.array(one["losses"])))
        targets += [
            Target(f"{count} processes: losses, relative difference", 1e-5, off, at_least=False),
            Target(
                f"{count} processes: weights, difference",
                1e-4,
                float(np.max(np.abs(arrays))),
                at_least=False,
            ),
        ]
    rows = [
        [str(count), f"{each['step_ms']:.2f}", f"{each['sum_ms']:.2f}"]
        for count, each in found.items()
    ]
    write_record(
        "several-processes",
        "Several processes train one model",
        targets=targets,
        sections=[
            table(
                ["processes", "ms a step", "ms to sum as many numbers as there are weights"], rows
            ),
            f"{len(one['arrays']):,} weights, {STEPS} steps in batches of {BATCH}, all processes "
            "on one machine, which others used meanwhile: they share its cores, and gain nothing.",
        ],
        data={
            str(count): {k: v for k, v in e.items() if k != "arrays"} for count, e in found.items()
        },
        versions=versions,
        rates=[matrix_rate()],
    )


if __name__ == "__main__":
    main()
