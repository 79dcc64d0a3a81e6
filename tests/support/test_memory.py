"""Too little memory: one sentence says what was wanted, what there is and what to lower."""

import errno
import resource
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from helpers.command_line import Command, failed, start
from narrows.data import load_data
from narrows.engine import make_runner
from narrows.engine.fused import threads
from narrows.errors import DataError, NotEnoughMemoryError
from narrows.nn.blocks import Conv, Dense, Flatten
from narrows.nn.model import initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored
from narrows.support import memory
from narrows.support.memory import GIB, Limit, explained, memory_limits, require_memory

LITTLE = Limit(3 * GIB // 2, GIB // 2 * 3 - (1 << 20), "the test allows")


def raised(call: object, *arguments: object) -> BaseException:
    with pytest.raises(MemoryError) as error:
        call(*arguments)  # type: ignore[operator]
    return error.value


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (raised(np.empty, (1 << 20, 1 << 30), np.uint8), "1048576 GiB more were wanted"),
        (raised(pa.allocate_buffer, 1 << 50), "1048576 GiB more were wanted"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 2147483648 bytes."),
            "2.00 GiB more were wanted",
        ),
        (MemoryError(), "no more could be had"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "no more could be had"),
        (RuntimeError("can't start new thread"), "no more could be had"),
        (
            ImportError("libjax_common.so: failed to map segment from shared object"),
            "no more could be had",
        ),
    ],
)
def test_whoever_tells_of_too_little_memory_it_is_said_alike(
    error: BaseException, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        memory, "memory_limits", lambda: iter([LITTLE, Limit(99 * GIB, 0, "no more")])
    )
    found = explained(error, "lower it")
    assert found is not None and found.hint == "lower it"
    assert found.message == (
        f"there is not enough memory: {wanted}, beside 1.50 GiB in use of the 1.50 GiB that the "
        "test allows"
    )


def test_other_errors_are_not_of_memory() -> None:
    for error in (ValueError("x"), OSError(errno.ENOENT, "no file"), RuntimeError("broken")):
        assert explained(error, "") is None


def test_limits_are_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    soft = {resource.RLIMIT_AS: 7 * GIB, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft[which], -1))
    group = tmp_path / "sys/fs/cgroup/mine"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/mine\n")
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("400\n")
    (group / "memory.stat").write_text("anon 300\ninactive_file 80\nactive_file 10\n")
    (group.parent / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    found = {limit.by: limit for limit in memory_limits()}
    space, group_limit = found["ulimit -v allows"], found["the container has"]
    assert space.most == 7 * GIB and 0 < space.used < space.most
    assert group_limit == Limit(1000, 310, "the container has") and group_limit.left == 690
    monkeypatch.setattr(memory, "_ROOT", tmp_path / "none")  # as on other systems
    monkeypatch.setattr(memory, "text_of", lambda path: "")
    monkeypatch.setitem(__import__("sys").modules, "resource", None)
    assert not list(memory_limits())
    require_memory(1 << 60, "it", "less")  # nothing is known: nothing is refused


def test_what_is_set_aside_counts_only_against_the_address_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space, machine = Limit(4 * GIB, GIB, "ulimit -v allows"), Limit(2 * GIB, GIB, "the machine has")
    monkeypatch.setattr(memory, "address_limits", lambda: iter([space]))
    monkeypatch.setattr(memory, "memory_limits", lambda: iter([space, machine]))
    require_memory(GIB, "it", "less", address_space=3 * GIB)
    with pytest.raises(NotEnoughMemoryError, match=r"takes about 3\.01 GiB, and of the 4\.00"):
        require_memory(GIB, "it", "less", address_space=int(3.01 * GIB))
    with pytest.raises(MemoryError, match=r"that the machine has 1\.00 GiB are left"):
        require_memory(GIB + 1, "it", "less")


def test_fit_asks_before_it_trains(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_limits", lambda: iter([LITTLE]))
    told = ("parameters in batches of", "GiB that the test allows 0.00 GiB are left", "--hidden")
    out = tmp_path / "m.safetensors"
    failed(narrows("fit", "digits", "--preset", "dense", "--hidden", 2000, "--out", out), 1, *told)
    assert not out.exists()


def test_compilers_are_not_started_without_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = (Conv(2, 3), Flatten(), Dense(3))
    model = initial_model(Spec((6, 6), encoder, mirrored(encoder, (6, 6), "linear")), Scaling(), 0)
    monkeypatch.setattr(memory, "address_limits", lambda: iter([LITTLE]))
    monkeypatch.setattr("narrows.engine.XLA", memory.XLA._replace(module="not there"))
    with pytest.raises(NotEnoughMemoryError, match="XLA, which refines codes") as told:
        make_runner(model, 2)
    assert "refine=0" in str(told.value)


def test_a_file_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*arguments: object, **more: object) -> None:
        np.empty((1 << 20, 1 << 30), np.uint8)

    path = tmp_path / "a.npz"
    np.savez(path, np.zeros((3, 2)))
    monkeypatch.setattr("narrows.data.sources.read_npz", read)
    with pytest.raises(DataError, match=r"a.npz does not fit in memory: 1048576 GiB more"):
        load_data(path)


def test_fewer_threads_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_STARTED", set[int]())  # whatever other tests have started
    running = threading.active_count()
    assert threads.startable(1) == 1 and threads.startable(3) == 3
    begin, left = threading.Thread.start, [2]

    def start(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert threads.startable(5) == 2
    assert threads.startable(4) == 1
    assert threading.active_count() <= running  # those that wait for work may have ended


@pytest.mark.slow
def test_a_process_that_is_held_to_little_says_so(tmp_path: Path) -> None:
    def hold() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))

    out = tmp_path / "m.safetensors"
    process = start(*("fit", "digits", "--epochs", 1, "--out", out), cwd=tmp_path, preexec_fn=hold)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "error: there is not enough memory: " in said and "ulimit -v" in said
    assert said.count("error: ") == 1 and not out.exists()
