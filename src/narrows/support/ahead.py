"""Work that threads do ahead of whoever takes its results, which come in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    ahead: Callable[[], int],
) -> Generator[Result, None, None]:
    """What ``work`` makes of each item, in their order.

    Args:
        work: called by so many ``threads``; by the caller where there is only one, or where the
            system starts no more.
        items: asked for one by one, when their work is to begin.
        ahead: how many results may be there, or begun, before the first of them is taken; asked
            each time.

    Raises:
        Exception: what ``work`` raised, in the place of its result. Nothing new is begun then, nor
            when the caller ends early.
    """
    if threads < 2:
        yield from map(work, items)
        return
    begun = deque[Callable[[], Result]]()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            begun.append(_begun(pool, work, item))
            while len(begun) >= max(ahead(), 1):
                yield begun.popleft()()
        while begun:
            yield begun.popleft()()
    finally:
        pool.shutdown(cancel_futures=True)


class OneAhead(Generic[Item, Result]):
    """A thread does the next piece of work while the caller uses what came of the last."""

    def __init__(self, work: Callable[[Item], Result]) -> None:
        self._work, self._pool = work, ThreadPoolExecutor(1)
        self._next: tuple[Item, Callable[[], Result]] | None = None

    def take(self, item: Item, following: Item | None) -> Result:
        """What the work makes of ``item``, which may have begun; that of ``following`` begins.

        Raises:
            Exception: what the work on ``item`` raised.
        """
        begun, self._next = self._next, None
        result = begun[1]() if begun is not None and begun[0] == item else self._work(item)
        if following is not None:
            self._next = following, _begun(self._pool, self._work, following)
        return result

    def close(self) -> None:
        """Begin nothing more, and wait for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _begun(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], item: Item
) -> Callable[[], Result]:
    """Gives the result, which a thread works on already, where there is one."""
    try:
        return pool.submit(work, item).result
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        return lambda: work(item)
