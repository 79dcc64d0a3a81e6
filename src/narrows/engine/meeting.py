"""Where processes meet before JAX joins them. JAX would wait for minutes, say for none of them, and
take one that has gone meanwhile for one that is there.

Process 0 listens where JAX's coordinator will. Each of the others says its number there, and keeps
the connection: it breaks where its process ends, however that comes, and what is said on it is
heard at once.
"""

import contextlib
import os
import re
import select
import socket
import struct
import textwrap
import threading
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait

from narrows.errors import TrainingError, UsageError
from narrows.support.interruption import came
from narrows.support.log import say
from narrows.support.number_text import listed
from narrows.support.temporary import remove_temporaries

#: How long processes wait for each other, in seconds, where it is not a minute.
VARIABLE = "NARROWS_JOIN_SECONDS"

#: How long one listens before it looks for something else; silence is counted in this.
LOOK_SECONDS = 0.1

_SECONDS = 60.0
_TOLD_SECONDS = 10.0
_LINE_SECONDS = 1.0
_LINE_BYTES, _SHORT = 4000, 900
_ALIVE_SECONDS = 30
_ALL, _LEFT = "all", "left"


@contextlib.contextmanager
def met(address: str, count: int, index: int) -> Iterator["Connections"]:
    """All ``count`` processes have come to process 0, at ``address``. One that ends before the
    block has ended ends all of them. What is given stays open where the block does not fail.

    Raises:
        TrainingError: who has not come in time, or this one is not of them.
    """
    if count == 1:
        yield Connections({})
        return
    patience = _Patience()
    if index == 0:
        others = _gathered(int(address.rpartition(":")[2]), count, patience)
    else:
        others = {0: _called(address, count, index, patience)}
    over = threading.Event()
    looking = threading.Thread(
        target=_look_after, args=(others, count, over), name="narrows-meeting", daemon=True
    )
    looking.start()
    with contextlib.ExitStack() as open_until_here:
        for each in others.values():
            open_until_here.enter_context(each)
        try:
            yield Connections(others)
            _tell(others.values(), _LEFT)
        finally:
            over.set()
            looking.join()
        open_until_here.pop_all()


class Connections:
    """This process's connections: to all others for process 0, to process 0 for each of the
    others. One may break though its process is there: nobody is missing for that."""

    def __init__(self, others: dict[int, socket.socket]) -> None:
        self._others, self._one_hears = dict(others), threading.Lock()
        for each in others.values():
            _keep_alive(each)

    def processes(self) -> list[int]:
        """Those at the other ends."""
        return list(self._others)

    def heard(self) -> dict[int, str]:
        """A line of each that has said one, for at most about :data:`LOOK_SECONDS`; an empty one
        where a connection has broken, which is closed."""
        if not self._one_hears.acquire(timeout=LOOK_SECONDS):
            return {}
        try:
            lines = dict(_heard(self._others))
            for number in [number for number, said in lines.items() if not said]:
                self._others.pop(number).close()
            return lines
        finally:
            self._one_hears.release()

    def tell(self, text: str) -> None:
        """Say the start of ``text``, in one line, to all of them."""
        _tell(list(self._others.values()), textwrap.shorten(text, _SHORT, placeholder=" ..."))

    def close(self) -> None:
        with self._one_hears:
            while self._others:
                self._others.popitem()[1].close()


def _keep_alive(connection: socket.socket) -> None:
    """No machine on the way shall forget a connection on which nothing is said for hours."""
    with contextlib.suppress(OSError, AttributeError):  # not every system knows all of them
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _ALIVE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ALIVE_SECONDS)


class _Patience:
    """How long is waited, and for whom, which is told every so often."""

    def __init__(self) -> None:
        text = os.environ.get(VARIABLE) or str(_SECONDS)
        try:
            self.seconds = float(text)
        except ValueError:
            self.seconds = 0.0
        if not 0 < self.seconds < float("inf"):
            raise UsageError(f"{VARIABLE} is {text!r}, and must be a number of seconds above 0")
        self._end = time.monotonic() + self.seconds
        self._told = time.monotonic()

    def is_over(self, missing: str) -> bool:
        now = time.monotonic()
        if now - self._told > _TOLD_SECONDS:
            self._told = now
            say(f"waiting for {missing}")
        return now > self._end

    def error(self, text: str) -> TrainingError:
        hint = (
            f"start all of them within {self.seconds:g} s, each with its own number; {VARIABLE} "
            "sets another time"
        )
        return TrainingError(text, hint=hint)


def _gathered(port: int, count: int, patience: _Patience) -> dict[int, socket.socket]:
    """Process 0's connections to all others, as soon as all are there at the same time."""
    come = dict[int, socket.socket]()
    with _listening(port) as listener:
        while True:
            for number, _ in _heard(come):  # it has gone, and may come again
                come.pop(number).close()
            missing = [str(number) for number in range(1, count) if number not in come]
            if not missing:
                break
            named = f"process {listed(missing, 10)} of {count}"
            if patience.is_over(named):
                text = f"{named} is missing: it did not come within {patience.seconds:g} s"
                _tell(come.values(), text)
                raise patience.error(text)
            for some in range(count):  # all that have called by now
                if not select.select([listener], [], [], 0 if some else LOOK_SECONDS)[0]:
                    break
                _welcome(listener, come, count)
    _tell(come.values(), _ALL)
    return come


def _listening(port: int) -> socket.socket:
    try:
        with contextlib.suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except (OSError, ValueError) as error:
        raise TrainingError(f"process 0 cannot listen at port {port}: {error}") from error


def _welcome(listener: socket.socket, come: dict[int, socket.socket], count: int) -> None:
    """Take one of the group; who says something else, or nothing, is none."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        connection.settimeout(_LINE_SECONDS)
        numbers = re.fullmatch(r"process (\d+) of (\d+)", _line(connection), re.ASCII)
        if numbers is not None:
            number, of = map(int, numbers.groups())
            if number in come and _heard({number: come[number]}):  # it has gone: this one is new
                come.pop(number).close()
            if of == count and 0 < number < count and number not in come:
                come[number] = connection
                return
            why = f"there is a process {number} already"
            if of != count:
                why = f"process 0 was started with --processes {count}, and this one with {of}"
            _tell([connection], why)
        connection.close()


def _called(address: str, count: int, index: int, patience: _Patience) -> socket.socket:
    """The connection to process 0, as soon as all are there."""
    host, _, port = address.rpartition(":")
    missing = f"process 0 of {count}"
    while not patience.is_over(f"{missing}, at {address}"):
        with contextlib.suppress(OSError):
            connection = socket.create_connection((host.strip("[]"), int(port)), _TOLD_SECONDS)
            if connection.getsockname() == connection.getpeername():
                # nobody listens, and the system has given this end the very port that it calls;
                # closed as usual, it would be taken for another minute
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                continue
            # process 0 may have come a minute later, and waits a minute
            connection.settimeout(patience.seconds + _TOLD_SECONDS)
            _tell([connection], f"process {index} of {count}")
            said = _line(connection)
            if said == _ALL:
                connection.settimeout(_LINE_SECONDS)
                return connection
            connection.close()
            if said:
                raise patience.error(said)
        time.sleep(LOOK_SECONDS)
    raise patience.error(f"{missing} is missing: it does not answer at {address}")


def _look_after(others: dict[int, socket.socket], count: int, over: threading.Event) -> None:
    """A thread that ends this process where another has ended: JAX may wait for it for minutes."""
    there = dict(others)
    while there and not over.is_set():
        for number, said in _heard(there):
            del there[number]
            if said == _LEFT or over.is_set() or came():
                continue
            gone = f"process {number} of {count} is missing: it ended before all had joined"
            say(f"error: {said or gone}")
            say("hint: start all processes again")
            _tell(there.values(), said or gone)
            remove_temporaries()
            os._exit(1)


def _heard(connections: dict[int, socket.socket]) -> list[tuple[int, str]]:
    """What some say within a moment; an empty line where one has gone."""
    if not connections:
        time.sleep(LOOK_SECONDS)
        return []
    ready = wait(list(connections.values()), LOOK_SECONDS)  # more of them than select takes
    return [(number, _line(each)) for number, each in connections.items() if each in ready]


def _line(connection: socket.socket) -> str:
    """The line that is said; an empty one where the connection breaks, or nothing comes in time."""
    said = b""
    with contextlib.suppress(OSError):
        while not said.endswith(b"\n") and len(said) < _LINE_BYTES:
            byte = connection.recv(1)
            if not byte:
                return ""
            said += byte
    return said.decode(errors="replace").strip() if said.endswith(b"\n") else ""


def _tell(connections: Iterable[socket.socket], text: str) -> None:
    for each in connections:
        with contextlib.suppress(OSError):
            each.sendall(f"{text}\n".encode(errors="replace"))
