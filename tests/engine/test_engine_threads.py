"""The fused engine's threads: where one fails, or the caller is interrupted, none is left."""

import _thread
import dis
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

from helpers.engine_cases import Case, use_threads
from narrows.engine.fused import loops
from narrows.engine.fused import threads as module
from narrows.engine.fused.machine import claim
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.sharing import layer_done
from narrows.engine.fused.structure import ARRIVALS
from narrows.engine.fused.trainer import FusedTrainer
from narrows.errors import NarrowsError
from narrows.support.compiling import checksum_of
from narrows.support.compiling.native import compiled as compiled_kernel

CASE = Case((33,), (64, 2, 64), "relu", batch_size=33, count=150)
THREADS, STEPS = 3, 5
SECONDS_TO_WAIT = 60


class Boom(Exception):
    """Some failure."""


def in_time(work: Callable[[], Any]) -> BaseException | None:
    """What ``work`` raises; fails where it does not end or leaves threads of the engine behind that
    do not end by themselves, as those do that have nothing to do."""
    raised: list[BaseException | None] = [None]

    def call() -> None:
        try:
            work()
        except BaseException as error:
            raised[0] = error

    before = set(threading.enumerate())
    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    caller.join(SECONDS_TO_WAIT)
    assert not caller.is_alive(), "the call does not return"
    require_end(set(threading.enumerate()) - before)
    return raised[0]


def require_end(threads: set[threading.Thread]) -> None:
    for thread in threads:
        thread.join(SECONDS_TO_WAIT)
        assert not thread.is_alive(), "a thread is left"


class Kernel:
    """A kernel before which ``work`` is called in every thread, with the kernel, its arguments and
    the thread's number, and which it may replace."""

    def __init__(self, kernel: Any, work: Callable[[Any, tuple[Any, ...], int], None]) -> None:
        self.kernel, self.work = kernel, work
        self.prepare = kernel.prepare

    def __call__(self, *arguments: Any) -> None:
        self.work(self.kernel, arguments, arguments[-1])


def train() -> None:
    trainer = FusedTrainer(CASE.model(), CASE.objective, CASE.adam, CASE.batch_size)
    trainer.train(CASE.items(), CASE.order())


def encode() -> None:
    FusedRunner(CASE.model()).encode(CASE.items())


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Kernels that have to be compiled first take longer than the waiting lasts."""
    train()
    encode()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that have nothing to do end soon."""
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.05)


@pytest.fixture(params=[True, False], ids=["together", "apart"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them, in one crew or one each."""
    use_threads(THREADS, request.param, monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("steps", [0, 2, STEPS])
@pytest.mark.parametrize("failing", range(THREADS))
def test_a_thread_that_fails_between_steps_stops_the_others(
    failing: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        if number != failing:
            return kernel(*arguments)
        if steps:
            given = arguments[1]
            assert len(given.rates) == STEPS
            kernel(arguments[0], given._replace(rates=given.rates[:steps].copy()), *arguments[2:])
        raise Boom

    monkeypatch.setattr(loops, "train", Kernel(loops.train, work))
    assert isinstance(in_time(train), Boom)


def _come(s: Any, times: int) -> None:
    """Come to so many barriers, and leave so many layers, as a thread does in a step."""
    for number in range(times):
        claim(s.control, ARRIVALS)
        layer_done(s, len(s.width) - 1 - number)


come = compiled_kernel(_come, checksum_of(Path(__file__).parent))


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("layers", range(1, 5))
def test_a_thread_that_fails_between_layers_stops_the_others(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread is gone when the others come to a barrier, or wait until it has left a layer."""

    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        if number != 1:
            return kernel(*arguments)
        come(arguments[0], layers)
        raise Boom

    monkeypatch.setattr(loops, "train", Kernel(loops.train, work))
    assert isinstance(in_time(train), Boom)


@pytest.mark.parametrize("failing", range(2))  # of so many as there are groups of panels
def test_a_thread_that_fails_while_items_are_run(
    failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        if number == failing:
            raise Boom
        kernel(*arguments)

    use_threads(THREADS, False, monkeypatch)
    monkeypatch.setattr(loops, "run", Kernel(loops.run, work))
    assert isinstance(in_time(encode), Boom)


def test_compiling_fails_before_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        raise AssertionError("a thread was started")

    use_threads(THREADS, True, monkeypatch)
    kernel = Kernel(loops.train, work)
    monkeypatch.setattr(kernel, "prepare", full)
    monkeypatch.setattr(loops, "train", kernel)
    assert isinstance(in_time(train), OSError)


@pytest.mark.parametrize("started", range(THREADS))
def test_threads_that_cannot_be_started(started: int, monkeypatch: pytest.MonkeyPatch) -> None:
    start, left = threading.Thread.start, [started + 1]  # the caller's is one more

    def limited(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    use_threads(THREADS, True, monkeypatch)
    monkeypatch.setattr(module, "_IDLE", [])
    monkeypatch.setattr(threading.Thread, "start", limited)
    error = in_time(train)
    assert isinstance(error, NarrowsError)
    assert "starts no further thread" in str(error) and "ulimit -u" in str(error)


def test_an_interrupt_stops_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        if number == 1:  # the others wait at a barrier meanwhile
            _thread.interrupt_main()
            deadline = time.monotonic() + SECONDS_TO_WAIT
            while arguments[0].fields.control[0] >= 0 and time.monotonic() < deadline:
                pass
        kernel(*arguments)

    use_threads(THREADS, True, monkeypatch)
    monkeypatch.setattr(loops, "train", Kernel(loops.train, work))
    before, start = set(threading.enumerate()), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train()
    require_end(set(threading.enumerate()) - before)
    assert time.monotonic() - start < SECONDS_TO_WAIT, "not before the work was done"


def codes_of(code: CodeType) -> list[CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return [code, *(found for each in inner for found in codes_of(each))]


PLACES = [
    (code, line)
    for function in (
        module.run_in_threads,
        module._Part.work,
        module._Helper.give,
        module._Helper._live,
        module._hand_out,
        module._watch,
    )
    for code in codes_of(function.__code__)
    for line in sorted({line for _, line in dis.findlinestarts(code) if line})
    if line != code.co_firstlineno
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("code", "line"), PLACES, ids=[f"{c.co_name}-{n - c.co_firstlineno}" for c, n in PLACES]
)
def test_a_failure_at_any_line_of_a_worker_or_its_caller(
    code: CodeType, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's tracing raises it there, once."""
    met = []

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code is code and event == "line" and frame.f_lineno == line and not met:
            met.append(line)
            raise Boom
        return trace

    def traced() -> None:
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            train()
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]

    use_threads(THREADS, True, monkeypatch)
    monkeypatch.setattr(module, "_IDLE", [])  # threads that are there already are not traced
    error = in_time(traced)
    if code.co_name in ("work", "_live"):
        # one that cannot even begin has nobody to tell, and one whose work is done need not
        assert error is None or isinstance(error, Boom | RuntimeError)
    else:
        assert isinstance(error, Boom) if met else error is None


def test_what_was_stopped_is_trained_again_from_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    use_threads(THREADS, True, monkeypatch)
    trainer = FusedTrainer(CASE.model(), CASE.objective, CASE.adam, CASE.batch_size)
    state = trainer.state()
    expected = trainer.train(CASE.items(), CASE.order())
    trainer.restore(state)

    def work(kernel: Any, arguments: tuple[Any, ...], number: int) -> None:
        if number == 2:
            raise Boom
        kernel(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loops, "train", Kernel(loops.train, work))
        with pytest.raises(Boom):
            trainer.train(CASE.items(), CASE.order())
    trainer.restore(state)
    np.testing.assert_array_equal(trainer.train(CASE.items(), CASE.order()), expected)
