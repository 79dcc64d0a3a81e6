"""How odd the items of a data set are, how rarely normal ones are as odd, and why."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from narrows.data import Dataset, table_writer
from narrows.data.image_files import shown_name
from narrows.errors import UsageError
from narrows.support.chunks import chunks
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent
from narrows.support.shapes import is_picture_shape
from narrows.support.text_tables import Shown, TextTable, Told, cell_text
from narrows.tasks.detector import Detector
from narrows.tasks.options import DetectOptions

if TYPE_CHECKING:
    import pyarrow as pa

# Items that are judged, or rows of the result that are in memory, at a time.
_ROWS_AT_ONCE = 1 << 16
# Reasons that are told of a row, and oddest rows that a summary shows.
_REASONS, _SHOWN = 3, 5
# What explaining may take where nobody says of how many rows, in seconds of one core; and how often
# the bar moves. Rows whose parts are replaced one after the other are so many at once at most.
_SECONDS_TO_EXPLAIN, _MOST_EXPLAINED = 3.0, 1000
_SECONDS_OF_A_STEP, _EXPLAINED_AT_ONCE = 0.2, 1 << 10


@dataclass(frozen=True, kw_only=True)
class Detected(Shown):
    """How odd the items of a data set are.

    Attributes:
        data: the items.
        score: which score of :data:`narrows.learnt.detection.SCORES` it is.
        scores: of each item, higher is odder, float64 (n,).
        p_values: the share of held-out items that are as odd, float64 (n,).
        ranks: 1 for the oddest, int64 (n,).
        false_alarms: the share of normal items that may be flagged.
        threshold: the score above which items are flagged.
        parts: what the parts of an item are called, columns or values; empty where they are too
            many to be told apart.
        reasons: of the oddest items, by number: the names of the parts that have the largest
            shares in the score, and these.
        calibration_count: how many items say how rare a score is.
        notes: what a user should know of the threshold and of the scores, in sentences.
    """

    data: Dataset
    score: str
    scores: Float64[np.ndarray, " n"]
    p_values: Float64[np.ndarray, " n"]
    ranks: Int64[np.ndarray, " n"]
    false_alarms: float
    threshold: float
    parts: tuple[str, ...]
    reasons: dict[int, list[tuple[str, float]]]
    calibration_count: int
    notes: tuple[str, ...]

    @property
    def flagged(self) -> Bool[np.ndarray, " n"]:
        """Which items lie above the threshold."""
        return self.scores > self.threshold

    @property
    def least_p_value(self) -> float:
        """The smallest that so many held-out items allow."""
        return 1 / (self.calibration_count + 1)

    @property
    def oddest(self) -> Int64[np.ndarray, " n"]:
        """The numbers of all items, the oddest first."""
        return np.argsort(self.ranks)

    def table(self, rows: range | None = None) -> "pa.Table":
        """An Arrow table with a row for each item: its number, of a folder of images the file, of a
        table in many files the file and its number there, score, rank, p-value, whether it is
        flagged, and the largest shares in the score.

        Args:
            rows: the items; None for all.
        """
        import pyarrow as pa

        rows = range(len(self.scores)) if rows is None else rows
        here, files = slice(rows.start, rows.stop), self.data.files
        columns: dict[str, Any] = {"row": pa.array(rows, pa.int64())}
        if files is not None:
            columns["file"] = pa.array([shown_name(files.names[row]) for row in rows], pa.string())
        if self.data.places is not None:
            places = [self.data.places.of(row) for row in rows]
            columns["file"] = pa.array([shown_name(name) for name, _ in places], pa.string())
            columns["row_in_file"] = pa.array([row for _, row in places], pa.int64())
        columns |= {
            "score": self.scores[here],
            "rank": self.ranks[here],
            "p_value": self.p_values[here],
            "flagged": pa.array(self.flagged[here]),
        }
        for place in range(_REASONS if self.parts else 0):
            told = [self.reasons.get(row, [])[place : place + 1] for row in rows]
            columns[f"reason_{place + 1}"] = pa.array(
                [each[0][0] if each else None for each in told], pa.string()
            )
            columns[f"share_{place + 1}"] = pa.array(
                [round(each[0][1], 4) if each else None for each in told], pa.float64()
            )
        return pa.table(columns)

    def write(self, out: str | os.PathLike[str]) -> None:
        """Write :meth:`table` as a .csv or .parquet file.

        Raises:
            OutputError: it cannot be written.
        """
        with table_writer(out, self.table(range(0)).schema) as write:
            for start in range(0, len(self.scores), _ROWS_AT_ONCE):
                write(self.table(range(start, min(start + _ROWS_AT_ONCE, len(self.scores)))))

    def told(self) -> Told:
        """How many items are flagged, and the oddest of them."""
        count, flagged = len(self.scores), int(self.flagged.sum())
        title = (
            f"{self.data.name}, {count_of(count, 'rows')}, {flagged:,} flagged: "
            f"{self.score} score above {float(self.threshold)!r}"
        )
        if count > _SHOWN:
            title += f"; the oddest {_SHOWN}:"
        rows = [["row", "score", "p-value", *(["what made it odd"] if self.parts else [])]]
        for row in self.oddest[:_SHOWN].tolist():
            parts = [f"{cell_text(name)} {share:.0%}" for name, share in self.reasons.get(row, [])]
            cells = [str(row), f"{self.scores[row]:.4g}", f"{self.p_values[row]:.3g}"]
            rows.append([*cells, *([", ".join(parts)] if self.parts else [])])
        told: list[TextTable | str] = [TextTable(title, rows, left=(3,))]
        if np.isclose(self.p_values, self.least_p_value).any():
            told += [
                f"no p-value is below {self.least_p_value:.3g}, 1 / (m + 1) of the m = "
                f"{self.calibration_count:,} rows held out in training:\nrows odder than all of "
                "those share it, and their scores tell them apart"
            ]
        return told

    def values(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "count": len(self.scores),
            "score": self.score,
            "false_alarms": self.false_alarms,
            "threshold": self.threshold,
            "flagged": int(self.flagged.sum()),
            "calibration_count": self.calibration_count,
            "oddest": self.oddest[:_SHOWN].tolist(),
        }


def detect(
    detector: Detector,
    data: Dataset,
    options: DetectOptions,
    *,
    track: Tracker = silent,
) -> Detected:
    """Judge every item of ``data``, in bounded memory, and say of the oddest what made them so.

    Args:
        detector: a model that has learnt what odd items are.
        data: items of the shape that the model was trained on.

    Raises:
        ShapeError: the model was trained on items of another shape.
    """
    score = options.score
    scores = _scores(detector, data, score, track)
    oddest = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(scores), np.int64)
    ranks[oddest] = np.arange(1, len(scores) + 1)
    parts, most = _names(detector), options.explain
    if most is None:
        most = min(max(int(_SECONDS_TO_EXPLAIN / detector.explanation_seconds), 1), _MOST_EXPLAINED)
    explained = oddest[: most if parts else 0]
    told = Detected(
        data=data,
        score=score,
        scores=scores,
        p_values=detector.detection.p_values(scores, score),
        ranks=ranks,
        false_alarms=options.false_alarms,
        threshold=detector.detection.threshold(options.false_alarms, score),
        parts=parts,
        reasons=_reasons(detector, data, explained, score, track),
        calibration_count=len(detector.detection.calibration),
        notes=(),
    )
    return replace(told, notes=tuple(_notes(told, options.explain is not None)))


def require_outputs(
    detector: Detector, out: str | os.PathLike[str], heat_map: str | os.PathLike[str] | None
) -> None:
    """Make sure, before data are read, that the result can be written.

    Raises:
        UsageError: a file cannot hold what it shall, or the model's items are no images.
    """
    shape = detector.autoencoder.trained.item_shape
    if heat_map is not None and not is_picture_shape(shape):
        raise UsageError(
            f"items of shape {shape} are no images, and a heat map cannot show them",
            hint="leave --heat-map out: SCORES names the columns that made a row odd",
        )
    if heat_map is not None and Path(heat_map).suffix.lower() != ".png":
        raise UsageError(f"{heat_map} cannot hold a picture", hint="end the name in .png")
    if Path(out).suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{out} cannot hold scores", hint="end the name in .csv or .parquet")


def _scores(detector: Detector, data: Dataset, score: str, track: Tracker) -> np.ndarray:
    parts = list[np.ndarray]()
    with track("judging", total=len(data), unit="rows") as advance:
        for chunk in chunks(data.items):
            for start in range(0, len(chunk), _ROWS_AT_ONCE):
                some = chunk[start : start + _ROWS_AT_ONCE]
                parts.append(detector.scores(some, score))
                advance(len(some))
    return np.concatenate([np.zeros(0), *parts])


def _names(detector: Detector) -> tuple[str, ...]:
    """What the parts of a row are called; none where there are too many to be told apart."""
    trained = detector.autoencoder.trained
    if trained.data.table is not None:
        return tuple(column.name for column in trained.data.table.learnt)
    flat = len(trained.item_shape) == 1
    return tuple(f"x{place}" for place in range(len(detector.parts))) if flat else ()


def _reasons(
    detector: Detector, data: Dataset, rows: np.ndarray, score: str, track: Tracker
) -> dict[int, list[tuple[str, float]]]:
    """Of some rows, by number: the names of the parts with the largest shares."""
    names, found = _names(detector), dict[int, list[tuple[str, float]]]()
    each = detector.explanation_seconds
    at_once = min(max(int(_SECONDS_OF_A_STEP / each), 1), _EXPLAINED_AT_ONCE)
    with track("explaining", total=len(rows), unit="rows") as advance:
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            shares = detector.contributions(data.items[some], score)
            for row, share in zip(some, shares, strict=True):
                largest = np.argsort(-share, kind="stable")[:_REASONS]
                told = [(names[place], float(share[place])) for place in largest]
                found[int(row)] = [(name, part) for name, part in told if part > 0]
            advance(len(some))
    return found


def _notes(found: Detected, asked: bool) -> Iterator[str]:
    """What a user should know of the threshold and of the scores.

    Args:
        asked: whether it was said of how many rows to tell the reasons.
    """
    scores, explained = found.scores, len(found.reasons)
    if len(scores) > 1 and scores.min() == scores.max():
        yield (
            f"all {len(scores):,} rows of {found.data.name} have the same score, "
            f"{scores[0]:.6g}: their ranks tell nothing"
        )
    if not asked and found.parts and explained < len(scores):
        yield (
            f"what made a row odd is said of the oddest {explained:,}; --explain N, in Python "
            "explain=N, says it of N rows"
        )
    if found.least_p_value > found.false_alarms:
        yield (
            f"{found.calibration_count:,} held-out rows cannot tell a rate of "
            f"{found.false_alarms:g}: flagged is what is odder than all of them, as may be up to "
            f"{found.least_p_value:.2g} of normal rows"
        )


def draw_heat_map(detector: Detector, found: Detected, path: str | os.PathLike[str]) -> None:
    """The oddest images, what the model makes of them, and where they differ, as a PNG.

    Raises:
        OutputError: it cannot be written.
    """
    from narrows.report.figures import COLUMNS, heat_map_figure

    items = found.data.items[found.oddest[:COLUMNS]]
    heat_map_figure(
        items,
        detector.autoencoder.reconstruct(items),
        detector.heat(items),
        path,
        value_range=found.data.value_range,
    )
