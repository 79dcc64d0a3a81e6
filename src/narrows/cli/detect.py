"""``narrows detect``: how odd each item is, how rarely a normal one is as odd, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import (
    DataArgument,
    Force,
    Format,
    Json,
    ModelArgument,
    Refine,
)
from narrows.cli.terminal import progress, say, show
from narrows.tasks.outputs import check_outputs, still_there, to_standard_output

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.data.image_options import ImageOptions
    from narrows.model.use import TrainedAutoencoder

# Rows of the result that are in memory at a time, and oddest rows that the terminal shows.
_ROWS_AT_ONCE = 1 << 16
_SHOWN = 5
# Reasons that are written for a row.
_REASONS = 3


@reads_data
def detect(
    model: ModelArgument,
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Option(
            readable=False,
            metavar="SCORES",
            help=".csv or .parquet; - is standard output.",
            show_default=False,
        ),
    ],
    score: Annotated[
        str,
        typer.Option(
            help="combined, or one of what it is made of: reconstruction, density, isolation."
        ),
    ] = "combined",
    false_alarms: Annotated[
        float,
        typer.Option(metavar="RATE", help="The share of normal rows that may be flagged."),
    ] = 0.01,
    explain: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Say of so many rows, the oddest first, what made them odd; as many as take about "
            "three seconds, and 1,000 at most, where nothing is said. 0 for none.",
        ),
    ] = None,
    heat_map: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="PICTURE.png",
            help="Of images: draw where the oddest ones are odd.",
        ),
    ] = None,
    format: Format = None,
    refine: Refine = None,
    force: Force = False,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Write how odd each row of DATA is, and what made it so.

    A row of SCORES has the row's number from 0, of a folder of images the file, its score, its rank
    (1 is the oddest), its p-value (the share of the rows held out by fit that are as odd), whether
    it is flagged, and of the oddest rows the three columns that have the largest shares in the
    score.

    \b
    Example:
      narrows detect payments.safetensors payments.csv --out scores.csv
      narrows detect payments.safetensors payments.csv --out scores.csv --explain 500
      narrows detect digits.safetensors mnist:test --out scores.csv --heat-map odd.png
    """
    from narrows.tasks.detect import require_rate, score_index
    from narrows.tasks.opening import load_for, open_autoencoder

    score_index(score)
    require_rate(false_alarms)
    if explain is not None:
        _require_count(explain)
    out = Path(to_standard_output(out, format, "csv"))
    written = {"--out": out, "--heat-map": heat_map}
    check_outputs({"DATA": data}, written, models={"MODEL": model}, json=json)
    autoencoder = open_autoencoder(model, refine, track=progress)
    judged = _Judged(autoencoder, score)
    if heat_map is not None:
        _require_images(autoencoder.trained.item_shape, heat_map)
    _require_table(out)
    dataset = load_for(
        autoencoder, data, images=images, csv=csv, check_range=not force, finding=True,
        track=progress, note=say,
    )  # fmt: skip
    judged.judge(dataset, false_alarms)
    reasons = judged.reasons(explain)
    _write(out, judged, reasons)
    if heat_map is not None:
        with still_there(out):
            judged.draw(heat_map)
    for note in judged.notes():
        say(note)
    show(_summary(judged, reasons), _values(judged, out, heat_map), json, beside=out)


class _Judged:
    """The rows of a data set with their scores, and what follows from these."""

    def __init__(self, autoencoder: "TrainedAutoencoder", score: str) -> None:
        from narrows.tasks.detect import Detector

        self.autoencoder, self.score = autoencoder, score
        self.explained, self.asked = 0, True
        self.detector = Detector(autoencoder)

    def judge(self, dataset: "Dataset", false_alarms: float) -> None:
        import numpy as np

        from narrows.support.chunks import chunks

        self.dataset, self.false_alarms = dataset, false_alarms
        count, parts = len(dataset), list[np.ndarray]()
        with progress("judging", total=count, unit="rows") as advance:
            for chunk in chunks(dataset.items):
                for start in range(0, len(chunk), _ROWS_AT_ONCE):
                    some = chunk[start : start + _ROWS_AT_ONCE]
                    parts.append(self.detector.scores(some, self.score))
                    advance(len(some))
        self.scores = np.concatenate(parts)
        self.p_values = self.detector.p_values(self.scores, self.score)
        self.threshold = self.detector.threshold(false_alarms, self.score)
        self.flagged = self.scores > self.threshold
        self.oddest = np.argsort(-self.scores, kind="stable")
        self.ranks = np.empty(count, np.int64)
        self.ranks[self.oddest] = np.arange(1, count + 1)

    def names(self) -> list[str]:
        """What the parts of a row are called; none where there are too many to be told apart."""
        table = self.autoencoder.trained.data.table
        if table is not None:
            return [column.name for column in table.learnt]
        shape = self.autoencoder.trained.item_shape
        parts = len(self.detector.parts)
        return [f"x{place}" for place in range(parts)] if len(shape) == 1 else []

    def reasons(self, most: int | None) -> dict[int, list[tuple[str, float]]]:
        """Of the oddest rows, by number: the names of the parts with the largest shares. Of so many
        rows; None for as many as take a few seconds."""
        import numpy as np

        names = self.names()
        seconds = self.detector.explanation_seconds
        if most is None:
            most = min(max(int(_SECONDS_TO_EXPLAIN / seconds), 1), _MOST_EXPLAINED)
            self.asked = False
        rows = self.oddest[: most if names else 0]
        self.explained = len(rows)
        at_once = min(max(int(_SECONDS_OF_A_STEP / seconds), 1), _EXPLAINED_AT_ONCE)
        found: dict[int, list[tuple[str, float]]] = {}
        with progress("explaining", total=len(rows), unit="rows") as advance:
            for start in range(0, len(rows), at_once):
                some = rows[start : start + at_once]
                shares = self.detector.contributions(self.dataset.items[some], self.score)
                for row, share in zip(some, shares, strict=True):
                    largest = np.argsort(-share, kind="stable")[:_REASONS]
                    told = [(names[place], float(share[place])) for place in largest]
                    found[int(row)] = [(name, part) for name, part in told if part > 0]
                advance(len(some))
        return found

    def draw(self, path: Path) -> None:
        """The oddest images, what the model makes of them, and where they differ."""
        from narrows.report.figures import COLUMNS, heat_map_figure

        items = self.autoencoder.shaped(self.dataset.items[self.oddest[:COLUMNS]])
        heat_map_figure(
            items,
            self.autoencoder.reconstruct(items),
            self.detector.heat(items),
            path,
            value_range=self.dataset.value_range,
        )

    def notes(self) -> Iterator[str]:
        """What a user should know of the threshold and of the scores."""
        if len(self.scores) > 1 and self.scores.min() == self.scores.max():
            yield (
                f"all {len(self.scores):,} rows of {self.dataset.name} have the same score, "
                f"{self.scores[0]:.6g}: their ranks tell nothing"
            )
        if not self.asked and self.names() and self.explained < len(self.scores):
            yield (
                f"what made a row odd is said of the oddest {self.explained:,}; --explain N says "
                "it of N rows"
            )
        count, smallest = self.detector.calibration_count, self.detector.smallest_p_value
        if smallest > self.false_alarms:
            yield (
                f"{count:,} held-out rows cannot tell a rate of {self.false_alarms:g}: flagged is "
                f"what is odder than all of them, as may be up to {smallest:.2g} of normal rows"
            )


# What explaining may take where nobody says of how many rows, in seconds of one core; and how often
# the bar moves. Rows whose parts are replaced one after the other are so many at once at most.
_SECONDS_TO_EXPLAIN, _MOST_EXPLAINED = 3.0, 1000
_SECONDS_OF_A_STEP, _EXPLAINED_AT_ONCE = 0.2, 1 << 10


def _require_count(explain: int) -> None:
    from narrows.errors import UsageError

    if explain < 0:
        raise UsageError(
            f"--explain is {explain}, and must be at least 0", hint="0 explains no row"
        )


def _require_table(out: Path) -> None:
    """Make sure, before anything is computed, that the result can be written."""
    from narrows.errors import UsageError

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{out} cannot hold scores", hint="end the name in .csv or .parquet")


def _require_images(shape: tuple[int, ...], path: Path) -> None:
    from narrows.errors import UsageError
    from narrows.report.figures import are_images

    if not are_images(shape):
        raise UsageError(
            f"items of shape {shape} are no images, and a heat map cannot show them",
            hint="leave --heat-map out: SCORES names the columns that made a row odd",
        )
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path} cannot hold a picture", hint="end the name in .png")


def _write(out: Path, judged: _Judged, reasons: dict[int, list[tuple[str, float]]]) -> None:
    from narrows.data import table_writer

    columns = _columns(judged, reasons, range(0))
    with table_writer(out, columns.schema) as write:
        for start in range(0, len(judged.scores), _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, len(judged.scores))
            write(_columns(judged, reasons, range(start, stop)))


def _columns(judged: _Judged, reasons: dict[int, list[tuple[str, float]]], rows: range) -> Any:
    """Some rows of the result, an Arrow table."""
    import pyarrow as pa

    here = slice(rows.start, rows.stop)
    from narrows.data.image_files import shown_name

    files = judged.dataset.files
    names = [] if files is None else [shown_name(files.names[row]) for row in rows]
    columns: dict[str, Any] = {
        "row": pa.array(rows, pa.int64()),
        **({} if files is None else {"file": pa.array(names, pa.string())}),
        "score": judged.scores[here],
        "rank": judged.ranks[here],
        "p_value": judged.p_values[here],
        "flagged": pa.array(judged.flagged[here]),
    }
    for place in range(_REASONS if judged.names() else 0):
        told = [reasons.get(row, [])[place : place + 1] for row in rows]
        columns[f"reason_{place + 1}"] = pa.array(
            [each[0][0] if each else None for each in told], pa.string()
        )
        columns[f"share_{place + 1}"] = pa.array(
            [round(each[0][1], 4) if each else None for each in told], pa.float64()
        )
    return pa.table(columns)


def _summary(judged: _Judged, reasons: dict[int, list[tuple[str, float]]]) -> str:
    """How many rows are flagged, and the oddest of them."""
    from narrows.support.text_tables import cell_text, table_text

    count, flagged = len(judged.scores), int(judged.flagged.sum())
    title = (
        f"{judged.dataset.name}, {count:,} row{'' if count == 1 else 's'}, {flagged:,} flagged: "
        f"{judged.score} score above {judged.threshold:.4g}"
    )
    rows = [["row", "score", "p-value", *(["what made it odd"] if judged.names() else [])]]
    for row in judged.oddest[:_SHOWN].tolist():
        told = [f"{cell_text(name)} {share:.0%}" for name, share in reasons.get(row, [])]
        cells = [str(row), f"{judged.scores[row]:.4g}", f"{judged.p_values[row]:.3g}"]
        rows.append([*cells, *([", ".join(told)] if judged.names() else [])])
    return table_text(title, rows, left=(3,))


def _values(judged: _Judged, out: Path, heat_map: Path | None) -> dict[str, Any]:
    return {
        "out": str(out),
        "heat_map": None if heat_map is None else str(heat_map),
        "count": len(judged.scores),
        "score": judged.score,
        "false_alarms": judged.false_alarms,
        "threshold": judged.threshold,
        "flagged": int(judged.flagged.sum()),
        "calibration_count": judged.detector.calibration_count,
        "oddest": judged.oddest[:_SHOWN].tolist(),
    }
