"""One class of options, which the estimator and the program fill by name."""

import inspect
from dataclasses import fields

import pytest

from narrows import Autoencoder
from narrows.cli.fit import takes_fit_options
from narrows.errors import UsageError
from narrows.planning.options import FitOptions

# What the estimator has beside them: use, what it says, and what it starts from.
BESIDE = {"check_range", "tensorboard", "verbose", "warm_start"}


def test_the_estimator_has_every_option_with_its_default() -> None:
    parameters = inspect.signature(Autoencoder).parameters
    defaults = {name: each.default for name, each in parameters.items() if name not in BESIDE}
    assert set(defaults) - {"random_state"} == {each.name for each in fields(FitOptions)} - {"seed"}
    assert FitOptions.of(defaults, defaults["random_state"]) == FitOptions()
    wanted = {each.name: each.default for each in fields(FitOptions)}
    assert {name: value for name, value in defaults.items() if name in wanted} == {
        name: value for name, value in wanted.items() if name != "seed"
    }


def test_the_program_has_every_option_but_the_share_with_its_default() -> None:
    given = {}

    @takes_fit_options
    def command(chosen: dict) -> None:
        given.update(chosen)

    parameters = inspect.signature(command).parameters
    assert set(parameters) == {each.name for each in fields(FitOptions)} - {"validation_fraction"}
    nothing = {name: each.default.default for name, each in parameters.items()}
    command(**nothing)
    assert FitOptions(**given) == FitOptions()
    with pytest.raises(UsageError, match="--hidden"):
        command(**nothing | {"hidden": "x"})


def test_options_are_made_sure_of_whoever_fills_them() -> None:
    assert FitOptions(hidden=32).hidden == (32,)  # type: ignore[arg-type]
    for wrong in ({"loss": "l7"}, {"noise": "x"}, {"seed": -1}, {"latent": 0.5}, {"types": 3}):
        with pytest.raises(UsageError):
            FitOptions(**wrong)
