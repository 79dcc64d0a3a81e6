"""A comparison's numbers as plots of its page."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from narrows.pages.plots import COLOURED_CLASSES, Axis, Series, line_plot, scatter_plot
from narrows.report.comparison.result import (
    BytesSpent,
    LatentSpace,
    LossCurve,
    Losses,
    NumbersKept,
)
from narrows.report.comparison.wording import Words

_WITHOUT = ", without the bytes of its decoder"
_LAYOUTS = {"item": "", "sheet": ", one sheet", "file": ""}
# Curves of one plot that one can tell apart, and what a curve is of: a method's name and kind, how
# items are stored, whether what decodes them counts.
_MOST_CURVES = 7
_Curve = tuple[str, str, str, bool]


def numbers_plot(part: NumbersKept, unit: str, colours: Mapping[str, str]) -> Markup:
    """Error over numbers kept, a line a method; errors of 0 have no place on it."""
    pca = {p.numbers: p.error for one in part.series if one.kind == "pca" for p in one.points}
    series = [
        Series(
            name=one.name,
            points=[(p.numbers, p.error) for p in one.points if p.error > 0],
            colour=colours[one.name],
            # so that PCA's line is seen under that of a model that is PCA in some sizes
            dashed=one.kind != "pca"
            and any(math.isclose(p.error, pca.get(p.numbers, 0), rel_tol=1e-3) for p in one.points),
        )
        for one in part.series
    ]
    kept = sorted({p.numbers for one in part.series for p in one.points})
    return line_plot(
        "plot-numbers",
        series,
        title="Error over numbers kept",
        words=part.sentence,
        x=Axis(label="Numbers kept", log=True, ticks=kept),
        y=Axis(label=f"Mean squared error, {unit}", log=True),
    )


def bytes_plots(
    part: BytesSpent, words: Words, colours: Mapping[str, str], best: str
) -> tuple[Markup, Markup]:
    """Error over bytes, a line a method and way to store; what loses nothing has no place on it.

    Args:
        best: the name of the best model.

    Returns:
        Those that one looks at first, and all of them; empty where that is the same.
    """
    curves: dict[_Curve, list[tuple[float, float]]] = {}
    for point in part.points:
        if point.error > 0 and point.item_bytes > 0:
            key = (point.name, point.kind, point.layout, point.charged)
            curves.setdefault(key, []).append((point.item_bytes, point.error))
    first = _first_looked_at(curves, f"codes of {best}")
    some = {key: points for key, points in curves.items() if key in first}
    drawn = _bytes_plot("plot-bytes", some, part.sentence, words, colours)
    if len(some) == len(curves):
        return drawn, Markup("")
    return drawn, _bytes_plot("plot-bytes-all", curves, part.sentence, words, colours)


def _first_looked_at(
    curves: Mapping[_Curve, Sequence[tuple[float, float]]], best: str
) -> set[_Curve]:
    """At most so many curves as one can tell apart: the best model's codes, and of each method the
    way to store that takes least, our archives and JPEG before the others."""
    if len(curves) <= _MOST_CURVES:
        return set(curves)

    def least(key: _Curve) -> float:
        return min(item_bytes for item_bytes, _ in curves[key])

    names = dict.fromkeys(name for name, *_ in curves)
    ways = [min((key for key in curves if key[0] == name), key=least) for name in names]
    order = {"archive": 1, "jpeg": 2, "codec": 3}
    ways.sort(key=lambda key: (order.get(key[1], 4), least(key)))
    own = [key for key in curves if key[0] == best]
    return {*own, *[key for key in ways if key not in own][: _MOST_CURVES - len(own)]}


def _bytes_plot(
    name: str,
    curves: Mapping[_Curve, Sequence[tuple[float, float]]],
    sentence: str,
    words: Words,
    colours: Mapping[str, str],
) -> Markup:
    series = [
        Series(
            name=f"{method}{_LAYOUTS[layout]}{'' if charged else _WITHOUT}",
            points=sorted(points),
            colour=colours[method],
            dashed=layout == "sheet" or not charged,
        )
        for (method, _, layout, charged), points in curves.items()
    ]
    return line_plot(
        name,
        series,
        title="Error over bytes",
        words=sentence,
        x=Axis(label=f"Bytes {words.a_thing}", log=True),
        y=Axis(label=f"Mean squared error,{words.unit}", log=True),
    )


def losses_plot(part: Losses, unit: str, colours: Mapping[str, str]) -> Markup:
    """A run's two losses in its model's colour, held-out ones broken, and PCA's error."""
    series = [one for curve in part.curves for one in _curves(curve, colours[curve.name])]
    series += _pca(part.curves)
    return line_plot(
        "plot-losses",
        [one for one in series if one.points],
        title="Losses over epochs",
        words=part.sentence,
        x=Axis(label="Epoch"),
        y=Axis(label=f"Loss, {unit}", log=True),
    )


def _curves(curve: LossCurve, colour: str) -> list[Series]:
    def points(losses: tuple[float, ...]) -> list[tuple[float, float]]:
        return [(epoch, loss) for epoch, loss in enumerate(losses, 1) if 0 < loss < float("inf")]

    training, held_out = f"{curve.name}, training", f"{curve.name}, {curve.held_out_name}"
    few = len(curve.loss) <= 12
    return [
        Series(name=training, points=points(curve.loss), colour=colour, marked=few),
        Series(
            name=held_out, points=points(curve.held_out), colour=colour, dashed=True, marked=few
        ),
    ]


def _pca(curves: Sequence[LossCurve]) -> list[Series]:
    """PCA's error over all epochs; once for models that it has the same for."""
    errors = dict.fromkeys(curve.pca for curve in curves if curve.pca and curve.loss)
    last = float(max([2, *(len(curve.loss) for curve in curves)]))
    series = []
    for error in errors:
        beside = [curve.name for curve in curves if curve.pca == error]
        name = "PCA" if len(errors) == 1 else f"PCA beside {' and '.join(beside)}"
        points = [(1.0, error), (last, error)]
        series.append(Series(name=name, points=points, colour="grey", dashed=True, marked=False))
    return series


def is_coloured(part: LatentSpace) -> bool:
    """Whether each class has a colour of its own."""
    return part.labels is not None and len(part.classes) <= COLOURED_CLASSES


def latent_plot(part: LatentSpace, number: int) -> Markup:
    """Where codes lie, coloured by class where there are classes."""
    points = [(x, y) for x, y in part.positions.tolist()]
    labels = part.labels if is_coloured(part) else None
    ranks = None if labels is None else labels.tolist()
    return scatter_plot(
        f"plot-latent-{number}",
        points,
        classes=part.classes,
        ranks=ranks,
        title=f"Where the codes of {part.model} lie",
        words=part.sentence,
        x=Axis(label=part.axes[0]),
        y=Axis(label=part.axes[1]),
    )
