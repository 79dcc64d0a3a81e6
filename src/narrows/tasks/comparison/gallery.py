"""Some items beside what each method makes of them: the best ones, median ones and the worst."""

import contextlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from narrows.baselines.jpeg_size import jpeg_at_bytes
from narrows.data import Dataset, TableSchema
from narrows.data.tables import shown_cells
from narrows.data.tables.columns import MAX_TEXT
from narrows.errors import NarrowsError
from narrows.report.comparison.classes import NO_CLASS
from narrows.report.comparison.result import Gallery, GalleryItem, Kind, Rank, Version
from narrows.report.evaluation import fitted_pca
from narrows.report.measures import item_errors
from narrows.support.progress import Tracker, silent
from narrows.support.shapes import is_picture_shape
from narrows.support.text_tables import cut_to
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.gaps import cells_that_features_hide
from narrows.tasks.comparison.parts import Parts

#: Items of each rank.
EACH = 5
# Cells of a row that are shown.
_MOST_CELLS = 200


def gallery(
    parts: Parts, candidates: Sequence[Candidate], best: int, *, track: Tracker = silent
) -> Gallery:
    """Items by the error that the best model leaves of them, beside the versions of all."""
    ranking = candidates[best]
    ranks = ranked(ranking.kept.errors)
    rows = np.array([row for rows in ranks.values() for row in rows])
    columns = [_of_model(each, rows) for each in candidates]
    columns.insert(0, _of_pca(ranking, rows))
    pictures = ranking.kept.items[rows]
    if is_eight_bit_picture(parts.test):
        most, within = 4 * ranking.latent, parts.test.value_range
        columns.append(_of_jpeg(pictures, most, within))
    places = ranking.kept.places[rows]
    cells = _given_cells(ranking.test, pictures, parts, places, track)
    names = [name for name, rows in ranks.items() for _ in rows]
    return Gallery(
        items=tuple(
            GalleryItem(
                index=int(parts.places[place]),
                file=file_of(parts, int(place)),
                rank=name,
                label=label_of(parts, int(place)),
                original=picture,
                cells=cells[number],
                versions=tuple(column[number] for column in columns),
            )
            for number, (place, name, picture) in enumerate(
                zip(places, names, pictures, strict=True)
            )
        ),
        ranked_by=ranking.name,
    )


def ranked(errors: np.ndarray) -> dict[Rank, list[int]]:
    """The rows with the lowest errors, some about the median, and those with the highest, the
    worst one first; fewer of each where there are few, and none twice."""
    order = np.argsort(errors, kind="stable").tolist()
    each = min(EACH, max(len(order) // 3, 1))
    best, worst = order[:each], order[each:][-each:][::-1]
    between = order[len(best) : len(order) - len(worst)]
    start = max((len(between) - each) // 2, 0)
    return {"best": best, "median": between[start : start + each], "worst": worst}


def label_of(parts: Parts, place: int) -> str:
    """The class of a measured item; empty without labels."""
    if parts.test.labels is None:
        return ""
    label, classes = int(parts.test.labels[place]), parts.classes
    if label == NO_CLASS:
        return "not known"
    return classes[label] if label < len(classes) else str(label)


def file_of(parts: Parts, place: int) -> str:
    """The file that a measured image came from, within its folder, or a row, with its number there;
    empty of other data."""
    if parts.test.files is not None:
        return parts.test.files.names[place]
    whole = parts.rows if parts.held_out else parts.test
    if whole is None or whole.places is None:
        return ""
    file, row = whole.places.of(int(parts.places[place]))
    above = posixpath.commonpath([posixpath.dirname(each) for each in whole.places.files])
    return f"{row:,} of {posixpath.relpath(file, above or '.')}"


def is_eight_bit_picture(data: Dataset) -> bool:
    """Whether items are pictures that JPEG takes."""
    is_picture = is_picture_shape(data.item_shape) and data.item_shape[2:] != (4,)
    return data.table is None and data.items.dtype == np.uint8 and is_picture


def _of_model(candidate: Candidate, rows: np.ndarray) -> list[Version]:
    made, errors = candidate.kept.made[rows], candidate.kept.errors[rows]
    return _versions(candidate, (candidate.name, candidate.kind), rows, made, errors)


def _of_pca(candidate: Candidate, rows: np.ndarray) -> list[Version]:
    items = candidate.kept.items[rows]
    made = fitted_pca(candidate.autoencoder.trained).reconstruct(items)
    errors = item_errors(items, made)
    return _versions(
        candidate, (candidate.pca_name, "pca"), rows, candidate.autoencoder.as_data(made), errors
    )


def _versions(
    candidate: Candidate,
    of: tuple[str, Kind],
    rows: np.ndarray,
    made: np.ndarray,
    errors: np.ndarray,
) -> list[Version]:
    cells = _cells(candidate.test, made)
    return [
        Version(
            name=of[0],
            kind=of[1],
            values=made[place],
            cells=cells[place],
            error=float(errors[place]),
            item_bytes=4 * candidate.latent,
        )
        for place in range(len(rows))
    ]


def _of_jpeg(
    pictures: np.ndarray, most: int, value_range: tuple[float, float] | None
) -> list[Version]:
    """Pictures as the best JPEG of so many bytes: of whole files where all get so small, else of
    what they code, without the headers that many files could share; else the smallest files."""
    found = [jpeg_at_bytes(picture, most, value_range) for picture in pictures]
    name, files, is_data = "JPEG, smallest file", [each.smallest for each in found], False
    if all(each.counted for each in found):
        name, files = "JPEG", [each.counted or each.smallest for each in found]
    elif all(each.not_counted for each in found):
        name, files, is_data = (
            "JPEG without its header",
            [each.not_counted or each.smallest for each in found],
            True,
        )
    return [
        Version(
            name=name,
            kind="jpeg",
            values=file.decoded,
            cells=(),
            error=file.mse,
            item_bytes=file.data_bytes if is_data else file.file_bytes,
        )
        for file in files
    ]


_Cells = list[tuple[str | None, ...]]


def _cells(data: Dataset, features: np.ndarray) -> _Cells:
    """The cells of rows that a model made as texts, None in columns that nothing is learnt from; ()
    of other items than a table's."""
    if data.table is None:
        return [()] * len(features)
    return _as_texts(data.table, shown_cells(data.table, features, given=False))


def _given_cells(
    data: Dataset, features: np.ndarray, parts: Parts, places: np.ndarray, track: Tracker
) -> _Cells:
    """The same of measured rows, which are at these places, as their source has them."""
    if data.table is None:
        return [()] * len(features)
    table, origin = data.table, parts.origin
    shown, hidden = shown_cells(table, features, given=True), dict[str, dict[int, Any]]()
    if not isinstance(origin.source, Dataset):
        with contextlib.suppress(NarrowsError):  # of a file that is gone, what features say
            hidden = cells_that_features_hide(table, features, parts.places[places], origin, track)
    for column, values in zip(table.columns, shown, strict=True):
        for place, value in hidden.get(column.name, {}).items():
            values[place] = value
    return _as_texts(table, shown)


def _as_texts(table: TableSchema, shown: Sequence[Sequence[Any]]) -> _Cells:
    columns = [
        [None] * len(values) if column.kind == "ignored" else list(_texts(values))
        for column, values in zip(table.columns[:_MOST_CELLS], shown, strict=False)
    ]
    return list(zip(*columns, strict=True))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for cell in values:
        text = "" if cell is None else str(cell)
        if isinstance(cell, float):
            text = f"{cell:.0f}" if 1e8 <= abs(cell) < 1e15 else f"{cell:.9g}"
        yield cut_to(text, MAX_TEXT)
