"""What methods make of a budget: the error over how many numbers each keeps of an item."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from narrows.errors import DataError
from narrows.report.figures.style import (
    BLUE,
    GREY,
    LEGEND,
    ORANGE,
    axes_for,
    set_headings,
    tidy_axes,
)
from narrows.support.number_text import count_of, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 780  # pixels

# The baseline is drawn first and stays in the background; Tol's "vibrant" after that,
# and two of his "muted".
_COLOURS = (GREY, BLUE, ORANGE, "#009988", "#cc3311", "#aa4499", "#33bbee", "#999933", "#332288")
_MARKERS = "osD^vPXp*"


def rate(
    rows: Sequence[Mapping[str, Any]],
    ax: "Axes | None" = None,
    *,
    title: str = "Error over numbers kept",
    error_unit: str = "",
    budget: str = "Numbers kept of each item",
    ticks: Sequence[float] | None = None,
) -> "Axes":
    """Draw each method's error over what it keeps, both axes logarithmic: a line a method.

    Methods are told apart by colour and by marker, so that the figure reads without colour too.
    The first one is the baseline.

    Args:
        rows: ``method``, ``numbers`` (at least 1) and ``error`` (above 0) each; any order within
            a method. Several rows of a method with as many numbers are several runs: all are
            drawn, and the line goes through their means.
        ax: matplotlib axes to draw on; None for those of a new figure, ``ax.figure``.
        title: the heading.
        error_unit: of the errors, such as ``grey levels²``.
        budget: what ``numbers`` count: numbers, or bytes.
        ticks: along the budgets; None for one at each of them.

    Returns:
        The axes.

    Raises:
        DataError: there is nothing to draw, or a value has no logarithm.
    """
    if not rows:
        raise DataError("there are no results to draw over their budgets")
    for row in rows:
        if not (row["numbers"] >= 1 and row["error"] > 0):
            raise DataError(
                f"{row['method']} with {count_of(row['numbers'], 'numbers')} and an "
                f"error of {row['error']:g} has no place on logarithmic axes",
                hint="draw methods that keep one number or more and lose something",
            )
    ax = axes_for(ax, _HEIGHT)
    ax.set(xscale="log", yscale="log")
    _draw_lines(ax, rows)
    kept = sorted({row["numbers"] for row in rows}) if ticks is None else ticks
    _scale(ax, kept, [row["error"] for row in rows])
    unit = f" ({error_unit})" if error_unit else ""
    ax.set(xlabel=budget, ylabel=f"Mean squared error{unit}")
    white = {"framealpha": 1, "edgecolor": "white", "facecolor": "white"}
    ax.legend(**{**LEGEND, "frameon": True}, **white, loc="lower left")
    set_headings(ax, title, "lower is better; both axes are logarithmic")
    return ax


def _draw_lines(axes: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    """A line a method, through the means of its runs, which are points where there are several."""
    for number, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        runs = _runs(rows, method)
        look: dict[str, Any] = {
            "color": _COLOURS[number % len(_COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
        }
        means = [sum(errors) / len(errors) for errors in runs.values()]
        size = 6 if len(runs) == sum(map(len, runs.values())) else 0  # the runs are enough to see
        axes.plot(list(runs), means, label=method, linewidth=2, markersize=size, **look)
        if not size:
            points = [(kept, error) for kept, errors in runs.items() for error in errors]
            axes.plot(*zip(*points, strict=True), linestyle="", markersize=4, **look)


def _runs(rows: Sequence[Mapping[str, Any]], method: str) -> dict[float, list[float]]:
    """The errors of a method by the numbers it keeps, fewest first."""
    own = [row for row in rows if row["method"] == method]
    sizes = sorted({row["numbers"] for row in own})
    return {size: [row["error"] for row in own if row["numbers"] == size] for size in sizes}


def _scale(axes: "Axes", numbers: Sequence[float], errors: Sequence[float]) -> None:
    """A tick at every budget, and plain numbers along the errors."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    plain = FuncFormatter(lambda value, position: readable(value))
    axes.xaxis.set_major_locator(FixedLocator(list(numbers)))
    # Less than a power of ten holds too few of 1, 2 and 5.
    narrow = max(errors) < 10 * min(errors)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if narrow else (1, 2, 5)
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(plain)
    tidy_axes(axes)
