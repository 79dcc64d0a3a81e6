"""What comes back of each column of a table, beside PCA's and a guess."""

import math
import os
from collections.abc import Sequence
from typing import Any

from narrows.report.columns import ColumnScore, error_text
from narrows.report.figures.style import (
    BLUE,
    INK,
    LEGEND,
    LINES,
    MUTED,
    ORANGE,
    SMALL_SIZE,
    new_figure,
    save_figure,
    set_headings,
    tidy_axes,
)
from narrows.support.text_tables import cut_to

# Columns that one figure has room for, pixels of each and of what is around them; the letters of a
# name; and the share from which on marks lie at the edge.
_MOST, _ROW, _AROUND, _LETTERS, _EDGE = 40, 34, 320, 28, 2.0


def column_errors_figure(
    scores: Sequence[ColumnScore],
    path: str | os.PathLike[str],
    *,
    label: str,
    pca_label: str = "PCA",
) -> None:
    """Write the error of each column as a PNG file: as a share of that of a guess, the mean or the
    most frequent category, and in the column's own unit.

    Args:
        scores: what is known of each column; of very many those that lose most are drawn.
        path: the file to write.
        label: what the model is called, such as ``8 numbers``.
        pca_label: what PCA is called.

    Raises:
        OutputError: the file cannot be written.
    """
    drawn = list(scores)
    if len(drawn) > _MOST:
        kept = sorted(drawn, key=_lost, reverse=True)[:_MOST]
        drawn = [each for each in drawn if each in kept]
    figure = new_figure(_AROUND + _ROW * len(drawn), constrained=True)
    axes, places = figure.subplots(), range(len(drawn))
    ring: dict[str, Any] = {"facecolor": "none", "edgecolor": ORANGE, "marker": "D", "s": 70}
    dot: dict[str, Any] = {"facecolor": BLUE, "marker": "o", "s": 34}
    for name, errors, style in (
        (pca_label, [each.pca_error for each in drawn], ring),
        (label, [each.error for each in drawn], dot),
    ):
        shares = [_share(*each) for each in zip(drawn, errors, strict=True)]
        axes.scatter([min(each, _EDGE) for each in shares], places, label=name, zorder=3, **style)
    axes.axvline(1, color=MUTED, linewidth=1, linestyle="--")
    tidy_axes(axes, grid="y")
    axes.set(xlim=(-0.02, max(1.05, *axes.get_xlim())), ylim=(len(drawn) - 0.5, -0.5))
    axes.set_yticks(places, [_name(each) for each in drawn])
    own = axes.secondary_yaxis("right")
    own.set_yticks(places, [_own(each) for each in drawn])
    own.tick_params(colors=INK, labelsize=SMALL_SIZE, length=0)
    own.spines["right"].set_color(LINES)
    axes.set_xlabel("Error, as a share of a guess's; on the right in the column's own unit")
    guess = "1: as far off as the mean, or the most frequent category"
    part = "0: as it was" if len(drawn) == len(scores) else f"{_MOST} of {len(scores)} columns"
    set_headings(axes, "What Comes Back of Each Column", f"{part}; {guess}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, **LEGEND)
    save_figure(figure, path)


def _share(score: ColumnScore, error: float) -> float:
    """An error as a share of a guess's; of a guess that is never wrong there is none."""
    return error / score.baseline_error if score.baseline_error > 0 else math.nan


def _name(score: ColumnScore) -> str:
    return cut_to(score.name.replace("$", r"\$"), _LETTERS)  # no formula


def _lost(score: ColumnScore) -> float:
    share = _share(score, score.error)
    return -1.0 if math.isnan(share) else share


def _own(score: ColumnScore) -> str:
    return "–" if math.isnan(score.error) else error_text(score, score.error)
