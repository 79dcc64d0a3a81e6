"""train_speed.py on a graphics card: who runs there, the targets and the table."""

from common import Target, run_contestant, table, with_spread
from neighbours import QUIET
from rounds import Rounds
from train_runs import (
    EPOCHS,
    Contestant,
    Trained,
    all_epochs,
    key,
    losses_told,
    ratios,
    runs_of,
    told,
    train,
    warm_caches,
)

_SCRIPT = "train_contestants_gpu.py"
NARROWS = Contestant("narrows", "narrows", script=_SCRIPT)
JAX = Contestant("Keras on JAX", "keras", {"KERAS_BACKEND": "jax"}, _SCRIPT)
COMPILED = Contestant("PyTorch compiled to CUDA graphs", "torch_compiled_gpu", script=_SCRIPT)
GRAPH = Contestant("PyTorch, a step as one CUDA graph", "torch_graph_gpu", script=_SCRIPT)
CONTESTANTS = (JAX, COMPILED, GRAPH, NARROWS)
#: How many times as long another's epochs must take at the least, in every round.
LIMITS = ((JAX, 2.0), (COMPILED, 1.0), (GRAPH, 1.0))


def require_card() -> str:
    """What the graphics card is called.

    Raises:
        SystemExit: JAX or PyTorch sees none.
    """
    seen = run_contestant(_SCRIPT, ["card"]).result
    if seen["missing"]:
        raise SystemExit(
            f"no graphics card is seen by {' and '.join(seen['missing'])}, and nothing was "
            'measured\nhint: pip install "jax[cuda12]" and a PyTorch for CUDA, where there is an '
            "NVIDIA card; --device cpu measures the processor"
        )
    return str(seen["name"])


def measure(folder: str, count: int, caches: str) -> Rounds:
    """Run every contestant once to fill the caches, then ``count`` times to be measured."""
    rounds, warm = Rounds(), warm_caches(caches)
    rounds.warm_up(
        {each.name: lambda each=each: train(each, folder, warm, epochs=1) for each in CONTESTANTS}
    )
    rounds.measure(count, runs_of(CONTESTANTS, folder, warm, QUIET))
    return rounds


def targets(rounds: Rounds) -> list[Target]:
    return [
        Target(
            f"{rival.name} over narrows, seven epochs, in the lowest round",
            limit,
            min(ratios(rounds, rival, NARROWS), default=float("nan")),
        )
        for rival, limit in LIMITS
    ]


def sections(rounds: Rounds, card: str) -> list[str]:
    """The card, and a row a contestant."""
    rows = []
    for contestant in CONTESTANTS:
        runs: list[Trained] = rounds.of(key(contestant))
        rows.append(
            [
                contestant.name,
                with_spread(all_epochs(rounds, contestant)),
                told(ratios(rounds, contestant, NARROWS)),
                with_spread([run.to_first_epoch for run in runs], 1),
                losses_told(runs),
            ]
        )
    columns = [
        "median (lowest to highest)",
        "epoch, s",
        "seven epochs over narrows', by round",
        "process start to the end of epoch 1, s",
        f"loss / val_loss, epoch {EPOCHS}",
    ]
    return [f"On {card}.", table(columns, rows)]
