"""Ctrl-C, a request to end, a terminal that closes: the program ends soon and leaves nothing.

The first of these signals raises KeyboardInterrupt in the main thread, or is noted where work must
not be broken off (:func:`unbroken`). Python calls handlers between two of its own instructions,
which may be long in coming while a compiler or a kernel works: a thread watches, and ends the
program itself where the main thread has not done so in time, and at once when a second one comes.

Only the program uses this. Who imports narrows keeps the handlers of his own.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

#: What shells use for a program that Ctrl-C ended: 128 and the signal's number.
INTERRUPTED = 130

# From the signal to the program's end, less what it takes to remove what was half written.
_GRACE_SECONDS = 1.5
# Shells and process managers send one signal twice, to a process and to its group.
_SAME_SECONDS = 0.2
_WATCH_SECONDS = 0.05


class Interrupted(KeyboardInterrupt):
    """A signal came. KeyboardInterrupt itself would make some versions of Python end by a SIGINT of
    their own, if it had passed through code that a library made of a text."""


class _State:
    """What came, and what the main thread does about it."""

    number: int | None = None
    noting = 0
    noted = False
    over = False
    saving = 0
    saved_at = 0.0
    last_words: Callable[[], str] | None = None
    farewell: Callable[[], None] | None = None


def obeying(work: Callable[[], int]) -> int:
    """The exit code of ``work``: the whole of the program.

    From here to the end of the process the signals are obeyed. Where one came, this does not
    return: the process ends with 130, 143 or 129, and nothing more is run in it. What was broken
    off is in no state to be taken down in order, and libraries would say so.
    """
    code = INTERRUPTED
    try:
        try:
            if threading.current_thread() is threading.main_thread():
                _start()
            code = work()
        finally:
            _State.over = True
    except BaseException as error:
        # whatever Python or a library makes of an interrupt
        if not (came() or isinstance(error, KeyboardInterrupt)):
            raise
    if _State.number is not None:
        _remove_temporaries()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(128 + _State.number)
    return code


def came() -> bool:
    """Whether the program has been asked to end."""
    return _State.number is not None


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Work that must not be broken off in the middle: KeyboardInterrupt is raised at its end.

    Where the signal came before, what is saved on the way out takes the time that it needs.
    """
    saving = _State.number is not None
    if saving and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
        raise Interrupted  # once more: somebody has caught it
    _State.noting += 1
    _State.saving += saving
    try:
        yield
    finally:
        _State.noting -= 1
        if saving:
            _State.saved_at = time.monotonic()
            _State.saving -= 1
    if _State.noted and not _State.noting:
        _State.noted = False
        raise Interrupted


@contextlib.contextmanager
def with_last_words(words: Callable[[], str]) -> Iterator[None]:
    """Say ``words()`` where the block is broken off."""
    from narrows.support.log import say

    before, _State.last_words = _State.last_words, words
    try:
        yield
    except KeyboardInterrupt:
        say(words())
        raise
    finally:
        _State.last_words = before


@contextlib.contextmanager
def with_farewell(work: Callable[[], None]) -> Iterator[None]:
    """Do ``work()``, which must be quick, where the program ends in the block without its main
    thread."""
    before, _State.farewell = _State.farewell, work
    try:
        yield
    finally:
        _State.farewell = before


def _start() -> None:
    """Take the signals that nobody else has taken; what is ignored, as by nohup, stays ignored."""
    report = sys.unraisablehook

    def quiet(unraisable: Any) -> None:
        # in a finaliser, say: of what is broken off, or the interrupt itself, and the watch goes on
        if not came():
            report(unraisable)

    sys.unraisablehook = quiet
    usual = (signal.SIG_DFL, signal.default_int_handler)
    wanted = [getattr(signal, f"SIG{name}", None) for name in ("INT", "TERM", "HUP", "BREAK")]
    taken = [each for each in wanted if each is not None and signal.getsignal(each) in usual]
    for each in taken:
        signal.signal(each, _handle)
    threading.Thread(
        target=_watch, args=(woken_by_signals(), taken), name="narrows-signals", daemon=True
    ).start()


def woken_by_signals() -> "socket.socket":
    """Receives the number of each signal that has a handler, at once, whatever the main thread
    does."""
    import socket

    receive, send = socket.socketpair()
    send.setblocking(False)
    signal.set_wakeup_fd(send.detach(), warn_on_full_buffer=False)
    return receive


def _handle(number: int, frame: Any) -> None:
    """What the main thread does, between two instructions of Python."""
    if _State.number is not None:
        return  # another one is the watching thread's
    _State.number = number
    if _State.over:
        return
    if _State.noting:
        _State.noted = True
    elif not _is_loading(frame):
        raise Interrupted


def _is_loading(frame: Any) -> bool:
    """Whether a module in C is on its way in, whose code may print what Python raises beneath it,
    or abort: the next work that must not be broken off raises it, or the watch ends the program."""
    while frame is not None:
        name = frame.f_code.co_name
        is_loader = name in ("create_module", "exec_module")
        if is_loader and isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
            return True
        if name == "__set_name__":  # of which Python 3.11 makes a RuntimeError, caught as one
            return True
        frame = frame.f_back
    return False


def _watch(receive: Any, taken: list[int]) -> None:
    """What the watching thread does: give the main thread its time, and then end the program."""
    first = _next_of(taken, receive)
    began = time.monotonic()
    receive.settimeout(_WATCH_SECONDS)
    while True:
        again = _next_of(taken, receive) is not None
        now = time.monotonic()
        is_late = not _State.saving and now - max(began, _State.saved_at) > _GRACE_SECONDS
        if is_late or (again and now - began > _SAME_SECONDS):
            _end(first)


def _next_of(taken: list[int], receive: Any) -> int | None:
    """The next signal of ``taken`` that comes; None where none comes in time."""
    while True:
        try:
            number = receive.recv(1)[0]
        except TimeoutError:
            return None
        if number in taken:
            return int(number)


def _end(number: int | None) -> None:
    """End the program without its main thread, which may be anywhere."""
    assert number is not None  # the first was waited for
    try:
        _State.number = number
        _remove_temporaries()
        if _State.farewell is not None:
            with contextlib.suppress(Exception):
                _State.farewell()
        if os.isatty(2):
            _write("\r\x1b[?25h")  # a progress bar hides the cursor
        if _State.last_words is not None:
            _write(_State.last_words())
        _remove_temporaries()  # the main thread goes on meanwhile, and may have made one more
    finally:
        os._exit(128 + number)


def _remove_temporaries() -> None:
    # not imported here: the main thread may be importing it
    temporary = sys.modules.get("narrows.support.temporary")
    with contextlib.suppress(AttributeError):  # it is not all there yet, and has made nothing
        temporary.remove_temporaries()  # type: ignore[union-attr]


def _write(text: str) -> None:
    """A last line on standard error, if it takes one at once."""
    import select

    with contextlib.suppress(OSError, ValueError):
        if os.name == "nt" or select.select([], [2], [], 0)[1]:
            os.write(2, f"{text}\n".encode(errors="replace"))
