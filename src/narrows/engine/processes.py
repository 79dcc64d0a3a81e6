"""Several processes, of one machine or of many, that train one model together.

JAX joins them (``jax.distributed``), once all have come (:mod:`narrows.engine.meeting`). What is
here beside that notices where one is missing and says which: every process tells its coordinator,
process 0, each second that it is there, and why it ends. That one ends is said on the connections
of before too, where it is heard at once. Nothing here imports JAX before processes join.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from narrows.engine.meeting import LOOK_SECONDS, Connections, met
from narrows.errors import NarrowsError, TrainingError, UsageError
from narrows.support import arguments
from narrows.support.interruption import came, with_farewell
from narrows.support.log import say
from narrows.support.temporary import remove_temporaries

#: The coordinator's name where JAX shall find it, and the processes, in the environment.
DETECTED = "auto"

_BEAT_SECONDS = 1.0
# A process of which nothing was heard for so long is missing. Looks are counted, so that no clock
# that jumps, and no program that was stopped for a while, makes silence.
_SILENT_SECONDS = 20
_JOIN_SECONDS = 300
# What JAX waits for by a clock that may jump, ahead by a year say, it waits for so long: who is
# missing is noticed meanwhile, and one may have more to read than the others before it trains.
_PATIENCE_SECONDS = 30 * 365 * 24 * 3600
# What the others take to hear why process 0, which they would ask, has ended; and what is left for
# that where process 0 ends without its main thread, of 5 s since it was told to end.
_HEARD_SECONDS, _PARTING_SECONDS = 4.0, 2.5
_ENDED = "ended"
_INTERRUPTED = "it was interrupted"
_HINT = (
    "start all processes again with --resume, as many as there are: the run goes on from the last "
    "checkpoint"
)


class _State:
    """The group that this process is in, while it is."""

    group: "_Group | None" = None


def have_joined() -> bool:
    """Whether this process trains together with others."""
    return _State.group is not None


def is_first() -> bool:
    """Whether this process is the one that writes: process 0, or the only one."""
    return _State.group is None or _State.group.index == 0


@contextlib.contextmanager
def joined(
    coordinator: str | None, count: int | None = None, index: int | None = None
) -> Iterator[bool]:
    """Join ``count`` processes as number ``index``, to train together; gives whether this is the
    first of them. Without a coordinator nobody is joined, and this is the only one.

    Args:
        coordinator: where process 0 listens, ``HOST:PORT``; :data:`DETECTED` where SLURM, Open MPI
            or Kubernetes started the processes, and JAX finds all three in the environment.

    Raises:
        UsageError: what is given makes no group.
        TrainingError: not all came, or one is missing before the block has ended.
    """
    if coordinator is None:
        if count is not None or index is not None:
            raise UsageError(
                "processes and process say nothing without a coordinator", hint=_EXAMPLE
            )
        yield True
        return
    group = _join(coordinator, count, index)
    _State.group = group
    try:
        with group.watched():
            with _explained(group), _quiet_output():  # gloo tells whom it has connected
                _add_up_once()
            yield group.index == 0
    finally:
        _State.group = None


_EXAMPLE = "as in --coordinator host0:8476 --processes 4 --process 0, on each with its own number"


def leave() -> None:
    """The work that takes all processes is done: each goes on by itself. Waits for the others."""
    group, _State.group = _State.group, None
    if group is not None:
        group.leave()


def from_first(name: str, value: Any = None) -> Any:
    """``value`` of process 0, of JSON's kinds, under a name that is used once, as soon as all ask;
    what others give is passed over."""
    group = _State.group
    if group is None:
        return value
    milliseconds = _PATIENCE_SECONDS * 1000
    if group.index == 0:
        group.client.key_value_set(f"narrows/{name}", json.dumps(value))
    found = group.client.blocking_key_value_get(f"narrows/{name}", milliseconds)
    # what adds up waits for nobody who comes half a minute later
    group.client.wait_at_barrier(f"narrows/{name}", milliseconds)
    return json.loads(found)


def arrays_from_first(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of process 0; others give arrays of the same names, shapes and dtypes."""
    if not have_joined():
        return arrays
    from jax.experimental.multihost_utils import broadcast_one_to_all

    return {name: np.asarray(broadcast_one_to_all(arrays[name])) for name in sorted(arrays)}


def _join(coordinator: str, count: int | None, index: int | None) -> "_Group":
    """Join; gives the group."""
    import inspect

    import jax

    if coordinator == DETECTED:
        coordinator, count, index = _detected()
    count, index = _checked(coordinator, count, index)
    with contextlib.suppress(AttributeError):  # CPUs add up through it
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    with contextlib.suppress(AttributeError):  # it would take SIGTERM for itself
        jax.config.update("jax_enable_preemption_service", False)
    wanted: dict[str, Any] = {
        "initialization_timeout": _JOIN_SECONDS,
        "heartbeat_timeout_seconds": _PATIENCE_SECONDS,
    }
    known = inspect.signature(jax.distributed.initialize).parameters  # older ones have not all
    with met(coordinator, count, index) as connections, _explained():
        jax.distributed.initialize(
            coordinator, count, index, **{name: wanted[name] for name in wanted if name in known}
        )
        # asks all for their devices
        return _Group(jax.process_index(), jax.process_count(), coordinator, connections)


def _detected() -> tuple[str, int | None, int | None]:
    """Where process 0 listens, how many there are, and which this is, as JAX finds them."""
    from jax._src.clusters import ClusterEnv  # it has no public way but to join

    given = os.environ.get("JAX_COORDINATOR_ADDRESS")
    with _explained():
        address, count, index, _ = ClusterEnv.auto_detect_unset_distributed_params(
            given, None, None, None, None, _JOIN_SECONDS
        )
    if address is None:
        raise UsageError(
            f"coordinator is {DETECTED}, and neither SLURM, Open MPI nor Kubernetes is found here",
            hint=_EXAMPLE,
        )
    return address, count, index


@contextlib.contextmanager
def _explained(group: "_Group | None" = None) -> Iterator[None]:
    """Say why processes do not come together; of those that have joined, who is missing."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if group is not None:
            group.look_for_missing()
        first = str(error).splitlines()[0]
        raise TrainingError(
            f"the processes did not come together: {first}",
            hint=f"start all of them with a coordinator that each of them reaches: {_EXAMPLE}",
        ) from error


def _checked(coordinator: str, count: int | None, index: int | None) -> tuple[int, int]:
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise UsageError(
            f"coordinator is {coordinator!r}, and must be HOST:PORT, or {DETECTED}", hint=_EXAMPLE
        )
    if count is None or index is None:
        raise UsageError("a coordinator needs processes and process beside it", hint=_EXAMPLE)
    count = arguments.required_whole("processes", count)
    index = arguments.required_whole("process", index)
    if not 0 <= index < count:
        raise UsageError(
            f"process is {index}, and must be from 0 to below {count}, the number of processes",
            hint=_EXAMPLE,
        )
    return count, index


def _add_up_once() -> None:
    from jax.experimental.multihost_utils import process_allgather

    process_allgather(np.zeros(1, np.float32))


@contextlib.contextmanager
def _quiet_output() -> Iterator[None]:
    """What libraries write to standard output, which belongs to results, goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _distributed_state() -> Any:
    """JAX's own, whose client keeps names and values for all processes; it has no public way."""
    from jax._src import distributed

    return distributed.global_state


class _Group:
    """Processes that have joined, and this one's number among them."""

    def __init__(self, index: int, count: int, address: str, connections: Connections) -> None:
        self.index, self.count, self.address = index, count, address
        self._connections = connections
        self.client = _distributed_state().client
        self._left, self._ending = threading.Event(), threading.Event()
        self._silence = dict.fromkeys(range(count), 0)  # looks without a word, by process
        self._ended = dict[int, str]()
        self._words: subprocess.Popen[bytes] | None = None
        self.missing: str | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look after the others meanwhile."""
        self._words = _last_words(self.address if self.index else "")
        for work in (self._beat, self._watch):
            threading.Thread(target=work, name="narrows-processes", daemon=True).start()
        try:
            with with_farewell(self._part):
                yield
        except BaseException as error:
            if self._left.is_set():
                raise
            self._end(error)
        finally:
            self._dismiss()
        self.leave()

    def leave(self) -> None:
        """Wait for the others, and be alone."""
        if self._left.is_set():
            return
        import jax

        self.client.wait_at_barrier("narrows/done", _JOIN_SECONDS * 1000)
        self._left.set()
        self._dismiss()
        self._connections.close()
        jax.distributed.shutdown()

    def _dismiss(self) -> None:
        """Nothing is left to say for what would speak in this process's place."""
        words, self._words = self._words, None
        if words is not None and words.stdin is not None:
            with contextlib.suppress(OSError):
                words.stdin.write(b"left\n")
                words.stdin.close()
            words.wait()

    def _end(self, error: BaseException) -> None:
        """Tell the others why this process ends, or say who is missing, and end without JAX, which
        would wait for all."""
        if isinstance(error, RuntimeError | ValueError) and not isinstance(error, NarrowsError):
            self.look_for_missing()  # as JAX raises them where a process is gone
        self._ending.set()
        missing = self.missing
        why = missing or str(getattr(error, "message", error)) or type(error).__name__
        if isinstance(error, KeyboardInterrupt) or came():
            why = _INTERRUPTED
        self._tell(why)
        if self.index == 0:
            self._wait_for_others()
        self._left.set()
        self._dismiss()
        _skip_shutdown()
        if missing is not None and not came():
            raise TrainingError(missing, hint=_HINT) from error
        raise error

    def look_for_missing(self) -> None:
        """Give the watch the time to find out who is gone, where JAX says that one is."""
        deadline = time.monotonic() + _SILENT_SECONDS + 10
        while self.missing is None and not came() and time.monotonic() < deadline:
            time.sleep(_BEAT_SECONDS / 4)

    def _part(self) -> None:
        """Say that this process was interrupted, before it ends without its main thread."""
        self._tell(_INTERRUPTED, _BEAT_SECONDS)
        if self.index == 0:  # with it JAX aborts those that are there still
            self._wait_for_others(_PARTING_SECONDS)
        self._dismiss()

    def _tell(self, why: str, seconds: float = _HEARD_SECONDS) -> None:
        """Say it to the others, as far as process 0 can be reached, which may never answer."""

        def tell() -> None:
            with contextlib.suppress(Exception):
                self.client.key_value_set(f"narrows/{_ENDED}/{self.index}", why)

        with contextlib.suppress(Exception):
            self._connections.tell(f"{_ENDED} {self.index}: {why}")
        told = threading.Thread(target=tell, daemon=True)
        told.start()
        told.join(seconds)

    def _wait_for_others(self, seconds: float = _HEARD_SECONDS) -> None:
        """Until they have ended: JAX aborts those that are there still when this process ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            gone = self._ended.keys() - self._connections.processes()
            if len(gone | set(self._silent()) | {self.index}) == self.count:
                return
            self._hear()

    def _hear(self) -> bool:
        """Hear who ends, for a moment, and tell it to all others, where this is process 0; whether
        anything came on the connections."""
        lines = self._connections.heard()
        for line in lines.values():
            found = re.fullmatch(rf"{_ENDED} (\d+): (.*)", line)
            if found is not None:
                self._ended = self._ended | {int(found[1]): found[2]}
                if self.index == 0:
                    self._connections.tell(line)
        return bool(lines)

    def _found(self, kind: str) -> dict[int, str]:
        found = self.client.key_value_dir_get(f"narrows/{kind}/")
        return {int(key.rpartition("/")[2]): value for key, value in found}

    def _beat(self) -> None:
        """A thread that says that this process is there, and hears of the others. Where process 0
        cannot be reached it may wait for an answer for ever."""
        heard, beat = dict[int, str](), 0
        while not self._left.wait(_BEAT_SECONDS):
            beat += 1
            try:
                self.client.key_value_set(
                    f"narrows/beat/{self.index}", str(beat), allow_overwrite=True
                )
                beats, ended = self._found("beat"), self._found(_ENDED)
            except Exception:  # JAX ends this process where process 0 is gone
                continue
            self._ended = self._ended | ended
            for process, told in beats.items():
                if heard.get(process) != told:
                    heard[process], self._silence[process] = told, 0

    def _watch(self) -> None:
        """A thread that finds out who is missing, or has ended."""
        while not self._left.is_set():
            if came():  # the main thread may compile, and never come to say it
                self._part()
                return
            if not self._hear():
                for process in self._silence:
                    self._silence[process] += 1
            if self._ending.is_set():  # by itself: it is not the others' end that it tells
                continue
            self.missing = self._sentence()
            if self.missing is not None:
                self._give_up()
                return

    def _silent(self) -> list[int]:
        """Who is missing: process 0 alone, through which all are heard, where it is."""
        silent = [n for n, looks in self._silence.items() if looks * LOOK_SECONDS > _SILENT_SECONDS]
        others = [n for n in silent if n != self.index and n not in self._ended]
        return others[:1] if others[:1] == [0] else others

    def _sentence(self) -> str | None:
        """Who is missing; None where all are there."""
        silent = self._silent()
        if silent:
            return (
                f"process {', '.join(map(str, silent))} of {self.count} is missing: nothing was "
                f"heard of it for {_SILENT_SECONDS} s"
            )
        for process, why in self._ended.items():  # the first that was heard of
            if process != self.index:
                return f"process {process} of {self.count} has ended: {why}"
        return None

    def _give_up(self) -> None:
        """End this process, unless its main thread does so itself: it may wait for ever. Where one
        has said that it ends, and may be process 0, there is less time for that."""
        seconds = _HEARD_SECONDS if self._silent() else _BEAT_SECONDS
        if self._ending.wait(seconds) or self._left.is_set() or came():
            return
        say(f"error: {self.missing}")
        say(f"hint: {_HINT}")
        remove_temporaries()
        self._dismiss()  # before process 0 hears of it, and takes JAX with it
        self._tell(str(self.missing))
        if self.index == 0:
            self._wait_for_others()
        os._exit(1)


def _skip_shutdown() -> None:
    """JAX would wait for all processes at the end of this one, which are not all there."""
    import atexit

    atexit.register(os._exit, 1)


def _last_words(address: str) -> "subprocess.Popen[bytes]":
    """A process that says who is missing where JAX ends this one: it does so by itself, and at
    once, when process 0 is gone, or its time of day jumps back: JAX takes the time since a process
    was heard of, a number without a sign, for endless then. Process 0 gives no address."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _SAYING, address], stdin=subprocess.PIPE
    )


_SAYING = """
import signal, socket, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
offset = time.time() - time.monotonic()
if not sys.stdin.buffer.read():
    host, _, port = sys.argv[1].rpartition(":")
    try:
        if host:
            socket.create_connection((host.strip("[]"), int(port)), 5).close()
        text = "error: this process was ended from outside, or by what is said above"
        back = offset - (time.time() - time.monotonic())
        if not host and back > 1:
            text += "; the time of day jumped back by %.0f s: JAX then ends all processes" % back
    except OSError:
        text = "error: process 0, at " + sys.argv[1] + ", is missing"
    sys.stderr.write(text + "\\nhint: start all processes again with --resume\\n")
"""
