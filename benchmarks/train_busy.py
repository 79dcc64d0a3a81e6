"""The tables and targets of train_speed.py in every state of the machine."""

from common import Target, table, with_spread
from neighbours import State
from rounds import Rounds
from train_runs import (
    COMPILED,
    EAGER,
    IN_TURN,
    JAX,
    NARROWS,
    ONE_CORE,
    Contestant,
    all_epochs,
    key,
    over_one_core,
    ratios,
    told,
)

#: Those that run in every state.
IN_ALL_STATES = (JAX, EAGER, COMPILED, NARROWS, ONE_CORE)
_NO_NUMBER = float("nan")


def targets(rounds: Rounds, states: tuple[State, ...]) -> list[Target]:
    """What holds in every round and state."""
    return [*_rivals(rounds, states, 2, 2.5), *threads_targets(rounds, states)]


def threads_targets(rounds: Rounds, states: tuple[State, ...]) -> list[Target]:
    """Of these what is of narrows alone."""
    return [_one_core(rounds, state) for state in states]


def aims(rounds: Rounds, states: tuple[State, ...]) -> list[Target]:
    """What is hoped for beyond."""
    return _rivals(rounds, states, 3, 4)


def _rivals(
    rounds: Rounds, states: tuple[State, ...], over_jax: float, over_torch: float
) -> list[Target]:
    found = []
    for state in states:
        for name, limit, rivals in (
            ("Keras on JAX", over_jax, (JAX,)),
            ("PyTorch, the faster way", over_torch, (EAGER, COMPILED)),
        ):
            lowest = [min(ratios(rounds, rival, NARROWS, state), default=_NO_NUMBER)
                      for rival in rivals]  # fmt: skip
            what = f"{state.name}: {name} over narrows, seven epochs, in the lowest round"
            found.append(Target(what, limit, min(lowest)))
    return found


def _one_core(rounds: Rounds, state: State) -> Target:
    highest = max(over_one_core(rounds, state), default=_NO_NUMBER)
    what = f"{state.name}: narrows over its own single thread, in turn, in the highest round"
    return Target(what, 1.05, highest, at_least=False)


def threads_sections(rounds: Rounds, states: tuple[State, ...]) -> list[str]:
    """How many times as long as on one core narrows took, in turn with it, a row a state."""
    rows = [[state.name, told(over_one_core(rounds, state))] for state in states]
    return [table(["beside it", "its epochs over those on one core, by round"], rows)]


def sections(rounds: Rounds, states: tuple[State, ...]) -> list[str]:
    """Epochs and ratios, a column a state."""
    names = [state.name for state in states]

    def by_state(contestant: Contestant) -> list[str]:
        return [with_spread(all_epochs(rounds, contestant, state)) for state in states]

    def first(contestant: Contestant) -> list[str]:
        runs = [rounds.of(key(contestant, state)) for state in states]
        return [with_spread([run.to_first_epoch for run in each], 1) for each in runs]

    def over(contestant: Contestant, to: Contestant) -> list[str]:
        return [told(ratios(rounds, contestant, to, state)) for state in states]

    rivals = (JAX, EAGER, COMPILED)
    return [
        "## Beside other programs",
        "Seconds of an epoch: the median of all seven of every round (lowest to highest).",
        table(["", *names], [[each.name, *by_state(each)] for each in IN_ALL_STATES]),
        "How many times as long the seven epochs together took, in turn three times seven: the "
        "median of the rounds (lowest to highest), and each round.",
        table(
            ["", *names],
            [
                *([f"{each.name} over narrows", *over(each, NARROWS)] for each in rivals),
                ["narrows over narrows on one core", *over(NARROWS, ONE_CORE)],
                [IN_TURN, *(told(over_one_core(rounds, state)) for state in states)],
            ],
        ),
        "Seconds from the start of the process to the end of its first epoch, which is none of the "
        "seven.",
        table(["", *names], [[each.name, *first(each)] for each in IN_ALL_STATES]),
    ]
