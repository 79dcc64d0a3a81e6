"""What a disturbed command left behind, held against what it leaves undisturbed.

Nothing here asks narrows: files are compared byte by byte with those of an undisturbed run, and
where a run's files differ from time to time (they say how long it took), by their format.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LOST, LEFT, TRACEBACK, HANG, CODE = KINDS = (
    "work lost",
    "files left",
    "tracebacks",
    "hangs",
    "wrong exit codes",
)
#: A fault: one of :data:`KINDS`, and what it is.
Fault = tuple[str, str]

#: What lies at an output's place before the command, in half of the trials.
EARLIER = b"an earlier file, complete\n" * 40

_CRASHES = (
    "Fatal Python error",
    "LLVM ERROR",
    "terminate called",
    "Exception ignored in",
    "Exception in thread",
)
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Reference:
    """What a command leaves undisturbed.

    Attributes:
        files: by the path in the output folder, each file's bytes; None where two runs differ.
        epochs: lines of each ``history.jsonl``, by its path.
        output: what it printed to standard output.
        seconds: processor time that it took.
        size: bytes of all its files.
        largest: bytes of the largest of them.
    """

    files: Mapping[str, bytes | None]
    epochs: Mapping[str, int]
    output: str
    seconds: float
    size: int
    largest: int

    def renamed(self, stem: str, other: str) -> "Reference":
        """The same of a command whose output is called otherwise."""

        def named(found: Mapping[str, Any]) -> dict[str, Any]:
            return {other + name.removeprefix(stem): each for name, each in found.items()}

        return replace(self, files=named(self.files), epochs=named(self.epochs))


def files_in(folder: Path) -> dict[str, bytes]:
    """The bytes of all files in a folder, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def reference(first: Path, second: Path, output: str, seconds: float) -> Reference:
    """What two undisturbed runs left: exact bytes where both agree."""
    one, two = files_in(first), files_in(second)
    files = {name: content if two.get(name) == content else None for name, content in one.items()}
    sizes = [len(content) for content in one.values()]
    epochs = {name: each.count(b"\n") for name, each in one.items() if name.endswith(".jsonl")}
    return Reference(files, epochs, output, seconds, sum(sizes), max(sizes, default=0))


def is_whole(name: str, content: bytes, expected: Reference) -> bool:
    """Whether a file is one that an undisturbed run leaves."""
    known = expected.files.get(name)
    if known is not None:
        return content == known
    if name.endswith(".jsonl"):
        return _epochs(content) == list(range(1, expected.epochs.get(name, 0) + 1))
    return name in expected.files and has_its_format(name, content)


def has_its_format(name: str, content: bytes) -> bool:
    """Whether a file can be read to its end, by its suffix."""
    if name.endswith(".jsonl"):
        epochs = _epochs(content)
        return epochs == list(range(1, len(epochs) + 1)) != []
    if name.endswith(".safetensors"):
        return _is_tensor_file(content)
    if name.endswith(".png"):
        return content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")
    if name.endswith(".html"):
        return content.rstrip().endswith(b"</html>")
    return bool(content)


def _epochs(content: bytes) -> list[int]:
    """The epochs of a history; empty if a line is not whole."""
    if not content.endswith(b"\n"):
        return []
    try:
        return [json.loads(line)["epoch"] for line in content.splitlines()]
    except (ValueError, KeyError, TypeError):
        return []


def _is_tensor_file(content: bytes) -> bool:
    """Whether the arrays that a safetensors file names end where the file does."""
    try:
        (size,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + size])
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
    except (struct.error, ValueError, KeyError, TypeError):
        return False
    return len(content) == 8 + size + max(ends, default=0)


def complete(folder: Path, expected: Reference, said: str = "") -> Iterator[Fault]:
    """What of a finished result is missing, or not as it must be.

    Args:
        said: what the command said, where a disk was full: pictures and history of a run that it
            could not write, and named with the reason, are not lost.
    """
    found = files_in(folder)
    excused = {name for name in expected.files if "/" in name and _is_told(name, said)}
    absent = [name for name in expected.files if name not in found and name not in excused]
    both = sorted(found.keys() & expected.files.keys() - excused)
    other = [name for name in both if not is_whole(name, found[name], expected)]
    if absent:
        told = f" and it said {said[-500:]!r}" if said else ""
        yield LOST, f"not written: {_named(absent)}{told}"
    if other:
        yield LOST, f"not what an undisturbed run writes: {_named(other)}"


def _is_told(name: str, said: str) -> bool:
    """Whether a line says that a file could not be written, and why."""
    reasons = ("cannot be written: ", "was not written: ", "was not drawn: ")
    return any(f"{name} {reason}" in line for line in said.splitlines() for reason in reasons)


def _named(names: Sequence[str]) -> str:
    """The first of some files, and how many more there are."""
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def nothing_broken(
    folder: Path, expected: Reference, earlier: Mapping[str, bytes]
) -> Iterator[Fault]:
    """What is half, or destroyed, in the folder of a command that did not finish.

    Args:
        earlier: the bytes of the files that were there before.
    """
    found = files_in(folder)
    yield from (
        (LOST, f"the earlier {name} is gone") for name in sorted(earlier) if name not in found
    )
    for name, content in found.items():
        if _is_hidden(name) or content == earlier.get(name):
            continue
        known = expected.files.get(name, content)
        may_be = known is None and has_its_format(name, content)
        if not (is_whole(name, content, expected) or may_be or _is_record(name, content, known)):
            yield LOST, f"{name} is neither the earlier file nor a whole one"


def _is_record(name: str, content: bytes, known: bytes | None) -> bool:
    """Whether a file is what a folder of results says of the job that makes them, of which not all
    are there yet."""
    if not name.endswith("_narrows.json") or known is None:
        return False
    try:
        jobs = [json.loads(each) for each in (content, known)]
    except ValueError:
        return False
    lists = [job.pop(name, None) for job in jobs for name in ("results", "begun")]
    return all(isinstance(each, dict) for each in lists) and jobs[0] == jobs[1]


def left_over(folder: Path) -> Iterator[Fault]:
    """Hidden files and folders, each counted once with all that is in it."""
    for path in sorted(folder.rglob(".*")):
        inside = path.relative_to(folder)
        if not _is_hidden(inside.parent.as_posix()):
            yield LEFT, _kind_of_name(inside.as_posix())


def left_temporary(folder: Path) -> Iterator[Fault]:
    """Whatever is in a folder that was given to a command as TMPDIR."""
    for path in sorted(folder.iterdir()):
        yield LEFT, f"TMPDIR: {_kind_of_name(path.name)}"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part != "." for part in name.split("/"))


def _kind_of_name(name: str) -> str:
    """A temporary name, readable and without line breaks."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")[:80]


def said_badly(said: str) -> Iterator[Fault]:
    """Tracebacks and aborts in what a command said.

    What stopped the interpreter before it came to narrows is none of narrows' doing.
    """
    _, traceback, frames = said.partition(_TRACEBACK)
    if traceback and "narrows" in frames:
        yield TRACEBACK, frames.strip().splitlines()[-1][:160]
    for crash in _CRASHES:
        if crash in said:
            yield TRACEBACK, said[said.index(crash) :].splitlines()[0][:160]


def failed_badly(code: int, said: str, readable: bool = True) -> Iterator[Fault]:
    """What is wrong with how a command that may fail did so.

    Args:
        code: its exit code, negative for a signal.
        said: what it said to standard error.
        readable: whether standard error was there to take it.
    """
    if code not in (0, 1):
        yield CODE, f"ended with {code} instead of 0 or 1"
    elif code == 1 and readable and "error:" not in said and _TRACEBACK not in said:
        yield CODE, "ended with 1 and said no error"
