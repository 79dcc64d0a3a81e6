"""Which files a job is done to one by one, and where the result of each goes."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from narrows.data.image_reading import image_suffixes
from narrows.data.parts import part_files
from narrows.data.sources import BUILT_IN, read_errors_explained
from narrows.errors import DataError, UsageError
from narrows.support.progress import Note
from narrows.tasks.many_files.jobs import FileJob

# What packs a file, whose name says before it what is in it.
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")

# What file systems round the time of a file down to, in ns.
_TIMES_IN = (1, 100, 10**3, 10**6, 10**7, 10**9, 2 * 10**9)


@dataclass(frozen=True)
class Place:
    """A file, or a folder of images, and where its result goes.

    Attributes:
        source: its path.
        out: that of the result.
        modified: when the source was last written to, in ns.
    """

    source: Path
    out: Path
    modified: int

    def is_done(self) -> bool:
        """Whether the result is there, and of what is in the source now: it has the time of what it
        was made of, so that no clock is asked, which may jump."""
        return has_time(self.out, self.modified)


def has_time(path: Path, modified: int) -> bool:
    """Whether a file or folder is there with this time, as its file system keeps it."""
    try:
        found = path.stat().st_mtime_ns
    except OSError:
        return False
    return any(found == modified - modified % unit for unit in _TIMES_IN)


def places_of(source: str, out: Path, job: FileJob, note: Note) -> list[Place]:
    """The files of a folder or a pattern in natural order, and a place in ``out`` for the result of
    each, under the same folders. Images that lie in one folder are one data set.

    Raises:
        DataError: there is none.
        UsageError: ``source`` is no file, all of it lies in ``out``, or two results would be one
            file.
    """
    if source in BUILT_IN:
        raise UsageError(
            f"DATA {source} is no file, and --workers and --dask are for many files",
            hint="name a folder, or a pattern such as 'part-*.npy', or leave them out",
        )
    with read_errors_explained(source):
        parts = part_files(source)
        own = Path(os.path.realpath(out))
        found = defaultdict[Path, list[Path]](list)
        images = image_suffixes()
        for path in parts.files:
            if own not in Path(os.path.realpath(path)).parents:  # what an earlier run wrote
                is_image = path.suffix.lower() in images
                found[path.parent if is_image else path].append(path)
        if not found and parts.files:
            raise UsageError(
                f"all files of {source} lie in --out {out}, where results are no data",
                hint="name another folder with --out",
            )
        if not found:
            raise DataError(
                f"there is no file {source}" if not parts.passed_over else parts.note(),
                hint="name a folder with data, or a pattern such as 'part-*.npy' in quotes",
            )
        if parts.passed_over:
            note(parts.note())
        base = parts.base if Path(source).is_dir() or parts.base != Path(source) else None
        places = [
            Place(
                path,
                out / _name(path, base, job.suffix(path)),
                max(each.stat().st_mtime_ns for each in held),
            )
            for path, held in found.items()
        ]
    _require_apart(places)
    return places


def _name(path: Path, base: Path | None, suffix: str) -> Path:
    """What a result is called: as its source, with another suffix; ``images`` of the folder that
    DATA itself is."""
    name = Path(path.name) if base is None else path.relative_to(base)
    if name == Path():
        name = Path(path.resolve().name or "images")
    if path.is_dir():
        return name.with_name(name.name + suffix)
    stem = name.name
    for packed in _PACKED:
        if stem.lower().endswith(packed) and stem.count(".") > 1:
            stem = stem[: -len(packed)]
    return name.with_name((Path(stem).stem if "." in stem else stem) + suffix)


def _require_apart(places: list[Place]) -> None:
    """Make sure that no two results are one file, also where names know no capitals, and that none
    is in another one's place."""
    taken = dict[str, Place]()
    for place in places:
        other = taken.setdefault(str(place.out).casefold(), place)
        if other is not place:
            raise UsageError(
                f"the results of {other.source} and of {place.source} would both be {place.out}",
                hint="give the files different names, or take one kind of them by a pattern",
            )
