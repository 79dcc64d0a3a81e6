"""A comparison's numbers as tables of its page, which become CSV files."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
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
    more = "" if detect else "; files are without what detect needs, which fit adds"
    return _table(
        "models",
        f"What was trained, and what it cost{more}",
        models,
        {
            "model": lambda each: each.name,
            "preset": lambda each: "PCA in place of a net" if each.is_pca else each.preset,
            "numbers": lambda each: each.latent,
            "parameters": lambda each: each.parameters,
            "bytes of its file": lambda each: each.file_bytes,
            "epochs": lambda each: each.epochs,
            "seconds": lambda each: _seconds(each.seconds),
            "seed": lambda each: each.seed,
            "trained on": lambda each: each.data,
            "version": lambda each: each.version or None,
        },
        _marked(models, marked),
    )


def scores_table(scores: Sequence[MethodScore], unit: str, marked: Collection[str]) -> Table:
    columns: dict[str, Callable[[Any], Cell]] = {
        "method": lambda each: each.name,
        "numbers kept": lambda each: each.numbers,
        "error": lambda each: each.error,
    }
    if any(score.psnr is not None for score in scores):
        columns["PSNR, dB"] = lambda each: each.psnr
    else:
        columns["RMSE, % of the mean's"] = lambda each: _per_cent(each.relative)
    title = f"Mean squared error in {unit}"
    return _table("scores", title, scores, columns, _marked(scores, marked))


def numbers_table(part: NumbersKept, unit: str, marked: Collection[str]) -> Table:
    return _table(
        "error-over-numbers",
        f"Error over numbers kept, mean squared error in {unit}",
        [(one, point) for one in part.series for point in one.points],
        {
            "method": lambda pair: pair[0].name,
            "numbers kept": lambda pair: pair[1].numbers,
            "error": lambda pair: pair[1].error,
            "PSNR, dB": lambda pair: pair[1].psnr,
            "trained": lambda pair: pair[1].how or None,
        },
        _marked([one for one in part.series for _ in one.points], marked),
    )


def bytes_table(part: BytesSpent, words: Words, marked: Collection[str]) -> Table:
    return _table(
        "error-over-bytes",
        f"Error over bytes, mean squared error in{words.unit}, {part.count:,} {words.things}",
        part.points,
        {
            "method": lambda each: each.name,
            "setting": lambda each: each.setting or None,
            "stored as": lambda each: _LAYOUTS[each.layout],
            "decoder counted": lambda each: "yes" if each.charged else "no",
            f"bytes {words.a_thing}": lambda each: each.item_bytes,
            "error": lambda each: each.error,
            "PSNR, dB": lambda each: each.psnr,
            "largest error": lambda each: each.largest,
            "seconds to write": lambda each: _seconds(each.seconds),
        },
        _marked(part.points, marked),
    )


def archives_table(part: Archives, words: Words) -> Table:
    def bytes_of(name: str) -> Callable[[Any], Cell]:
        return lambda row: row.parts.get(name)

    names = dict.fromkeys(name for row in part.rows for name in row.parts)
    return _table(
        "archives",
        f"Archives of {count_of(part.count, words.things)}, {part.raw_bytes:,} bytes"
        f"{words.written or ' as they are'}",
        part.rows,
        {
            "archive": lambda row: row.name,
            "bytes": lambda row: row.total,
            words.a_thing: lambda row: row.item_bytes,
            **{f"bytes of {name}": bytes_of(name) for name in names},
            "bytes of a decoder beside it": lambda row: row.beyond or None,
            "the smallest without learning": lambda row: row.classical or None,
            "mean squared error": lambda row: row.error,
            "largest error": lambda row: row.largest,
            "seconds to write": lambda row: _seconds(row.seconds),
            "seconds to read": lambda row: _seconds(row.seconds_back),
        },
    )


def use_table(part: CodeUse, words: Words, marked: Collection[str]) -> Table:
    table = _table(
        "use-of-codes",
        f"Accuracy in %, {count_of(part.measured, words.things)} of {part.classes} classes, "
        f"learnt from {part.learnt:,} others",
        part.rows,
        {
            "classes told from": lambda row: row.name,
            "numbers": lambda row: row.numbers,
            "5 nearest neighbours": lambda row: 100 * row.neighbours,
            "logistic regression": lambda row: 100 * row.logistic,
        },
        _marked(part.rows, marked),
    )
    guess = 100 * part.most_frequent
    always: list[Cell] = ["always the most frequent class", 0, guess, guess]
    return replace(table, rows=[*table.rows, always])


def features_table(part: Features) -> Table:
    return _table(
        "latent-numbers",
        f"What each latent number of {part.model} moves, strongest first",
        part.numbers,
        {
            "latent number": lambda each: f"number {each.index + 1}",
            "effect": lambda each: each.effect,
            "from": lambda each: float(each.values[0]),
            "to": lambda each: float(each.values[-1]),
            "columns that it moves most": lambda each: ", ".join(each.columns) or None,
        },
    )


def errors_table(name: str, number: int, scores: Sequence[ColumnScore]) -> Table:
    def shown(score: ColumnScore, error: float) -> float:
        return 100 * error if score.is_category else error

    table = _table(
        f"columns-{number}",
        f"Errors of {name} by column: of categories the % of wrong ones, else the root mean "
        "squared error in the column's own unit, in days for dates",
        scores,
        {
            "column": lambda each: each.name,
            "kind": lambda each: each.kind,
            "error": lambda each: shown(each, each.error),
            "PCA's": lambda each: shown(each, each.pca_error),
            "the mean's": lambda each: shown(each, each.baseline_error),
            "R²": lambda each: each.r2,
            "PCA's R²": lambda each: each.pca_r2,
            "missing or not, % wrong": lambda each: _per_cent(each.missing_wrong),
        },
    )
    return replace(table, decimals={"R²": 3, "PCA's R²": 3})


def redundancy_table(part: Redundancy) -> Table:
    steps = {drop.name: place for place, drop in enumerate(part.drops, 1)}
    table = _table(
        "redundancy",
        f"How well each column follows from the others, fitted to {part.rows_fitted:,} rows "
        f"and measured on {part.rows_measured:,} others; from which, where "
        f"the score is {FOLLOWING} or more",
        part.columns,
        {
            "column": lambda each: each.name,
            "kind": lambda each: each.kind,
            "score, 0 to 1": lambda each: each.score,
            "category, % wrong": lambda each: _per_cent(each.wrong),
            "follows from": _sources,
            "may be left out, in this order": lambda each: steps.get(each.name),
        },
    )
    return replace(table, decimals={"score, 0 to 1": 3})


def _sources(column: Redundant) -> str | None:
    if column.same_as:
        return f"the same as {column.same_as}"
    return ", ".join(column.follows) or None


def denoising_table(part: DenoisingPart, number: int) -> Table:
    return _table(
        f"denoising-{number}",
        f"What is left of {part.noise} by {part.model}, {count_of(part.count, 'items')}; "
        "the range is 1 wide",
        part.scores,
        {
            "method": lambda each: each.method,
            "root mean squared error": lambda each: each.rmse,
            "PSNR, dB": lambda each: each.psnr,
            "SSIM": lambda each: each.ssim,
            "settings": lambda each: each.chosen or None,
        },
        [1] if len(part.scores) > 1 else [],
    )


def tables_of(comparison: Comparison, marked: Collection[str]) -> dict[str, Table]:
    """The tables that every comparison has, and those of its parts that are there.

    Args:
        comparison: what they are of.
        marked: names of the methods whose rows are marked as ours.
    """
    unit, words = comparison.data.unit, comparison.data.words
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


def _table(
    name: str,
    title: str,
    rows: Sequence[Any],
    columns: Mapping[str, Callable[[Any], Cell]],
    ours: Collection[int] = (),
) -> Table:
    """A table with what each column says of every one of ``rows``."""
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    return Table(name=name, title=title, columns=list(columns), rows=cells, ours=ours)


def _marked(rows: Sequence[Any], marked: Collection[str]) -> list[int]:
    return [number for number, row in enumerate(rows) if row.name in marked]


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")


def _per_cent(share: float | None) -> float | None:
    return None if share is None else 100 * share
