"""A few items are computed one by one, to the bit as they are among many, and without threads."""

import numpy as np
import pytest

from helpers.engine_cases import AS_IT_IS, BYTES, Case
from narrows.engine.fused import runner, single, stack
from narrows.engine.fused.runner import FusedRunner
from narrows.nn.blocks import Dense, Flatten, Gaussian, Reshape
from narrows.nn.model import initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

MANY = 40
CASES = [
    Case((7,), (5, 3, 5), "relu", "sigmoid"),
    Case((9, 8), (150, 129, 4, 70), "silu", "relu", scaling=BYTES, dtype=np.uint8, absent=0.5),
    Case((33,), (64, 2, 64), "tanh", "linear", scaling=Scaling(12, 80), dtype=np.float64),
    Case((65,), (3, 200), "gelu", "sigmoid", absent=0.9),
]


def assert_same_one_by_one(run: FusedRunner, items: np.ndarray) -> None:
    codes = run.encode(items)
    decoded = run.decode(codes)
    for count in (1, single.MOST_ITEMS):
        for first in range(0, len(items), 7):
            rows = slice(first, first + count)
            assert run.encode(items[rows]).tobytes() == codes[rows].tobytes()
            assert run.decode(codes[rows]).tobytes() == decoded[rows].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.activation)
def test_an_item_is_computed_alone_as_among_others(case: Case) -> None:
    many = Case(**{**vars(case), "count": MANY})
    assert_same_one_by_one(FusedRunner(many.model()), many.items())


def test_a_drawn_code_is_its_mean_alone_too() -> None:
    encoder = (Flatten(), Dense(9, "silu"), Gaussian(3))
    decoder = (Dense(9, "silu"), Dense(20, "linear"), Reshape((4, 5)))
    model = initial_model(Spec((4, 5), encoder, decoder), AS_IT_IS, seed=3)
    items = np.random.default_rng(0).random((MANY, 4, 5), np.float32)
    assert_same_one_by_one(FusedRunner(model), items)


def test_what_is_no_number_stays_so_and_is_only_there() -> None:
    case = Case((7,), (5, 3, 5), "relu", "linear", count=MANY)
    run, items = FusedRunner(case.model()), case.items()
    items[2, 3], items[4, 1] = np.nan, np.inf
    assert np.isnan(run.encode(items[2:3])).all()
    assert run.encode(items[:5])[3].tobytes() == run.encode(items)[3].tobytes()


def test_a_few_items_take_neither_threads_nor_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case((7,), (5, 3, 5), "relu", "sigmoid", count=MANY)
    run, items = FusedRunner(case.model()), case.items()
    run.encode(items[:1])

    def refuse(*_: object) -> None:
        raise AssertionError("threads")

    monkeypatch.setattr(stack, "run_in_threads", refuse)
    assert run.decode(run.encode(items[: single.MOST_ITEMS])).shape == (single.MOST_ITEMS, 7)
    assert run.encode(items[:0]).shape == (0, 3)
    with pytest.raises(AssertionError, match="threads"):
        run.encode(items)


def test_many_weights_are_not_held_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case((7,), (5, 3, 5), "relu", "sigmoid", count=MANY)
    items = case.items()
    expected = FusedRunner(case.model()).encode(items[:1])
    monkeypatch.setattr(single, "_MOST_WEIGHTS", 20)
    monkeypatch.setattr(runner, "SinglePath", None)
    assert FusedRunner(case.model()).encode(items[:1]).tobytes() == expected.tobytes()
