"""A job done to each of many files, by several processes, whatever becomes of one of them."""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from narrows.errors import NarrowsError, UsageError
from narrows.support import arguments, memory
from narrows.support.files import is_standard_output
from narrows.support.inputs import cannot_be_read
from narrows.support.locking import held_folder
from narrows.support.number_text import count_of, listed, without_numbers
from narrows.support.progress import NOBODY, Listener, Note
from narrows.support.spelling import as_command_line
from narrows.support.temporary import made_folder, remove_left_overs
from narrows.support.workers import Lost, in_processes
from narrows.tasks.many_files.jobs import FileJob, Work
from narrows.tasks.many_files.places import Place, places_of
from narrows.tasks.many_files.record import Record, begin_record
from narrows.version import __version__


@dataclass(frozen=True, kw_only=True)
class FilesDone:
    """What became of many files.

    Attributes:
        out: the folder of results.
        written: the results that were written now, in the order of their files.
        kept: those that were there already.
        failed: why files have none, by their paths.
        hint: what to do about it, where that is one thing for all.
        index: a file by which all results are read as one, or
        is_one: named, where they are no one data set.
    """

    out: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    failed: dict[str, str]
    hint: str | None = None
    index: Path | None = None
    is_one: bool = True

    def text(self) -> str:
        """The same for people."""
        were = "was" if len(self.kept) == 1 else "were"
        kept = f"; {len(self.kept):,} {were} there already" if self.kept else ""
        index = f"; {self.index} stands for all" if self.index else ""
        if not self.is_one:
            index = (
                f"; {self.index} names all, for info and verify. They are not one data set: "
                "decompress each by itself"
            )
        return f"wrote {count_of(len(self.written), 'files')} to {self.out}{kept}{index}"

    def values(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "out": str(self.out),
            "written": [str(path) for path in self.written],
            "kept": [str(path) for path in self.kept],
            "failed": self.failed,
            "index": None if self.index is None else str(self.index),
            "index_is_one_data_set": None if self.index is None else self.is_one,
        }

    def require_all(self) -> None:
        """Make sure that every file has its result.

        Raises:
            NarrowsError: some have none.
        """
        count = len(self.failed)
        if count:
            total = count + len(self.written) + len(self.kept)
            to_do = self.hint or "mend what is said of each"
            raise NarrowsError(
                f"{count:,} of {count_of(total, 'files')} {'has' if count == 1 else 'have'} no "
                f"result in {self.out}",
                hint=f"{to_do}; the same command then does what is missing",
            )


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A job, and a file that it is done to, by the same version of narrows."""

    job: FileJob
    source: str
    out: str
    modified: int
    version: str = __version__


def _task(job: FileJob, place: Place) -> _Task:
    # without a slash the name of a folder may end in what looks like a kind of file
    slash = "" if job.suffix(place.source) else os.sep
    return _Task(
        job=job,
        source=job.path(place.source),
        out=job.path(place.out) + slash,
        modified=place.modified,
    )


@dataclass(frozen=True)
class _Outcome:
    """What became of a file: notes on it, or why it failed."""

    notes: tuple[str, ...] = ()
    failure: str | None = None
    hint: str | None = None

    def naming(self, there: str, here: str) -> "_Outcome":
        """With the file that was ``there`` called as the user calls it."""
        failure = None if self.failure is None else self.failure.replace(there, here)
        notes = tuple(text.replace(there, here) for text in self.notes)
        return replace(self, notes=notes, failure=failure)


#: Does tasks by a function of a module: the number of each, and what became of it.
_Through = Callable[
    [Callable[[_Task], _Outcome], Sequence[_Task]],
    Generator[tuple[int, _Outcome | Lost], None, None],
]


def run_files(
    job: FileJob,
    source: str,
    out: Path,
    *,
    workers: int | None = None,
    dask: str | None = None,
    listener: Listener = NOBODY,
) -> FilesDone:
    """Do a job to each file of a folder or a pattern, with a result for each in a folder.

    A result is there as a whole or not at all, and has the time of its file. One that is there with
    this time is kept: the same call again does what is missing. A file that fails is told, and the
    others go on.

    Args:
        job: what is done to each.
        source: a folder, a pattern such as ``part-*.npy``, or a file.
        out: the folder, which is new, empty, or of an earlier run of the same job.
        workers: how many processes of this machine do it; or
        dask: the address of the scheduler of a Dask cluster whose workers do it. They reach all
            files under the same paths.
        listener: told how many files are done, what to know of them, and of each that failed.

    Raises:
        NarrowsError: nothing can be done, whatever is in the files.
        OutputError: another run writes to the folder.
    """
    through = _chosen(workers, dask, listener.note)
    if is_standard_output(out):
        raise UsageError("the results of many files are no stream", hint="name a folder with --out")
    if dask is not None:
        job = job.anywhere()
    job = job.settled()
    places = places_of(source, out, job, listener.note)
    with contextlib.ExitStack() as held:
        held.enter_context(held_folder(out, "wait until it has ended, or name another folder"))
        results = {place.out: place.modified for place in places}
        index = None if job.index_name is None else out / job.index_name
        if index is not None:
            results[index] = max(results.values())
        record = begin_record(out, job.settings(), results)
        _say_others(record.others(results), source, out, listener.note)
        for folder in sorted({place.out.parent for place in places}):
            held.enter_context(made_folder(folder))
            held.callback(remove_left_overs, folder)  # of a process that was killed meanwhile
        found = _run(job, places, out, through, listener)
        if found.failed:
            failed = [place.out for place in places if str(place.source) in found.failed]
            # only now: what is broken off leaves everything as it was
            _remove_old(failed, index, record, listener.note)
        elif index is not None:
            is_one = job.write_index(index, [place.out for place in places], listener.track)
            with contextlib.suppress(OSError):  # it is known by this time, and useful without
                os.utime(index, ns=(results[index], results[index]))
            found = replace(found, index=index, is_one=is_one)
        record.end(results)
        return found


def _chosen(workers: int | None, dask: str | None, note: Note) -> "_Through":
    """Who does it."""
    if (workers is None) == (dask is None):
        raise UsageError(
            "many files are done by processes of this machine or by a Dask cluster",
            hint="give either --workers or --dask",
        )
    if dask is not None:
        from narrows.support.dask_workers import on_dask

        return partial(on_dask, address=dask, note=note)
    count = arguments.required_whole("workers", workers)
    if count < 1:
        raise UsageError(f"--workers is {count}, and must be at least 1", hint="give 1 or more")
    return partial(in_processes, count=count)


def _run(
    job: FileJob,
    places: list[Place],
    out: Path,
    through: "_Through",
    listener: Listener,
) -> FilesDone:
    done = [place.is_done() for place in places]
    left = [place for place, is_done in zip(places, done, strict=True) if not is_done]
    kept = tuple(place.out for place, is_done in zip(places, done, strict=True) if is_done)
    tasks = [_task(job, place) for place in left]
    failed, notes = dict[int, _Outcome](), _Notes(listener.note)
    with listener.track(job.label, total=len(places), unit="files") as advance:
        advance(len(kept))
        with contextlib.closing(through(_do, tasks)) as results:
            for number, found in results:
                file = str(left[number].source)
                outcome = _LOST if isinstance(found, Lost) else found
                outcome = outcome.naming(tasks[number].source, file)
                if outcome.failure is not None:
                    failed[number] = outcome
                    notes.failure(file, outcome.failure)
                notes.add(file, outcome.notes)
                advance(1)
    notes.end()
    hints = {outcome.hint for outcome in failed.values()}
    return FilesDone(
        out=out,
        written=tuple(place.out for number, place in enumerate(left) if number not in failed),
        kept=kept,
        failed={str(left[number].source): str(failed[number].failure) for number in sorted(failed)},
        hint=hints.pop() if len(hints) == 1 else None,
    )


def _say_others(others: list[str], source: str, out: Path, note: Note) -> None:
    """Say which results are of files that are not among DATA."""
    if others:
        count = count_of(len(others), "results")
        note(f"{out} also holds {count} of files that are not in {source}: {listed(others)}")


def _remove_old(failed: list[Path], index: Path | None, record: Record, note: Note) -> None:
    """Remove the known results whose files have failed now, and the index of all; say what became
    of whatever is there."""
    if removed := record.remove(failed):
        note(f"removed, because DATA has changed since: {listed(removed)}")
    indices = [] if index is None else [index]
    if record.remove(indices):
        note(f"removed {index}: not all archives are there")
    left = [str(path) for path in [*failed, *indices] if os.path.lexists(path)]
    if left:
        note(f"left, but not known to be of what DATA holds now: {listed(left)}")


_LOST = _Outcome(
    failure="the process that worked on it was killed, as the system does where memory ends",
    hint="take fewer workers, or smaller files",
)

# The job that this process has opened, with what does it; a process does one at a time.
_opening = threading.Lock()
_opened: tuple[str, Work] | None = None


def _do(task: _Task) -> _Outcome:
    """Do a job to a file, in whatever process this is."""
    notes = list[str]()
    if task.version != __version__:
        return _Outcome(
            failure=f"the worker has narrows {__version__}, and was asked by {task.version}",
            hint="install the same version for all workers",
        )
    try:
        with as_command_line():  # which alone does many files, and runs elsewhere
            _work_of(task.job)(task.source, task.out, Listener(note=notes.append))
        with contextlib.suppress(OSError):  # it would be done again the next time
            os.utime(task.out, ns=(task.modified, task.modified))
    except Exception as error:
        known = _known(error)
        return _Outcome(tuple(notes), known.message, known.hint)
    return _Outcome(tuple(notes))


def _work_of(job: FileJob) -> Work:
    """What does a job, opened once for all its files and threads."""
    global _opened
    key = repr(job)
    with _opening:
        if _opened is None or _opened[0] != key:
            _opened = key, job.opened()
        return _opened[1]


def _known(error: Exception) -> NarrowsError:
    """What is said of an error."""
    if isinstance(error, NarrowsError):
        return error
    shortage = memory.explained(error, "take fewer workers, or smaller files")
    if shortage is None and isinstance(error, OSError) and error.filename:
        return cannot_be_read(error.filename, error)
    return shortage or NarrowsError(
        f"narrows failed where it should not: {type(error).__name__}: {error}",
        hint="do it to this file alone with --debug and report what it shows",
    )


class _Notes:
    """Says of many files what there is to know; of several that differ in numbers only, once.

    Args:
        note: told each sentence.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._first, self._same = dict[str, str](), Counter[str]()

    def failure(self, file: str, why: str) -> None:
        """Say why a file has no result."""
        self._note(why if file in why else f"{file}: {why}")

    def add(self, file: str, notes: tuple[str, ...]) -> None:
        """Say what was noted of a file, if it is said for the first time."""
        for text in notes:
            kind = without_numbers(text.replace(file, ""))
            self._same[kind] += 1
            if self._same[kind] == 1:
                self._first[kind] = text if file in text else f"{file}: {text}"
                self._note(self._first[kind])

    def end(self) -> None:
        """Say of how many files more it was true."""
        for kind, count in self._same.items():
            if count > 1:
                files = count_of(count - 1, "more files")
                self._note(f"{files} with numbers of their own: {self._first[kind]}")
