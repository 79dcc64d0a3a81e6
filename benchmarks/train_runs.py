"""What train_speed.py runs: the contestants, one of them in a process with whatever runs beside it,
and its epochs in numbers."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import common
from common import run_contestant, with_spread
from neighbours import EPOCH_ENDS, QUIET, State, beside
from rounds import Rounds

#: The first is told apart from the others, all of which count.
EPOCHS = 8


@dataclass(frozen=True)
class Contestant(common.Contestant):
    """A way to train, and the script that has it."""

    script: str = "train_contestants.py"


TENSORFLOW = Contestant("Keras on TensorFlow", "keras", {"KERAS_BACKEND": "tensorflow"})
JAX = Contestant("Keras on JAX", "keras", {"KERAS_BACKEND": "jax"})
EAGER = Contestant("PyTorch eager", "torch_eager")
COMPILED = Contestant("PyTorch compiled", "torch_compiled")
NARROWS = Contestant("narrows", "narrows")
ONE_CORE = Contestant("narrows on one core", "narrows_on_one_core")
#: What the rounds call both of these, an epoch of each in turn.
IN_TURN = "narrows in turn with narrows on one core"
_BOTH = Contestant(IN_TURN, "in_turn")
# Of seven epochs each, in a round: beside two endless loops an epoch takes up to a third more or
# less than the one before, and so seven over seven 5 % by chance.
_PROCESSES = 3


@dataclass(frozen=True)
class Trained:
    """What one process came to: seconds of each epoch that counts, from its start to the end of the
    first one, its most memory, and its last losses."""

    epochs: list[float]
    to_first_epoch: float
    peak_bytes: int
    loss: float
    val_loss: float

    @property
    def seconds(self) -> float:
        """All epochs that count together: none is left out, as a median would."""
        return sum(self.epochs)


def losses_told(runs: Sequence[Trained]) -> str:
    """The medians of both last losses."""
    medians = (median([run.loss for run in runs]), median([run.val_loss for run in runs]))
    return " / ".join(f"{each:.0f}" for each in medians)


def key(contestant: Contestant, state: State = QUIET) -> str:
    """What the rounds call a contestant in a state."""
    return _in_state(contestant.name, state)


def _in_state(name: str, state: State) -> str:
    return name if state is QUIET else f"{name}, {state.name}"


def train(
    contestant: Contestant,
    folder: str,
    environment: dict[str, str],
    state: State = QUIET,
    epochs: int = EPOCHS,
) -> Trained:
    """Have a contestant train in a process of its own, beside what ``state`` puts there."""
    finished = _finished(contestant, folder, environment, state, epochs)
    ends, result = finished.result["ends"], finished.result
    return Trained(
        [end - start for start, end in pairwise(ends)],
        ends[0] - finished.started,
        finished.peak_bytes,
        result["loss"],
        result["val_loss"],
    )


def _finished(
    contestant: Contestant, folder: str, environment: dict[str, str], state: State, epochs: int
) -> Any:
    """A contestant's process when it has ended, beside what ``state`` puts there."""
    with beside(state) as writer:
        return run_contestant(
            contestant.script,
            [contestant.function, folder, str(epochs)],
            {**contestant.environment, **environment, EPOCH_ENDS: str(writer)},
            [writer],
        )


def train_in_turn(
    folder: str, environment: dict[str, str], state: State = QUIET
) -> dict[str, list[float]]:
    """Have narrows, and narrows on one core, take an epoch each in turn, in several processes one
    after the other: seconds of the epochs that count."""
    found: dict[str, list[float]] = {}
    for _ in range(_PROCESSES):
        finished = _finished(_BOTH, folder, environment, state, EPOCHS)
        for name, seconds in finished.result.items():
            found.setdefault(name, []).extend(seconds[1:])
    return found


def warm_caches(folder: str) -> dict[str, str]:
    """An environment in which compiled code is kept in ``folder``."""
    return {
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch",
    }


def runs_of(
    contestants: tuple[Contestant, ...], folder: str, environment: dict[str, str], state: State
) -> dict[str, Callable[[], Any]]:
    """What the rounds run: each contestant in a state, and narrows and one core in turn."""
    runs: dict[str, Callable[[], Any]] = {
        key(each, state): partial(train, each, folder, environment, state) for each in contestants
    }
    runs[_in_state(IN_TURN, state)] = partial(train_in_turn, folder, environment, state)
    return runs


def ratios(rounds: Rounds, other: Contestant, to: Contestant, state: State = QUIET) -> list[float]:
    """How many times as long another contestant's epochs took, in each round."""
    pairs = rounds.both(key(other, state), key(to, state))
    return [theirs.seconds / ours.seconds for theirs, ours in pairs]


def over_one_core(rounds: Rounds, state: State = QUIET) -> list[float]:
    """How many times as long as on one core narrows' epochs took, in turn with these, in each
    round."""
    found: list[dict[str, list[float]]] = rounds.of(_in_state(IN_TURN, state))
    return [sum(each["narrows"]) / sum(each["on one core"]) for each in found]


def all_epochs(rounds: Rounds, contestant: Contestant, state: State = QUIET) -> list[float]:
    """The seconds of every epoch that counts, of all rounds."""
    return [seconds for run in rounds.of(key(contestant, state)) for seconds in run.epochs]


def told(values: list[float], digits: int = 2) -> str:
    """The median, the lowest and the highest, and in the order of the rounds all of them."""
    each = ", ".join(f"{value:.{digits}f}" for value in values)
    return f"{with_spread(values, digits)}: {each}" if len(values) > 1 else each


def median(values: list[float]) -> float:
    """The median; of nothing, no number."""
    return statistics.median(values) if values else float("nan")
