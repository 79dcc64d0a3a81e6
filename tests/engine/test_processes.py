"""Several processes and several devices train one model: the same losses up to rounding, and who is
missing is said."""

import io
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.command_line import ENVIRONMENT, Command, done
from helpers.compiling import plain_flags
from helpers.ports import free_port
from narrows.engine.meeting import Connections
from narrows.engine.processes import _SAYING, _Group, _last_words, joined
from narrows.errors import NarrowsError, UsageError
from narrows.support import interruption
from narrows.training.checkpoint import Checkpoint
from narrows.training.together import same_start

# What is trained in a process of its own, whose CPU JAX takes for eight devices.
_DEVICES = """
import numpy as np
from narrows.engine import AdamSettings
from narrows.engine.xla import XlaTrainer
from narrows.nn.blocks import Dense, Flatten, Gaussian, Norm
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored

blocks = (Flatten(), Dense(8), Norm("batch"), Gaussian(3))
model = initial_model(Spec((6, 6), blocks, mirrored(blocks, (6, 6), "linear")), Scaling(), 1)
items = np.random.default_rng(2).random((43, 6, 6), np.float32)
order = np.random.default_rng(3).permutation(43)
found = []
for devices in (1, 8):
    trainer = XlaTrainer(model, Objective("l2"), AdamSettings(), 22, 5, devices=devices)
    losses = trainer.train(items, order)
    kept = trainer.state()
    more = trainer.train(items, order)
    trainer.restore(kept)
    assert np.array_equal(trainer.train(items, order), more)
    found.append((losses, more, trainer.measure(items), kept.arrays))
(*one, arrays), (*eight, others) = found
for wanted, given in zip(one, eight):
    np.testing.assert_allclose(given, wanted, rtol=1e-5)
for name in arrays:  # Adam makes steps of the rounding errors of biases that a norm takes away
    np.testing.assert_allclose(others[name], arrays[name], rtol=1e-4, atol=3e-4)
"""


@pytest.mark.slow
def test_devices_share_batches_that_do_not_divide_and_nothing_else_changes() -> None:
    """With statistics over the batch, and codes that are drawn."""
    flags = f"--xla_force_host_platform_device_count=8 {plain_flags()}"
    own = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", _DEVICES], env=ENVIRONMENT | own, check=True)


def test_more_devices_than_there_are_are_refused() -> None:
    from narrows import Autoencoder

    with pytest.raises(UsageError, match="devices is 0, and must be at least 1"):
        Autoencoder(latent=2, epochs=1, devices=0).fit(np.ones((20, 4)))
    with pytest.raises(UsageError, match="devices is 99, and JAX has 1 here"):
        Autoencoder(latent=2, epochs=1, devices=99).fit(np.ones((20, 4)))


_OPTIONS = ("--preset", "simple", "--batch-size", "51", "--no-detection")


def _started(folder: Path, count: int, *more: str, of: str = "digits") -> list[Any]:
    address = f"127.0.0.1:{free_port()}"
    group = ("--coordinator", address, "--processes", str(count), "--process")
    rest = (*_OPTIONS, "--checkpoint-seconds", "0", *more)
    out = ("--out", str(folder / "model.safetensors"))
    return [
        subprocess.Popen(
            [sys.executable, "-m", "narrows", "fit", of, *group, str(index), *rest, *out],
            env=ENVIRONMENT | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": plain_flags()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def _losses(folder: Path) -> np.ndarray:
    import json

    lines = (folder / "model" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return np.array([[json.loads(line)[name] for name in ("loss", "val_loss")] for line in lines])


@pytest.mark.slow
def test_a_lost_process_ends_all_and_fewer_go_on_with_the_same_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrows: Command
) -> None:
    both = _started(tmp_path, 2, "--epochs", "2000")
    checkpoint = tmp_path / "model" / "checkpoint.safetensors"
    deadline = time.monotonic() + 100
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert both[0].poll() is None, both[0].communicate()
        time.sleep(0.05)
    both[1].terminate()
    try:
        said = [each.communicate(timeout=60) for each in both]
    finally:
        for each in both:
            each.kill()
    assert [each.returncode for each in both] == [1, 128 + signal.SIGTERM]
    assert "process 1 of 2 has ended: it was interrupted" in said[0][1]
    assert "--resume" in said[0][1] and "Traceback" not in said[0][1]
    assert not any(out for out, _ in said)
    epochs = len(_losses(tmp_path))

    (alone,) = _started(tmp_path, 1, "--epochs", str(epochs + 2), "--resume")
    _, err = alone.communicate(timeout=100)
    assert alone.returncode == 0, err
    other = tmp_path / "other"
    monkeypatch.setenv("NARROWS_ENGINE", "xla")
    out = other / "model.safetensors"
    done(narrows("fit", "digits", *_OPTIONS, "--epochs", epochs + 2, "--out", out))
    np.testing.assert_allclose(_losses(tmp_path), _losses(other), rtol=1e-4)


def _group(index: int, count: int, **to: socket.socket) -> _Group:
    """A process that has joined; ``to_1`` is its end of the connection to process 1."""
    connections = Connections({int(name.removeprefix("to_")): each for name, each in to.items()})
    return _Group(index, count, "127.0.0.1:1", connections)


def test_process_0_too_says_that_it_was_ended(capfd: pytest.CaptureFixture[str]) -> None:
    """As by a signal that nothing hears."""
    group = _group(0, 2)
    with group.watched():
        words, group._words = group._words, None
        assert words is not None
        words.communicate()
        group._left.set()
    assert "error: this process was ended" in capfd.readouterr().err


@pytest.mark.parametrize(("later", "said"), [(400.0, "jumped back by 600 s"), (1000.0, "")])
def test_process_0_says_that_its_time_of_day_jumped_back(
    later: float, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([1000.0, later])
    monkeypatch.setattr("time.time", lambda: next(times))
    monkeypatch.setattr("time.monotonic", lambda: 5.0)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["", ""])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO()))
    exec(_SAYING, {})
    err = capsys.readouterr().err
    assert said in err and ("jumped" in err) == bool(said) and "--resume" in err


def test_process_0_that_never_answers_is_missing_and_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the network is cut."""
    monkeypatch.setattr("narrows.engine.processes._SILENT_SECONDS", 0)
    monkeypatch.setattr("narrows.engine.processes._HEARD_SECONDS", 0.001)
    group, answers, ended = _group(1, 3), threading.Event(), list[str | None]()
    group.client = SimpleNamespace(key_value_set=lambda *_, **__: answers.wait())
    monkeypatch.setattr(group, "_give_up", lambda: ended.append(group.missing))
    beats = threading.Thread(target=group._beat)
    beats.start()
    group._watch()
    group._tell("it was interrupted")
    group._left.set()
    answers.set()
    beats.join()
    assert ended == ["process 0 of 3 is missing: nothing was heard of it for 0 s"]


def test_an_interrupted_process_tells_the_others_whatever_its_main_thread_does(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As while XLA compiles: the program ends itself then, and this thread with it."""
    monkeypatch.setattr("narrows.engine.processes._BEAT_SECONDS", 0.001)
    monkeypatch.setattr("narrows.support.interruption._State.number", signal.SIGINT)
    group, told = _group(1, 3), dict[str, str]()
    group.client = SimpleNamespace(key_value_set=told.__setitem__)
    words = group._words = _last_words("127.0.0.1:1")
    group._watch()
    assert told == {"narrows/ended/1": "it was interrupted"}
    assert words.wait() == 0 and capfd.readouterr().err == ""


def _without_coordinator(group: _Group) -> _Group:
    group.client = SimpleNamespace(key_value_set=lambda *_, **__: None, key_value_dir_get=dict)
    return group


def test_process_0_that_is_interrupted_stays_until_the_others_have_gone() -> None:
    """With it goes what JAX asks, which then aborts who is there still."""
    there, here = socket.socketpair()
    group = _without_coordinator(_group(0, 2, to_1=here))
    parting = threading.Thread(target=group._part)
    there.settimeout(60)
    with there:
        parting.start()
        assert there.recv(1000) == b"ended 0: it was interrupted\n"
        there.sendall(b"ended 1: process 0 has ended\n")
        assert there.recv(1000) == b"ended 1: process 0 has ended\n"  # as all others are told
        assert parting.is_alive()
    parting.join()
    assert not group._connections.processes()


@pytest.mark.parametrize("index", [0, 1])
def test_one_that_says_that_it_ends_is_heard_without_its_coordinator(
    index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = socket.socketpair()
    group, ended = _group(index, 3, **{f"to_{1 - index}": here}), list[str | None]()
    monkeypatch.setattr(group, "_give_up", lambda: ended.append(group.missing))
    with there:
        there.sendall(b"left\nended 2: no room: 3 MB\nended 1: process 2 of 3 has ended\n")
        group._watch()
    assert ended == ["process 2 of 3 has ended: no room: 3 MB"]


def test_process_0_that_fails_says_why_and_not_that_others_have_ended_for_it() -> None:
    from narrows.errors import DataError

    there, here = socket.socketpair()
    there.settimeout(60)
    group, raised = _without_coordinator(_group(0, 2, to_1=here)), list[BaseException]()
    why = "no file \udcff\n" + 300 * "long " + "end"

    def work() -> None:
        try:
            with group.watched():
                raise DataError(why, hint="see there")
        except NarrowsError as error:
            raised.append(error)

    working = threading.Thread(target=work)
    with there, pytest.MonkeyPatch.context() as patch:
        patch.setattr("narrows.engine.processes._skip_shutdown", lambda: None)
        working.start()
        said = there.recv(4000).decode()
        assert said.startswith("ended 0: no file ? long ") and said.endswith(" long ...\n")
        there.sendall(b"ended 1: process 0 of 2 has ended: no file\n")
        there.recv(4000)
        there.close()
        working.join()
    (error,) = raised
    assert isinstance(error, DataError) and error.message == why and error.hint == "see there"


def test_one_whose_connection_breaks_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an idle one does on its way through some networks."""
    there, here = socket.socketpair()
    there.close()
    group, waited = _group(1, 2, to_0=here), iter([False, False, True])
    monkeypatch.setattr(group._left, "is_set", lambda: next(waited))
    group._watch()
    assert group.missing is None and not group._connections.processes()
    assert set(group._silence.values()) == {1}  # which was waited for; the other look was cut short


def test_one_that_is_interrupted_twice_tells_the_others_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The program ends at once then, before anything else of it looks."""
    monkeypatch.setattr("narrows.engine.processes._BEAT_SECONDS", 60.0)
    monkeypatch.setattr("narrows.support.interruption._State.number", None)
    ended, told = list[int](), dict[str, str]()
    monkeypatch.setattr("os._exit", ended.append)
    group = _group(1, 3)
    group.client = SimpleNamespace(key_value_set=told.__setitem__)
    with group.watched():
        interruption._end(signal.SIGINT)
        group._left.set()
    assert told == {"narrows/ended/1": "it was interrupted"}
    assert ended == [128 + signal.SIGINT] and capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (("host", 2, 0), "HOST:PORT"),
        (("host:1", None, 0), "processes"),
        (("host:1", 2, 2), "from 0 to below 2"),
        ((None, 2, 0), "without a coordinator"),
    ],
)
def test_what_makes_no_group_is_refused(group: tuple[Any, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said), joined(*group):
        pass


def test_processes_with_other_data_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from narrows.engine import TrainingState
    from narrows.training import together

    told = {"identity": {"seed": 1}, "steps": 0}
    monkeypatch.setattr(together, "have_joined", lambda: True)
    monkeypatch.setattr(together, "from_first", lambda name, value: told)
    with pytest.raises(NarrowsError, match="process 0 was given another seed: 1, and this"):
        same_start(Checkpoint(identity={"seed": 2}, state=TrainingState({})))
