"""A comparison's numbers as tables of its page, which become CSV files."""

from collections.abc import Collection, Sequence
from typing import Any

from narrows.pages.tables import Cell, Table
from narrows.report.columns import ColumnScore
from narrows.report.comparison.result import (
    Archives,
    BytesSpent,
    CodeUse,
    Comparison,
    DenoisingPart,
    Features,
    MethodScore,
    ModelFacts,
    NumbersKept,
)
from narrows.report.comparison.wording import Words
from narrows.report.redundancy import FOLLOWING, Redundancy, Redundant
from narrows.support.number_text import count_of

_LAYOUTS = {"item": "a file each", "sheet": "one sheet", "file": "one file"}


def models_table(models: Sequence[ModelFacts], marked: Collection[str]) -> Table:
    detect = all(model.detects for model in models)
    rows: list[list[Cell]] = [
        [
            model.name,
            "PCA in place of a net" if model.is_pca else model.preset,
            model.latent,
            model.parameters,
            model.file_bytes,
            model.epochs,
            _seconds(model.seconds),
            model.seed,
            model.data,
            model.version or None,
        ]
        for model in models
    ]
    return Table(
        name="models",
        title="What was trained, and what it cost"
        + ("" if detect else "; files are without what detect needs, which fit adds"),
        columns=[
            "model",
            "preset",
            "numbers",
            "parameters",
            "bytes of its file",
            "epochs",
            "seconds",
            "seed",
            "trained on",
            "version",
        ],
        rows=rows,
        ours=_marked(models, marked),
    )


def scores_table(scores: Sequence[MethodScore], unit: str, marked: Collection[str]) -> Table:
    quality = any(score.psnr is not None for score in scores)
    rows: list[list[Cell]] = [
        [
            score.name,
            score.numbers,
            score.error,
            score.psnr if quality else None if score.relative is None else 100 * score.relative,
        ]
        for score in scores
    ]
    last = "PSNR, dB" if quality else "RMSE, % of the mean's"
    return Table(
        name="scores",
        title=f"Mean squared error in {unit}",
        columns=["method", "numbers kept", "error", last],
        rows=rows,
        ours=_marked(scores, marked),
    )


def numbers_table(part: NumbersKept, unit: str, marked: Collection[str]) -> Table:
    rows: list[list[Cell]] = [
        [one.name, point.numbers, point.error, point.psnr, point.how or None]
        for one in part.series
        for point in one.points
    ]
    kinds = [one for one in part.series for _ in one.points]
    return Table(
        name="error-over-numbers",
        title=f"Error over numbers kept, mean squared error in {unit}",
        columns=["method", "numbers kept", "error", "PSNR, dB", "trained"],
        rows=rows,
        ours=_marked(kinds, marked),
    )


def bytes_table(part: BytesSpent, words: Words, marked: Collection[str]) -> Table:
    rows: list[list[Cell]] = [
        [
            point.name,
            point.setting or None,
            _LAYOUTS[point.layout],
            "yes" if point.charged else "no",
            point.item_bytes,
            point.error,
            point.psnr,
            point.largest,
            _seconds(point.seconds),
        ]
        for point in part.points
    ]
    return Table(
        name="error-over-bytes",
        title=f"Error over bytes, mean squared error in{words.unit}, {part.count:,} {words.things}",
        columns=[
            "method",
            "setting",
            "stored as",
            "decoder counted",
            f"bytes {words.a_thing}",
            "error",
            "PSNR, dB",
            "largest error",
            "seconds to write",
        ],
        rows=rows,
        ours=_marked(part.points, marked),
    )


def archives_table(part: Archives, words: Words) -> Table:
    names = list(dict.fromkeys(name for row in part.rows for name in row.parts))
    rows: list[list[Cell]] = [
        [
            row.name,
            row.total,
            row.item_bytes,
            *(row.parts.get(name) for name in names),
            row.beyond or None,
            row.classical or None,
            row.error,
            row.largest,
            _seconds(row.seconds),
            _seconds(row.seconds_back),
        ]
        for row in part.rows
    ]
    return Table(
        name="archives",
        title=f"Archives of {count_of(part.count, words.things)}, {part.raw_bytes:,} bytes"
        f"{words.written or ' as they are'}",
        columns=[
            "archive",
            "bytes",
            words.a_thing,
            *(f"bytes of {name}" for name in names),
            "bytes of a decoder beside it",
            "the smallest without learning",
            "mean squared error",
            "largest error",
            "seconds to write",
            "seconds to read",
        ],
        rows=rows,
    )


def use_table(part: CodeUse, words: Words, marked: Collection[str]) -> Table:
    rows: list[list[Cell]] = [
        [row.name, row.numbers, 100 * row.neighbours, 100 * row.logistic] for row in part.rows
    ]
    guess = 100 * part.most_frequent
    rows.append(["always the most frequent class", 0, guess, guess])
    return Table(
        name="use-of-codes",
        title=f"Accuracy in %, {part.measured:,} {words.things} of {part.classes} classes",
        columns=["classes told from", "numbers", "5 nearest neighbours", "logistic regression"],
        rows=rows,
        ours=_marked(part.rows, marked),
    )


def features_table(part: Features) -> Table:
    rows: list[list[Cell]] = [
        [
            f"number {number.index + 1}",
            number.effect,
            float(number.values[0]),
            float(number.values[-1]),
            ", ".join(number.columns) or None,
        ]
        for number in part.numbers
    ]
    return Table(
        name="latent-numbers",
        title=f"What each latent number of {part.model} moves, strongest first",
        columns=["latent number", "effect", "from", "to", "columns that it moves most"],
        rows=rows,
    )


def errors_table(name: str, number: int, scores: Sequence[ColumnScore]) -> Table:
    rows: list[list[Cell]] = [
        [
            score.name,
            score.kind,
            _shown(score, score.error),
            _shown(score, score.pca_error),
            _shown(score, score.baseline_error),
            score.r2,
            score.pca_r2,
            None if score.missing_wrong is None else 100 * score.missing_wrong,
        ]
        for score in scores
    ]
    return Table(
        name=f"columns-{number}",
        title=f"Errors of {name} by column: of categories the % of wrong ones, else the root mean "
        "squared error in the column's own unit, in days for dates",
        columns=[
            "column",
            "kind",
            "error",
            "PCA's",
            "the mean's",
            "R²",
            "PCA's R²",
            "missing or not, % wrong",
        ],
        rows=rows,
        decimals={"R²": 3, "PCA's R²": 3},
    )


def _shown(score: ColumnScore, error: float) -> float:
    return 100 * error if score.is_category else error


def redundancy_table(part: Redundancy) -> Table:
    steps = {drop.name: place for place, drop in enumerate(part.drops, 1)}
    rows: list[list[Cell]] = [
        [
            column.name,
            column.kind,
            column.score,
            None if column.wrong is None else 100 * column.wrong,
            _sources(column),
            steps.get(column.name),
        ]
        for column in part.columns
    ]
    return Table(
        name="redundancy",
        title=f"How well each column follows from the others, fitted to {part.rows_fitted:,} rows "
        f"and measured on {part.rows_measured:,} others; from which, where "
        f"the score is {FOLLOWING} or more",
        columns=[
            "column",
            "kind",
            "score, 0 to 1",
            "category, % wrong",
            "follows from",
            "may be left out, in this order",
        ],
        rows=rows,
        decimals={"score, 0 to 1": 3},
    )


def _sources(column: Redundant) -> str | None:
    if column.same_as:
        return f"the same as {column.same_as}"
    return ", ".join(column.follows) or None


def denoising_table(part: DenoisingPart, number: int) -> Table:
    rows: list[list[Cell]] = [
        [
            score.method,
            score.rmse,
            score.psnr,
            score.ssim,
            ", ".join(f"{name} {value:g}" for name, value in score.settings.items()) or None,
        ]
        for score in part.scores
    ]
    return Table(
        name=f"denoising-{number}",
        title=f"What is left of {part.noise} by {part.model}, {count_of(part.count, 'items')}; "
        "the range is 1 wide",
        columns=["method", "root mean squared error", "PSNR, dB", "SSIM", "settings"],
        rows=rows,
        ours=[1] if len(rows) > 1 else [],
    )


def tables_of(comparison: Comparison, marked: Collection[str]) -> dict[str, Table]:
    """The tables that every comparison has, and those of its parts that are there.

    Args:
        comparison: what they are of.
        marked: names of the methods whose rows are marked as ours.
    """
    unit, words = comparison.data.unit, Words.of(comparison.data.form, comparison.data.unit)
    tables = {
        "models": models_table(comparison.models, marked),
        "scores": scores_table(comparison.scores, unit, marked),
        "numbers": numbers_table(comparison.numbers, unit, marked),
    }
    if comparison.spent:
        tables["spent"] = bytes_table(comparison.spent, words, marked)
    if comparison.archives:
        tables["archives"] = archives_table(comparison.archives, words)
    if comparison.use:
        tables["use"] = use_table(comparison.use, words, marked)
    if comparison.features:
        tables["features"] = features_table(comparison.features)
    if comparison.table and comparison.table.redundancy:
        tables["redundancy"] = redundancy_table(comparison.table.redundancy)
    return tables


def _marked(rows: Sequence[Any], marked: Collection[str]) -> list[int]:
    return [number for number, row in enumerate(rows) if row.name in marked]


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")
