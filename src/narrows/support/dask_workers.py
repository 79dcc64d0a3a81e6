"""Work on many things at once by the workers of a Dask cluster.

Dask is looked for only where it is asked for. It does again what a lost worker had begun.
"""

import contextlib
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from narrows.errors import NarrowsError, UsageError
from narrows.support.progress import Note, unheard
from narrows.support.workers import Lost

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")

# What each thread of the cluster has before it of tasks, so that it need not wait for the next.
_AHEAD = 2
_ANSWERS_SECONDS = 20
# How often workers are looked at where nothing is done, and whether something is.
_LOOK_SECONDS, _POLL_SECONDS = 10.0, 0.1


def on_dask(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    address: str,
    *,
    note: Note = unheard,
) -> Generator[tuple[int, Result | Lost], None, None]:
    """As :func:`narrows.support.workers.in_processes`, by the workers of a cluster.

    Args:
        function: of a module that workers have, as are the types of tasks and results; it raises
            nothing.
        address: of the scheduler: ``tcp://host:8786``, or ``host:8786``.
        note: told where there is no worker, at first or any more.

    Raises:
        UsageError: Dask is not installed.
        NarrowsError: no scheduler answers, or answers no more; workers cannot do it.
    """
    left, name = deque(range(len(tasks))), uuid.uuid4().hex
    with _connected(address) as client:
        from distributed import KilledWorker, as_completed

        has_worker = True

        def threads() -> int:
            nonlocal has_worker
            count = sum(client.nthreads().values())
            if has_worker and not count:
                note(f"the Dask scheduler at {address} has no worker: waiting for one")
            has_worker = bool(count)
            return count

        begun, done = dict[Any, int](), as_completed(loop=client.loop)
        while left or begun:
            most = _AHEAD * max(threads(), 1)
            for _ in range(min(most - len(begun), len(left))):
                number = left.popleft()
                key = f"narrows-{name}-{number}"
                future = client.submit(function, tasks[number], key=key, pure=False)
                begun[future] = number
                done.add(future)
            future = _following(done, threads)
            if future.status in ("lost", "pending"):  # with its worker: another one does it again
                done.add(future)
                continue
            number = begun.pop(future)
            if future.status == "finished":
                yield number, future.result()
                continue
            error = future.exception() if future.status == "error" else None
            if isinstance(error, KilledWorker):
                yield number, Lost()
                continue
            raise _cannot_go_on(address, error)


def _following(done: Any, look: Callable[[], object]) -> Any:
    """The next that is done, with a look at the workers from time to time: all may be gone."""
    until = time.monotonic() + _LOOK_SECONDS
    while not done.has_ready():
        with done.thread_condition:
            done.thread_condition.wait(_POLL_SECONDS)
        if time.monotonic() > until:
            look()
            until = time.monotonic() + _LOOK_SECONDS
    return next(done)


def _cannot_go_on(address: str, error: BaseException | None) -> NarrowsError:
    if error is None:
        return NarrowsError(
            f"the Dask scheduler at {address} answers no more",
            hint="start it again, and the same command, which does what is missing",
        )
    return NarrowsError(
        f"a Dask worker cannot do it: {type(error).__name__}: {error}",
        hint="install the same version of narrows for all workers",
    )


@contextlib.contextmanager
def _connected(address: str) -> Iterator["Client"]:
    """A client of the cluster, whose own words about a lost connection are not shown."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--dask needs Dask, and {error.name} is not installed",
            hint="pip install 'narrows[dask]'",
        ) from error
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        try:
            client = Client(address, timeout=_ANSWERS_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise NarrowsError(
                f"no Dask scheduler answers at {address}: {error}",
                hint="give the address that dask scheduler shows, such as tcp://host:8786",
            ) from error
        with client:
            try:
                yield client
            # a future that is done loses its result where the scheduler ends before it is fetched
            except (OSError, CancelledError) as error:
                if isinstance(error, NarrowsError):
                    raise
                raise _cannot_go_on(address, None) from error
    finally:
        log.setLevel(before)
