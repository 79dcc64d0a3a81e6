"""Does narrows train the article's model as Keras does?

Target: from the same initial weights, with the same batches in the same order, the loss and the
validation loss of each of three epochs of MNIST agree with Keras within a relative 1e-3.

Training is chaotic: what float32 rounds differently in one step grows some thousandfold in an
epoch, after which two libraries, or one library on two backends, are on different paths. So three
comparisons are made, and the target is set for each:

1. Both in double precision, where rounding has no time to grow.
2. Each of narrows' engines in float32, put into Keras's state (weights, Adam's moments, step)
   every 50 steps: every step that an engine takes is compared, and no difference outlives 50.
3. Both in float32, left alone; beside it, how far Keras is from itself on another backend.

    python benchmarks/parity_keras.py [--seed N]
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_contestant,
    save_mnist,
    table,
    write_record,
)

TOLERANCE = 1e-3

_EXPLANATION = """\
Training is chaotic: a difference in rounding grows some thousandfold in an epoch, so that in
float32 two libraries soon part, and so does Keras from itself: its JAX and TensorFlow backends
differ by {itself:.1e}. In double precision, and where an engine is put back into Keras's state
every 50 steps, what is left is the algorithm itself.

Loss / validation loss, in grey levels squared, and the largest relative difference of any from
what Keras gives in double precision:"""


def largest_difference(expected: Any, found: Any) -> float:
    """The largest relative difference of any epoch's loss or validation loss."""
    return float(np.max(np.abs(np.array(found) / np.array(expected) - 1)))


def train_all(folder: str, seed: int) -> dict[str, Any]:
    """The losses of every training, by name."""
    jax, tensorflow = ({"KERAS_BACKEND": name} for name in ("jax", "tensorflow"))

    def losses(name: str, environment: dict[str, str]) -> Any:
        announce(f"{name.replace('_', ' ')}, {environment['KERAS_BACKEND']}")
        finished = run_contestant("parity_contestants.py", [name, folder, str(seed)], environment)
        return finished.result

    together = losses("kept_together", jax)
    return {
        "Keras on JAX, float64": losses("keras_float64", jax),
        "narrows, XLA engine, float64": losses("narrows_xla_float64", jax),
        "the same Keras in slices of 50 steps": together["keras"],
        "narrows, fused engine, float32, put into Keras's state every 50 steps": together["fused"],
        "narrows, XLA engine, float32, put into Keras's state every 50 steps": together["xla"],
        "narrows, fused engine, float32": losses("narrows_fused", jax),
        "narrows, XLA engine, float32": losses("narrows_xla", jax),
        "Keras on JAX, float32": losses("keras", jax),
        "Keras on TensorFlow, float32": losses("keras", tensorflow),
    }


def targets(losses: dict[str, Any]) -> list[Target]:
    """The three comparisons of the module's docstring, each against the Keras it is made with."""
    double, single = losses["Keras on JAX, float64"], losses["Keras on JAX, float32"]
    against = {
        "narrows, XLA engine, float64": double,
        "narrows, fused engine, float32, put into Keras's state every 50 steps": double,
        "narrows, XLA engine, float32, put into Keras's state every 50 steps": double,
        "narrows, fused engine, float32": single,
        "narrows, XLA engine, float32": single,
    }
    return [
        Target(name, TOLERANCE, largest_difference(expected, losses[name]), at_least=False)
        for name, expected in against.items()
    ]


def losses_table(losses: dict[str, Any]) -> str:
    """A row a training: its losses by epoch, and how far the farthest is from double precision."""
    exact = losses["Keras on JAX, float64"]
    epochs = range(1, len(exact) + 1)
    rows = [
        [
            name,
            *(f"{loss:.3f} / {validation:.3f}" for loss, validation in history),
            f"{largest_difference(exact, history):.1e}",
        ]
        for name, history in losses.items()
    ]
    return table(["", *(f"epoch {epoch}" for epoch in epochs), "difference"], rows)


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "numba", "jax", "keras", "tensorflow"])
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the order")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        losses = train_all(folder, arguments.seed)
    itself = largest_difference(
        losses["Keras on JAX, float32"], losses["Keras on TensorFlow, float32"]
    )
    write_record(
        "parity-keras",
        "The same training as Keras",
        targets=targets(losses),
        sections=[_EXPLANATION.format(itself=itself), losses_table(losses)],
        data={"losses": losses},
        versions=arguments.versions,
        rates=[matrix_rate()],
    )


if __name__ == "__main__":
    main()
