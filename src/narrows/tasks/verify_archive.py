"""An archive against its checksums, and against the data that it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from narrows.archive import Archive, TableArchive, open_archive
from narrows.archive.series import ArchiveSeries, is_index
from narrows.archive.tables import verify_table
from narrows.archive.verifying import verify
from narrows.data.read_options import ReadOptions
from narrows.data.tables import CsvOptions, is_table
from narrows.errors import ArchiveError, DataError, ShapeError
from narrows.support.number_text import count_of, readable
from narrows.support.progress import NOBODY, Listener, Note, Tracker
from narrows.support.text_tables import Shown, Told
from narrows.tasks.loading import load_array

# Damaged archives of many of which a message says what is wrong.
_SHOWN = 3


@dataclass(frozen=True)
class Verified(Shown):
    """An archive that is whole, and what was found: a text for people, values for machines."""

    found: str
    found_values: Mapping[str, Any]

    def told(self) -> Told:
        """What was found."""
        return [self.found]

    def values(self) -> dict[str, Any]:
        """For machines."""
        return dict(self.found_values)


def verify_archive(
    path: Path,
    against: str | None = None,
    *,
    model: Path | None = None,
    max_bytes: float | None = None,
    reading: ReadOptions | None = None,
    listener: Listener = NOBODY,
) -> Verified:
    """Decode all of an archive and compare it with its checksums, or with its data too.

    Args:
        path: the archive, or an index of several.
        against: what it was made of, as ``load_data`` takes it; of an index the folder or the
            pattern.
        model: of codes, what it was written with, if that is not in the archive.
        max_bytes: the most bytes of values that are read.
        reading: how ``against`` is read.
        listener: told what a user should know of how the data were read.

    Raises:
        ArchiveError: it is damaged, or a value is further from its original than it may be.
        ShapeError: the data are of another shape or kind.
    """
    reading = reading or ReadOptions()
    if is_index(path):
        said = {"model": model, "max_bytes": max_bytes}
        return _verified_series(path, against, said, reading=reading, listener=listener)
    with open_archive(path, model=model) as archive:
        archive.require_items_within(len(archive), max_bytes)
        if against is not None:
            _check_same_kind(isinstance(archive, TableArchive), against)
        if isinstance(archive, TableArchive):
            return _verified_table(archive, against, reading.csv, listener.track)
        items = None
        if against is not None:
            items = _originals(archive, against, reading, listener)
        return _verified_array(archive, against, items, listener.track)


def _verified_series(
    path: Path,
    against: str | None,
    said: Mapping[str, Any],
    *,
    reading: ReadOptions,
    listener: Listener,
) -> Verified:
    """All archives that an index names, each by itself, and each with the file that it is of.

    Args:
        against: the folder or the pattern that was compressed.
        said: of each archive, as :func:`verify_archive` takes it.

    Raises:
        ArchiveError: some are damaged, or not of their files, or those cannot be read; all of them
            are counted, and the first named.
        ShapeError: they are not the archives of these files.
    """
    wrong, unread, values = list[str](), list[str](), 0
    with ArchiveSeries(path, damaged_too=True, model=said["model"]) as series:
        paths = [series.path(entry) for entry in series.entries]
        sources: dict[Path, str | None] = dict.fromkeys(paths)
        if against is not None:
            sources = _sources(path, paths, against, listener.note)
        with listener.track("verifying", total=len(paths), unit="archives") as advance:
            for number, (each, source) in enumerate(sources.items()):
                own = reading if source is None else reading.images_if_folder(source)
                try:
                    series.require_whole(number)
                    try:
                        found = verify_archive(each, source, reading=own, **said)
                    except ShapeError:
                        raise
                    except DataError as error:  # the archive may be whole all the same
                        unread.append(error.message)
                        found = verify_archive(each, **said)
                    values += found.values()["values"]
                except (ArchiveError, ShapeError) as error:
                    wrong.append(error.message)
                advance(1)
    _require_none(wrong, unread, f"{count_of(len(paths), 'archives')} of {path}", against)
    text = f"{path} and its {count_of(len(paths), 'archives')} are whole: "
    text += f"the checksums of {count_of(values, 'values')} match"
    if against is not None:
        text += f", and none is further from {against} than it may be"
    told = {"archive": str(path), "archives": len(paths), "values": values, "against": against}
    return Verified(text, told)


def _require_none(wrong: list[str], unread: list[str], of: str, against: str | None) -> None:
    """Tell what is wrong with archives, and with the files that they are of."""
    what = "whole" if against is None else f"whole, or not of {against}"
    hint = "compress their files again, or read what is left with decompress --skip-damaged"
    parts = [(f"{len(wrong):,} of the {of} are not {what}", wrong)]
    if unread:
        parts.append((f"{count_of(len(unread), 'files')} of {against} cannot be read", unread))
        hint = "mend the files, or verify the archives alone, without --against"
    told = [
        f"{about}: {'; '.join(some[:_SHOWN])}"
        + (f"; and {len(some) - _SHOWN:,} more" if len(some) > _SHOWN else "")
        for about, some in parts
        if some
    ]
    if told:
        raise ArchiveError("; and ".join(told), hint=hint)


def _sources(index: Path, archives: list[Path], against: str, note: Note) -> dict[Path, str | None]:
    """The file that each archive is of."""
    # which load more than one archive needs
    from narrows.tasks.many_files.jobs import CompressFiles
    from narrows.tasks.many_files.places import places_of

    places = places_of(against, index.parent, CompressFiles(), note)
    found = {place.out: str(place.source) for place in places}
    for archive in archives:
        if archive not in found:
            raise ShapeError(
                f"{index} names {archive.name}, and {against} has no file of this name",
                hint="give the folder or the pattern that was compressed",
            )
    for archive in found.keys() - set(archives):
        raise ShapeError(
            f"{index} names no archive of {found[archive]}",
            hint="give the folder or the pattern that was compressed",
        )
    return {archive: found[archive] for archive in archives}


def _verified_array(
    archive: Archive, against: str | None, items: np.ndarray | None, track: Tracker
) -> Verified:
    found, bound, name = verify(archive, items, track=track), archive.bound, archive.name
    if found.largest is None:
        text = f"{name} is whole: the checksums of {count_of(found.values, 'values')} match"
    elif bound is None:
        text = (
            f"{name} is whole, and as far from {against} as it says: largest error "
            f"{readable(found.largest)}, mean squared error {readable(found.mean_square or 0.0)}"
        )
    elif bound:
        text = (
            f"{name} is whole, and no value is further than {readable(found.largest)} from "
            f"{against}, where {readable(bound)} is allowed"
        )
    else:
        text = f"{name} is whole, and {_are_those(found.values)} of {against}"
    values = {
        "archive": name,
        "values": found.values,
        "bound": bound,
        "against": against,
        "largest_error": found.largest,
        "mean_squared_error": found.mean_square,
    }
    return Verified(text, values)


def _are_those(count: int) -> str:
    return "its only value is that" if count == 1 else f"all {count:,} values are those"


def _verified_table(
    archive: TableArchive, against: str | None, csv: Mapping[str, Any], track: Tracker
) -> Verified:
    CsvOptions.of(csv).require_as_written()
    found, name = verify_table(archive, against, csv=csv, track=track), archive.name
    if found.largest is None:
        text = f"{name} is whole: the checksums of {count_of(found.values, 'values')} match"
    elif not found.largest:
        text = f"{name} is whole, and {_are_those(found.values)} of {against}"
        if found.text_exact:
            text += ", and so is every byte of its text"
    else:
        bounds = {column.name: column.bound for column in archive.layout.columns}
        lines = [
            f"  {column}: largest error {readable(error)}, where {readable(bounds[column])} is "
            "allowed"
            for column, error in found.largest.items()
        ]
        told = f"{name} is whole, and no value of {against} is further off than it may be"
        text = "\n".join([told, *lines])
    values = {
        "archive": name,
        "values": found.values,
        "against": against,
        "text_exact": found.text_exact,
        "largest_error": None if found.largest is None else dict(found.largest),
    }
    return Verified(text, values)


def _check_same_kind(of_table: bool, against: str) -> None:
    """Make sure that a table is compared with a table, and an array with an array."""
    if of_table != is_table(against):
        kinds = ("a table", "an array") if of_table else ("an array", "a table")
        raise ShapeError(
            f"the archive holds {kinds[0]}, and {against} is {kinds[1]}",
            hint="give the data that it was made of",
        )


def _originals(
    archive: Archive,
    against: str,
    reading: ReadOptions,
    listener: Listener,
) -> np.ndarray:
    """What an archive was made of: images changed as it says, under the same names."""
    files = archive.files
    if files is not None and Path(against).is_dir():
        images = reading.images.over(files.options)
        reading = replace(reading, images=images)
        if images.changes:
            listener.note(f"{archive.name} holds images that were changed: {images.described()}")
    upright = archive.bound is None
    data = load_array(against, reading, upright=upright, listener=listener)
    if files is None or data.files is None:
        return data.items
    for number, (kept, there) in enumerate(zip(files.names, data.files.names, strict=False)):
        if kept != there:
            raise ArchiveError(
                f"{archive.name} has {kept} as item {number:,}, and {against} has {there}",
                hint="give the folder that it was made of",
            )
    if (files.orientations, files.colours) != (data.files.orientations, data.files.colours):
        raise ArchiveError(
            f"{archive.name} holds images that are turned otherwise than those of {against}, or of "
            "other colours",
            hint="give the folder that it was made of",
        )
    return data.items
