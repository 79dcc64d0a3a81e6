"""What archives of the measured items take, and what all of them come to as error over bytes."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np

from narrows.archive import SizeBreakdown, write_archive
from narrows.archive.opening import opened
from narrows.baselines.image_codecs import (
    IMAGE_CODECS,
    CodecPoint,
    measure_image_codecs,
    no_image_codecs,
)
from narrows.data import Dataset
from narrows.errors import NarrowsError
from narrows.report.comparison.result import ArchiveRow, BytesPoint, Kind
from narrows.report.measures import psnr
from narrows.support.chunks import drawn_places
from narrows.support.number_text import three_digits
from narrows.support.progress import Listener
from narrows.tasks.codes_archive import train_rounded, write_codes_only
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts
from narrows.tasks.duration import timed_training
from narrows.tasks.options import CompareOptions

#: The largest errors of bounded archives, as shares of the range of the values.
BOUNDS = ("1%", "3%", "10%")
LOSSLESS = "lossless"
CODES = "codes only"
# What people call methods of archives.
_METHODS = {
    "jpeg-xl": "JPEG XL",
    "png": "PNG",
    "webp": "WebP",
    "zstd": "Zstandard",
    "zlib": "gzip's method",
}
#: What people call our archives beside other programs.
COMMAND, CODES_COMMAND = "narrows compress", "narrows compress --codes-only"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What was measured of ways to store items.

    Attributes:
        points: error over bytes.
        rows: the archives among them.
        count: items that were archived.
        raw_bytes: of these as they are.
        notes: what was left out and why, on how many items what was measured, in sentences.
    """

    points: tuple[BytesPoint, ...]
    rows: tuple[ArchiveRow, ...]
    count: int
    raw_bytes: int
    notes: tuple[str, ...]


def stored_arrays(
    parts: Parts, candidates: Sequence[Candidate], options: CompareOptions, listener: Listener
) -> Stored:
    """Formats of images, archives, and codes, of some of the measured items."""
    some, rows = archived_items(parts, options.most_bytes), list[ArchiveRow]()
    peak = candidates[0].autoencoder.trained.described.peak
    points, notes = _image_formats(parts, options.codecs, peak, listener)
    for bound in (None, *(BOUNDS if options.bounds is None else options.bounds)):
        row = _archived(some, bound, listener)
        if row.name in [each.name for each in rows]:
            continue  # the bound is below the steps of whole numbers
        rows.append(row)
        points += archive_points(row, len(some), peak)
        if bound is None:
            points += filter(None, [_classical_point(row, len(some))])
    if options.codes:
        try:
            row = _codes_row(parts, some, options.epochs, listener)
            rows.append(row)
            points += archive_points(row, len(some), peak)
        except NarrowsError as error:
            notes.append(f"no archive of codes: {error.message}")
    points += [point for each in candidates for point in model_points(each, len(some))]
    return Stored(
        points=tuple(points),
        rows=tuple(rows),
        count=len(some),
        raw_bytes=some.items.nbytes,
        notes=tuple(notes),
    )


def _image_formats(
    parts: Parts, codecs: Sequence[str] | None, peak: float | None, listener: Listener
) -> tuple[list[BytesPoint], list[str]]:
    """Formats of images, and what to say of them."""
    if reason := no_image_codecs(parts.test.item_shape, parts.test.items.dtype):
        return [], [reason.rstrip(".")]
    found = measure_image_codecs(
        parts.test.items,
        parts.test.value_range,
        seed=parts.seed,
        codecs=[each for each in IMAGE_CODECS if codecs is None or each.name in codecs],
        track=listener.track,
    )
    notes = [f"{name} is left out: {why}" for name, why in found.left_out]
    notes.append(
        f"image formats are measured on {found.files:,} items with a file each, and on "
        f"{found.on_sheet:,} on one sheet"
    )
    return [_codec_point(each, peak) for each in found.points], notes


def archived_items(parts: Parts, most_bytes: int) -> Dataset:
    """The measured items, or some of them where they are many, drawn by the seed."""
    item_bytes = max(parts.test.items[:1].nbytes, 1)
    random = np.random.default_rng([parts.seed, _ARCHIVED_STREAM])
    most = max(most_bytes // item_bytes, 1)
    if len(parts.test) <= most:
        return parts.test
    return parts.test.rows(drawn_places(len(parts.test), most, random))


def _archived(some: Dataset, bound: str | None, listener: Listener) -> ArchiveRow:
    """An archive, written and opened again."""
    with tempfile.TemporaryFile() as file:
        written = write_archive(
            file, np.asarray(some.items), max_error=bound, name=some.name, track=listener.track
        )
        name = LOSSLESS if not written.bound else f"each value within {three_digits(written.bound)}"
        return _row(name, file, written, len(some))


def _row(name: str, file: IO[bytes], written: SizeBreakdown, count: int) -> ArchiveRow:
    """What an archive takes, as the file itself says."""
    file.seek(0)
    with opened(file, name) as archive:
        said: Any = archive.size_breakdown
    classical = written.classical if written.numbers is None else None
    method = "" if classical is None else _METHODS.get(classical.name, classical.name)
    about = "" if classical is None or not written.estimates(classical) else "about "
    size = None if classical is None else written.archive_size(classical)
    return ArchiveRow(
        name=name,
        total=said.total,
        item_bytes=said.total / max(count, 1),
        parts=dict(said.sizes),
        classical="" if size is None else f"{method}: {about}{size:,} bytes",
        classical_bytes=size,
        largest=said.largest_error,
        error=said.mean_squared_error,
        seconds=written.seconds,
        seconds_back=written.seconds_back,
        beyond=said.model_size,
    )


def _codes_row(
    parts: Parts, some: Dataset, most_epochs: int | None, listener: Listener
) -> ArchiveRow:
    """An archive of codes, by a model of what is learnt from."""
    listener.note("an archive of codes, by a model of its own:")
    timed = timed_training(listener, "training this one")
    indented = replace(timed, note=lambda line: listener.note(f"  {line}"))
    trained = train_rounded(
        parts.training, None, None, "fast", most_epochs=most_epochs, listener=indented
    )
    with tempfile.TemporaryFile() as file:
        written = write_codes_only(
            file,
            replace(some, items=np.asarray(some.items)),
            trained,
            effort="fast",
            check_range=False,
            listener=listener,
        )
        return _row(CODES, file, written, len(some))


def _codec_point(point: CodecPoint, peak: float | None) -> BytesPoint:
    kind: Kind = "jpeg" if point.codec == "JPEG" else "codec"
    return BytesPoint(
        name=point.codec,
        kind=kind,
        setting=LOSSLESS if point.quality is None else f"quality {point.quality}",
        layout="sheet" if point.on_sheet else "item",
        item_bytes=point.item_bytes,
        error=point.mse,
        psnr=_quality(point.mse, peak),
    )


def archive_points(row: ArchiveRow, count: int, peak: float | None) -> Iterator[BytesPoint]:
    """An archive on its own; of codes also without the decoder, which others could share."""
    error = 0.0 if row.error is None else row.error
    shared = sum(row.parts.get(part, 0) for part in ("decoder", "predictor"))
    is_codes = row.name == CODES
    for charged in (True, False) if is_codes else (True,):
        yield BytesPoint(
            name=CODES_COMMAND if is_codes else COMMAND,
            kind="archive",
            setting=row.name,
            layout="file",
            item_bytes=(row.total + row.beyond if charged else row.total - shared) / count,
            error=error,
            largest=row.largest,
            psnr=_quality(error, peak),
            charged=charged,
            seconds=row.seconds,
        )


def _classical_point(row: ArchiveRow, count: int) -> BytesPoint | None:
    """The best classical method of those that an archive was chosen from."""
    if row.classical_bytes is None:
        return None
    return BytesPoint(
        name=f"{row.classical.partition(':')[0]} in an archive",
        kind="codec",
        setting=LOSSLESS,
        layout="file",
        item_bytes=row.classical_bytes / count,
        error=0.0,
        largest=0.0,
    )


def model_points(candidate: Candidate, count: int) -> Iterator[BytesPoint]:
    """A model's codes as 32-bit floats, its file charged and not."""
    score, code = candidate.evaluation.model, 4 * candidate.latent
    for charged in (True, False):
        yield BytesPoint(
            name=f"codes of {candidate.name}",
            kind=candidate.kind,
            setting=f"{candidate.latent} numbers of 4 bytes",
            layout="file",
            item_bytes=code + (candidate.file_bytes / count if charged else 0),
            error=score.mse,
            largest=score.largest,
            psnr=score.psnr,
            charged=charged,
        )


def _quality(error: float, peak: float | None) -> float | None:
    return None if peak is None or not error else psnr(error, peak)


# Keeps which items are archived apart from other draws of the same seed.
_ARCHIVED_STREAM = 0xA2C41
