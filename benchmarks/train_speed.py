"""How fast does narrows train the article's model, beside Keras and PyTorch?

Target: in every round seven epochs are at least 2 times as fast as Keras on JAX and 2.5 times as
PyTorch, eager or compiled (aim: 3 and 4), and at most 5 % slower than narrows on one core; and
narrows runs its epoch at no less than 0.8 times the rate at which NumPy takes the epoch's matrix
products, and nothing else.

In every round each contestant runs once, in a process of its own: an epoch that is told apart and
seven that count, each with a validation on the 10,000 test images. The speed of a machine changes
within minutes, so narrows and narrows on one core also run in one process, an epoch of each in
turn, three times a round, and what they take there is compared. Caches of compiled code are filled
by a round that does not count; "cold" is narrows with an empty one. The matrix rate is measured
before each contestant.

With ``--busy`` the same must hold beside other programs: one that computes 0.1 s and sleeps 0.1 s,
one that computes and sleeps 1 s, two endless loops, and two that begin with the third epoch and end
with the sixth. Keras on TensorFlow, the cold start and where the time goes are left out then, which
no target asks for: a round takes some 20 minutes. With ``--threads`` too, only narrows and narrows
on one core run, in turn.

With ``--device gpu`` all train on a graphics card instead: Keras on JAX, PyTorch with CUDA graphs,
by its compiler and by hand, and narrows. Target: in every round 2 times as fast as Keras on JAX,
and no slower than PyTorch. Where no card is seen, nothing is measured, and the exit code is 1.

What fails is told in the record, beside everything else; Ctrl-C writes what there is.

    python benchmarks/train_speed.py [--rounds N] [--busy [--threads] | --device gpu]
"""

import argparse
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import train_busy
import train_gpu
from common import (
    EPOCH_OPERATIONS,
    Target,
    argument_parser,
    run_contestant,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from neighbours import BUSY, QUIET, State
from rounds import Rounds
from train_runs import (
    COMPILED,
    EAGER,
    EPOCHS,
    JAX,
    NARROWS,
    ONE_CORE,
    TENSORFLOW,
    Trained,
    all_epochs,
    key,
    losses_told,
    median,
    ratios,
    runs_of,
    train,
    warm_caches,
)

STEPS = 60_000 / 64
CONTESTANTS = (TENSORFLOW, JAX, EAGER, COMPILED, NARROWS, ONE_CORE)
COLD, PROFILE = "narrows, cold", "where narrows' time goes"


def measure(
    folder: str, count: int, states: tuple[State, ...], caches: str, *, threads_alone: bool = False
) -> Rounds:
    """Run every contestant once to fill ``caches``, then ``count`` times to be measured, in every
    state, or where there is one only with all that is told besides."""
    rounds, warm = Rounds(), warm_caches(caches)
    whole = states == (QUIET,)
    contestants = CONTESTANTS if whole else train_busy.IN_ALL_STATES
    if threads_alone:
        contestants = ()

    def cold() -> Trained:
        with tempfile.TemporaryDirectory() as empty:
            return train(NARROWS, folder, {"NUMBA_CACHE_DIR": empty}, epochs=1)

    def profile() -> Any:
        return run_contestant("step_profile.py", [folder], warm).result

    warmed = contestants or (NARROWS,)
    rounds.warm_up(
        {each.name: lambda each=each: train(each, folder, warm, epochs=1) for each in warmed}
    )
    work = {
        name: run
        for state in states
        for name, run in runs_of(contestants, folder, warm, state).items()
    }
    rounds.measure(count, work | ({COLD: cold, PROFILE: profile} if whole else {}))
    return rounds


def targets(rounds: Rounds, states: tuple[State, ...]) -> list[Target]:
    found = train_busy.targets(rounds, states)
    if rounds.of(PROFILE):
        what = "an epoch's rate over NumPy's for the same matrix products"
        share = numpy_seconds(rounds) / median(all_epochs(rounds, NARROWS))
        found.append(Target(what, 0.8, share))
    return found


def numpy_seconds(rounds: Rounds) -> float:
    """What an epoch's matrix products, and nothing else, take NumPy."""
    return part(rounds, "numpy_products") * STEPS


def speed_table(rounds: Rounds) -> str:
    """A row a contestant: epoch, ratio, time to the first epoch's end, memory, losses."""
    rows = []
    for contestant in CONTESTANTS:
        runs: list[Trained] = rounds.of(key(contestant))
        rows.append(
            [
                contestant.name,
                with_spread(all_epochs(rounds, contestant)),
                with_spread(ratios(rounds, contestant, NARROWS), 2),
                with_spread([run.to_first_epoch for run in runs], 1),
                f"{median([run.peak_bytes for run in runs]) / 1e6:,.0f}",
                losses_told(runs),
            ]
        )
    cold = with_spread([run.to_first_epoch for run in rounds.of(COLD)], 1)
    rows.append([COLD, "", "", cold, "", ""])
    columns = [
        "median (lowest to highest)",
        "epoch, s",
        "seven epochs over narrows', by round",
        "process start to the end of epoch 1, s",
        "peak memory, MB",
        f"loss / val_loss, epoch {EPOCHS}",
    ]
    return table(columns, rows)


def part(rounds: Rounds, *keys: str) -> float:
    """The median over the rounds of one entry of the profiles."""
    return statistics.median(_entry(profile, keys) for profile in rounds.of(PROFILE))


def _entry(values: Any, keys: tuple[str, ...]) -> float:
    for each in keys:
        values = values[each]
    return values


def profile_sections(rounds: Rounds) -> list[str]:
    """Where narrows' time goes, if that was measured."""
    if not (rounds.of(PROFILE) and rounds.of(NARROWS.name)):
        return []
    return ["## Where narrows' time goes", profile_table(rounds), profile_text(rounds)]


def profile_table(rounds: Rounds) -> str:
    """Each part measured alone, then what the parts leave over."""
    parts = [name for name in rounds.of(PROFILE)[0]["parts"] if name != "Adam alone"]
    seconds = {name: part(rounds, "parts", name) * STEPS for name in parts}
    steps, validation = part(rounds, "steps"), part(rounds, "validation")
    beyond = "whole steps beyond their parts: waiting, the other core's weights"
    seconds[beyond] = steps - sum(seconds.values())
    seconds["validation"] = validation
    epoch = median(all_epochs(rounds, NARROWS))
    seconds["the rest: order, threads, slices, bookkeeping"] = epoch - steps - validation
    rows = [[name, f"{1e3 * x:.1f}", f"{x / epoch:.0%}"] for name, x in seconds.items()]
    rows.append(["**epoch**", f"{1e3 * epoch:.1f}", "100%"])
    return table(["part", "ms an epoch", "share"], rows)


def profile_text(rounds: Rounds) -> str:
    """What stands below the table of parts."""
    peak, epoch = median(rounds.rates), median(all_epochs(rounds, NARROWS))
    numpy_rate = EPOCH_OPERATIONS / numpy_seconds(rounds)
    adam = part(rounds, "parts", "Adam alone") * STEPS
    return (
        f"Of the gradients and Adam, Adam alone takes {1e3 * adam:.1f} ms. The epoch's matrix "
        f"products at the large-matrix rate would take {1e3 * EPOCH_OPERATIONS / peak:.0f} ms; "
        f"NumPy runs products of these small shapes, and nothing else, at {numpy_rate / 1e9:.0f} "
        f"GFLOP/s, {numpy_rate / peak:.0%} of that rate, and narrows the whole epoch at "
        f"{EPOCH_OPERATIONS / epoch / 1e9:.0f}."
    )


class _Told(NamedTuple):
    """What a record is called, beside "train-speed", and has."""

    kind: str
    sections: list[str]
    targets: list[Target]
    aims: list[Target]


def _told(
    rounds: Rounds, arguments: argparse.Namespace, states: tuple[State, ...], card: str
) -> _Told:
    if card:
        return _Told("-gpu", train_gpu.sections(rounds, card), train_gpu.targets(rounds), [])
    if arguments.threads:
        of_threads = train_busy.threads_targets(rounds, states)
        return _Told("-threads", train_busy.threads_sections(rounds, states), of_threads, [])
    found, aims = targets(rounds, states), train_busy.aims(rounds, states)
    if arguments.busy:
        return _Told("-busy", train_busy.sections(rounds, states), found, aims)
    return _Told("", [speed_table(rounds), *profile_sections(rounds)], found, aims)


def main() -> None:
    packages = ["numpy", "numba", "jax", "keras", "tensorflow", "torch"]
    parser = argument_parser(__doc__, "rounds", packages=packages)
    parser.add_argument("--busy", action="store_true", help="beside other programs too")
    parser.add_argument("--threads", action="store_true", help="with --busy: narrows alone")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="cpu")
    arguments = parser.parse_args()
    on_card = arguments.device == "gpu"
    if on_card and arguments.busy:
        parser.error("--busy is for processors")
    if arguments.threads and not arguments.busy:
        parser.error("--threads is for --busy")
    card = train_gpu.require_card() if on_card else ""
    states = (QUIET, *BUSY) if arguments.busy else (QUIET,)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as caches:
        save_mnist(Path(folder))
        if on_card:
            rounds = train_gpu.measure(folder, arguments.rounds, caches)
        else:
            rounds = measure(
                folder, arguments.rounds, states, caches, threads_alone=arguments.threads
            )
    if not any(rounds.values):
        raise SystemExit("\n".join(["nothing was measured", *rounds.failures]))
    told = _told(rounds, arguments, states, card)
    write_record(
        f"train-speed{told.kind}",
        "Training speed of the simple autoencoder",
        targets=told.targets,
        aims=told.aims,
        failures=rounds.failures,
        sections=told.sections,
        data={
            "rounds": [
                {
                    name: asdict(run) if isinstance(run, Trained) else run
                    for name, run in values.items()
                }
                for values in rounds.values
            ]
        },
        versions=arguments.versions,
        rates=rounds.rates,
    )


if __name__ == "__main__":
    main()
