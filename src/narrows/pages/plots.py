"""Plots as SVG inside a page: drawn here, coloured by the stylesheet.

Every plot is drawn twice, for a wide page and for a phone, and the stylesheet shows one of them, so
that letters keep their size. Each says to scripts where its frame lies and between which values it
does (``data-frame`` and ``data-limits``, from left to right and from top to bottom, from low to
high). Colours are names of the stylesheet, such as ``ours`` and ``class-3``, which are others in
the dark.
"""

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from narrows.pages.ticks import fitting, linear_ticks, log_ticks, tick_text
from narrows.support.number_text import three_digits

# The paths of markers about the origin, 4 to 5 units each way.
_MARKS = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "M-3.6,-3.6h7.2v7.2h-7.2z",
    "M0,-5L5,0L0,5L-5,0z",
    "M0,-4.6L4.6,3.6H-4.6z",
    "M0,4.6L4.6,-3.6H-4.6z",
    "M-1.6,-4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
    "M-4.6,0L-1.4,1.4L0,4.6L1.4,1.4L4.6,0L1.4,-1.4L0,-4.6L-1.4,-1.4z",
    "M-4.6,-2.2h9.2v4.4h-9.2z",
    "M-2.2,-4.6h4.4v9.2h-4.4z",
)
# Of a text: from line to line, and about how wide a letter is.
_LINE, _LETTER = 16, 7
#: How many classes have a colour of their own.
COLOURED_CLASSES = 10
# Points are drawn in so many layers of all classes, so that no class hides another.
_LAYERS = 8


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis: what it counts, whether by its logarithm, and where its ticks are to be."""

    label: str
    log: bool = False
    ticks: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points (x, y) that belong together.

    Attributes:
        name: in the legend.
        points: from left to right.
        colour: a name of the stylesheet, such as ``ours``; by default the series' own.
        marked: whether each has a mark.
        dashed: whether the line through them is broken.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: str | None = None
    marked: bool = True
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where values lie in a drawing of so many units."""

    name: str
    width: int
    height: int
    left: int
    x: Axis
    y: Axis
    limits: tuple[float, float, float, float]

    @property
    def right(self) -> int:
        return self.width - 12

    @property
    def top(self) -> int:
        return 10 + _LINE * len(self.lines(self.y.label))

    @property
    def bottom(self) -> int:
        return self.height - 28 - _LINE * len(self.lines(self.x.label))

    def lines(self, label: str) -> list[str]:
        """A label in lines that are no longer than the drawing is wide."""
        return textwrap.wrap(label, int(self.width / _LETTER)) or [""]

    def across(self, value: float) -> float:
        low, high = self.limits[:2]
        return self.left + _share(value, low, high, self.x.log) * (self.right - self.left)

    def up(self, value: float) -> float:
        low, high = self.limits[2:]
        return self.bottom - _share(value, low, high, self.y.log) * (self.bottom - self.top)


def line_plot(
    name: str, series: Sequence[Series], *, title: str, words: str, x: Axis, y: Axis
) -> Markup:
    """Lines and marks with a legend above.

    Args:
        name: the plot's id in the page: letters, digits and hyphens.
        series: what to draw, the last one on top. Without any point there is no plot.
        title: what the plot is, for those who cannot see it; and ``words``, what to see in it.
        x: along the page.
        y: upwards.

    Raises:
        ValueError: a value of a logarithmic axis is not above 0, or one is not finite.
    """
    points = [point for one in series for point in one.points]
    marks = [
        (one.name, _sample(one, number))
        for number, one in enumerate(series)
        if one.points and one.name
    ]
    frames = _frames(name, points, x, y)
    drawings = [_drawing(frame, title, words, _lines(frame, series)) for frame in frames]
    return _whole(name, drawings, marks if len(marks) > 1 else [])


def scatter_plot(
    name: str,
    points: Sequence[tuple[float, float]],
    *,
    classes: Sequence[str] = (),
    ranks: Sequence[int] | None = None,
    title: str,
    words: str,
    x: Axis,
    y: Axis,
) -> Markup:
    """Points, each in the colour of its class, with a legend of the classes above.

    Args:
        name, title, words, x, y: as of :func:`line_plot`.
        points: drawn in the order given; a mixed one hides no class.
        classes: their names; beyond :data:`COLOURED_CLASSES` colours come again.
        ranks: the class of each point, by its place in ``classes``, -1 where it is not known; None
            for a single colour.
    """
    frames = _frames(name, points, x, y)
    drawings = [_drawing(frame, title, words, _dots(frame, points, ranks)) for frame in frames]
    legend = [(text, _dot(number)) for number, text in enumerate(classes)]
    if ranks and min(ranks) < 0:
        legend.append(("class not known", _dot(-1)))
    return _whole(name, drawings, legend if ranks is not None else [])


def _frames(name: str, points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Iterator[_Frame]:
    """A wide one and a phone's; of no points none."""
    if not points:
        return
    limits = (*_limits([p[0] for p in points], x), *_limits([p[1] for p in points], y))
    for kind, width, height in (("desk", 860, 420), ("phone", 360, 320)):
        ticks = _ticks(y, limits[2], limits[3], 8)
        left = 18 + 8 * max(len(tick_text(tick)) for tick in ticks)
        size = {"width": width, "height": height, "left": left}
        yield _Frame(name=f"{name}-{kind}", **size, x=x, y=y, limits=limits)


def _limits(values: Sequence[float], axis: Axis) -> tuple[float, float]:
    """A little more than the values span."""
    low, high = min(values), max(values)
    if not all(map(math.isfinite, values)) or (axis.log and low <= 0):
        raise ValueError(f"{axis.label}: values from {low:g} to {high:g} have no place on its axis")
    if axis.log:
        room = (high / low) ** 0.04 if high > low else 2.0
        return low / room, high * room
    room = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - room if low else 0.0, high + room


def _share(value: float, low: float, high: float, log: bool) -> float:
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _ticks(axis: Axis, low: float, high: float, most: int) -> Sequence[float]:
    if axis.ticks is not None:
        return [tick for tick in axis.ticks if low <= tick <= high] or [low]
    ticks = log_ticks(low, high, most) if axis.log else linear_ticks(low, high, most)
    return ticks or [low]


def _drawing(frame: _Frame, title: str, words: str, content: Markup) -> Markup:
    """One of the two drawings: grid, ticks, labels, and what is drawn over them."""
    kind = frame.name.rsplit("-", 1)[1]
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" data-frame="{} {} {} {}" '
        'data-limits="{:.9g} {:.9g} {:.9g} {:.9g}" role="img" '
        'aria-labelledby="{}-title {}-words">'
        '<title id="{}-title">{}</title><desc id="{}-words">{}</desc>{}{}</svg>'
    ).format(
        kind,
        frame.width,
        frame.height,
        frame.left,
        frame.right,
        frame.top,
        frame.bottom,
        *frame.limits,
        frame.name,
        frame.name,
        frame.name,
        title,
        frame.name,
        words,
        _grid(frame),
        content,
    )


def _grid(frame: _Frame) -> Markup:
    few = frame.width < 500
    across = _ticks(frame.x, *frame.limits[:2], 5 if few else 9)
    room = 12 + 8 * max(len(tick_text(tick)) for tick in across)
    across = fitting(across, [frame.across(tick) for tick in across], room)
    up = _ticks(frame.y, *frame.limits[2:], 8)
    up = fitting(up, [-frame.up(tick) for tick in up], 18)
    columns = [f"M{frame.across(tick):.1f},{frame.top}V{frame.bottom}" for tick in across]
    rows = [f"M{frame.left},{frame.up(tick):.1f}H{frame.right}" for tick in up]
    texts = [_text(frame.across(tick), frame.bottom + 18, tick_text(tick)) for tick in across]
    texts += [_text(frame.left - 8, frame.up(tick) + 4, tick_text(tick), "end") for tick in up]
    texts += [
        _text(frame.width / 2, frame.bottom + 22 + _LINE * number, line, "middle", "name")
        for number, line in enumerate(frame.lines(frame.x.label), 1)
    ]
    texts += [
        _text(0, 12 + _LINE * number, line, "start", "name")
        for number, line in enumerate(frame.lines(frame.y.label))
    ]
    return Markup('<path class="grid" d="{}"/>{}').format(
        "".join(columns + rows), Markup("").join(texts)
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> Markup:
    named = Markup(' class="{}"').format(kind) if kind else ""
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>').format(
        x, y, anchor, named, text
    )


def _lines(frame: _Frame, series: Sequence[Series]) -> Markup:
    return Markup("").join(_line(frame, one, number) for number, one in enumerate(series))


def _line(frame: _Frame, one: Series, number: int) -> Markup:
    places = [(frame.across(x), frame.up(y)) for x, y in one.points]
    drawn = Markup("")
    if len(places) > 1:
        path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn = Markup('<path class="{}" d="{}"/>').format(_stroke(one), path)
    if one.marked:
        for (x, y), point in zip(places, one.points, strict=True):
            drawn += Markup(
                '<path class="mark" transform="translate({:.1f} {:.1f})" d="{}">'
                "<title>{}: {}, {}</title></path>"
            ).format(x, y, _mark(number), one.name, *map(three_digits, point))
    return Markup('<g style="color: var(--{})">{}</g>').format(_colour(one, number), drawn)


def _dots(
    frame: _Frame, points: Sequence[tuple[float, float]], ranks: Sequence[int] | None
) -> Markup:
    """Points as round ends of lines of no length: nine letters each."""
    groups: dict[tuple[int, int], list[str]] = {}
    for place, (x, y) in enumerate(points):
        rank = -1 if ranks is None else ranks[place]
        key = (place * _LAYERS // len(points), rank)
        groups.setdefault(key, []).append(f"M{frame.across(x):.1f},{frame.up(y):.1f}h0")
    return Markup("").join(
        Markup(
            '<g style="color: var(--{})"><path class="edges" d="{}"/>'
            '<path class="points" d="{}"/></g>'
        ).format(
            "ours" if ranks is None else _class_colour(rank),
            "".join(places),
            "".join(places),
        )
        for (_, rank), places in sorted(groups.items())
    )


def _sample(one: Series, number: int) -> Markup:
    """What a series looks like, for the legend."""
    line = Markup('<path class="{}" d="M1,7H25"/>').format(_stroke(one))
    mark = (
        Markup('<path class="mark" transform="translate(13 7)" d="{}"/>').format(_mark(number))
        if one.marked
        else ""
    )
    return Markup(
        '<svg viewBox="0 0 26 14" aria-hidden="true" style="color: var(--{})">{}{}</svg>'
    ).format(_colour(one, number), line, mark)


def _dot(rank: int) -> Markup:
    return Markup(
        '<svg class="dot" viewBox="0 0 14 14" aria-hidden="true" style="color: '
        'var(--{})"><path class="edges" d="M7,7h0"/><path class="points" d="M7,7h0"/></svg>'
    ).format(_class_colour(rank))


def _class_colour(rank: int) -> str:
    return "grey" if rank < 0 else f"class-{rank % COLOURED_CLASSES}"


def _whole(name: str, drawings: Sequence[Markup], legend: Sequence[tuple[str, Markup]]) -> Markup:
    if not drawings:
        return Markup("")
    entries = Markup("").join(
        Markup("<li>{}{}</li>").format(sample, text) for text, sample in legend
    )
    listed = Markup('<ul class="legend">{}</ul>').format(entries) if entries else Markup("")
    return Markup('<div class="plot" id="{}">{}{}</div>').format(
        name, listed, Markup("").join(drawings)
    )


def _colour(one: Series, number: int) -> str:
    return one.colour or f"series-{number % len(_MARKS)}"


def _stroke(one: Series) -> str:
    return "drawn dashed" if one.dashed else "drawn"


def _mark(number: int) -> str:
    return _MARKS[number % len(_MARKS)]
