"""Draws packages as rooms on the floors of a house, and who uses whom as arrows, as SVG."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

WIDTH, MARGIN = 760, 40
ROOM, ROOF, GAP = 46, 64, 34  # heights: of a floor's rooms, above the highest, between floors
LETTER = 8.4  # how wide a letter of a room's name is, at most

STYLE = """
  svg { color-scheme: light dark; }
  .wall { fill: #faf8f4; stroke: #b9b2a5; stroke-width: 1.5; stroke-linejoin: round; }
  .room { fill: #ffffff; stroke: #3f6d8e; stroke-width: 1.4; }
  .common { fill: #e9eff3; stroke: #b9c6cf; }
  .name { font: 600 15px system-ui, sans-serif; fill: #22303a; text-anchor: middle; }
  .inside { font: 11.5px system-ui, sans-serif; fill: #66727a; text-anchor: middle; }
  .use { fill: none; stroke: #8496a3; stroke-width: 1.3; }
  .tip { fill: #8496a3; }
  @media (prefers-color-scheme: dark) {
    .wall { fill: #171b1f; stroke: #4b5359; }
    .room { fill: #20272d; stroke: #6ea3c7; }
    .common { fill: #2a333a; stroke: #46535c; }
    .name { fill: #e6ebee; }
    .inside { fill: #9ca8b0; }
    .use { stroke: #7d8e9a; }
    .tip { fill: #7d8e9a; }
  }
"""


@dataclass(eq=False)
class Place:
    """A room, or, without a name, where an arrow passes a floor."""

    name: str
    width: float
    x: float = 0.0  # of its middle
    y: float = 0.0  # of its upper edge
    above: list["Place"] = field(default_factory=list)
    below: list["Place"] = field(default_factory=list)


def draw(
    layers: Sequence[Sequence[str]],
    uses: Sequence[tuple[str, str]],
    inside: Mapping[str, Sequence[str]],
    common: Collection[str],
) -> str:
    """The picture of rooms in ``layers``, lowest first, of the arrows ``uses`` from a room to a
    lower one, of what is ``inside`` rooms, and of which are ``common``, by their names."""
    floors = [
        [Place(name, _width(name, inside.get(name, ()), name in common, len(row))) for name in row]
        for row in layers
    ]
    arrows = _connect(floors, uses)
    for _ in range(12):
        for floor in floors:
            _order(floor, "below")
        for floor in reversed(floors):
            _order(floor, "above")
    _untangle(floors)
    for _ in range(30):
        for floor in floors:
            _settle(floor)
    _centre(floors)
    height = ROOF + len(floors) * (ROOM + GAP) + MARGIN / 2
    for number, floor in enumerate(reversed(floors)):
        for place in floor:
            place.y = ROOF + GAP / 2 + number * (ROOM + GAP)
    return _svg(height, floors, arrows, inside, common)


def _width(name: str, inside: Sequence[str], common: bool, beside: int) -> float:
    # the foundation is wide: it carries all
    least = max((WIDTH - 2 * MARGIN - 60) * 0.9 / beside - 32, 120) if common else 84
    return max(LETTER * len(name) + 24, 6.2 * len(" · ".join(inside)) + 24, least)


def _connect(floors: list[list[Place]], uses: Sequence[tuple[str, str]]) -> list[list[Place]]:
    """The places that each arrow goes through; the floors get those where it passes them."""
    rooms = {room.name: (number, room) for number, row in enumerate(floors) for room in row}
    arrows = []
    for upper, lower in uses:
        (start, room), (end, goal) = rooms[upper], rooms[lower]
        passed = [Place("", 8) for _ in range(end + 1, start)]
        for number, place in zip(range(start - 1, end, -1), passed, strict=True):
            floors[number].append(place)
        way = [room, *passed, goal]
        for one, following in pairwise(way):
            one.below.append(following)
            following.above.append(one)
        arrows.append(way)
    for floor in floors:
        _spread(floor)
    return arrows


def _spread(floor: list[Place]) -> None:
    """Puts the places of a floor side by side, in their order, around the middle."""
    x = 0.0
    for i, place in enumerate(floor):
        x += _distance(floor[i - 1], place) if i else 0.0
        place.x = x
    for place in floor:
        place.x += (WIDTH - x) / 2


def _middle(places: Sequence[Place], otherwise: float) -> float:
    return sum(place.x for place in places) / len(places) if places else otherwise


def _distance(left: Place, right: Place) -> float:
    """Between the middles of neighbours, at least."""
    return (left.width + right.width) / 2 + (32 if left.name and right.name else 16)


def _order(floor: list[Place], side: str) -> None:
    """Orders the places of a floor by where those are that they are connected with."""
    floor.sort(key=lambda place: _middle(getattr(place, side), place.x))
    _spread(floor)


def _untangle(floors: list[list[Place]]) -> None:
    """Swaps neighbours as long as fewer arrows cross."""
    improved = True
    while improved:
        improved = False
        for floor in floors:
            for i in range(len(floor) - 1):
                if _crossings(floor[i], floor[i + 1]) > _crossings(floor[i + 1], floor[i]):
                    floor[i], floor[i + 1] = floor[i + 1], floor[i]
                    _spread(floor)
                    improved = True


def _crossings(left: Place, right: Place) -> int:
    """How many arrows of two neighbours cross, if they stand so."""
    sides = ((left.above, right.above), (left.below, right.below))
    return sum(a.x > b.x for ones, others in sides for a in ones for b in others)


def _settle(floor: list[Place]) -> None:
    """Moves each place as near to those it is connected with as order and distance allow: the
    least squares under an order, by pooling neighbours that would collide."""
    offset, offsets = 0.0, []
    for i, place in enumerate(floor):
        if i:
            offset += _distance(floor[i - 1], place)
        offsets.append(offset)
    pools: list[list[float]] = []  # the wished-for positions of places that stand side by side
    for place, offset in zip(floor, offsets, strict=True):
        near = [each.x for each in (*place.above, *place.below)]
        # rooms drift to one side if nothing keeps them; where no arrow leads, the middle is best
        pull = 0.2 if place.above else 4.0
        pools.append([(sum(near) + pull * WIDTH / 2) / (len(near) + pull) - offset])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    least = MARGIN + 24 + floor[0].width / 2
    most = WIDTH - MARGIN - 24 - floor[-1].width / 2 - offset
    starts = [min(max(_mean(pool), least), max(most, least)) for pool in pools for _ in pool]
    for place, start, offset in zip(floor, starts, offsets, strict=True):
        place.x = start + offset


def _centre(floors: Sequence[Sequence[Place]]) -> None:
    edges = [
        place.x + side * place.width / 2 for row in floors for place in row for side in (-1, 1)
    ]
    for row in floors:
        for place in row:
            place.x += (WIDTH - min(edges) - max(edges)) / 2


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _svg(
    height: float,
    floors: Sequence[Sequence[Place]],
    arrows: Sequence[Sequence[Place]],
    inside: Mapping[str, Sequence[str]],
    common: Collection[str],
) -> str:
    left, right, eaves = MARGIN, WIDTH - MARGIN, ROOF - 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
        "<title>The packages of narrows in their layers; arrows lead to what is used</title>",
        f"<style>{STYLE}</style>",
        f'<path class="wall" d="M{left} {eaves}V{height - 8:.0f}H{right}V{eaves}'
        f'M{left - 26} {eaves}L{WIDTH / 2:.0f} 8L{right + 26} {eaves}Z"/>',
    ]
    parts += [_arrow(way) for way in arrows]
    parts += [
        _room(place, inside.get(place.name, ()), place.name in common)
        for floor in reversed(floors)
        for place in floor
        if place.name
    ]
    return "\n".join([*parts, "</svg>", ""])


def _arrow(way: Sequence[Place]) -> str:
    x, y = _port(way[0], way[1], "below"), way[0].y + ROOM
    path = f"M{x:.1f} {y:.1f}"
    for place in way[1:]:
        last = place is way[-1]
        to = _port(place, way[-2], "above") if last else place.x
        end = place.y - (6 if last else 0)
        half = (y + end) / 2
        path += f"C{x:.1f} {half:.1f} {to:.1f} {half:.1f} {to:.1f} {end:.1f}"
        x, y = to, end
        if not last:
            y = place.y + ROOM
            path += f"V{y:.1f}"
    tip = f'<path class="tip" d="M{x - 4:.1f} {y - 2:.1f}h8l-4 7z"/>'
    return f'<path class="use" d="{path}"/>{tip}'


def _port(room: Place, other: Place, side: str) -> float:
    """Where on a room's edge the arrow from or to another place is: side by side, in order."""
    others = sorted(getattr(room, side), key=lambda place: place.x)
    step = min(22.0, (room.width - 24) / max(len(others) - 1, 1))
    return room.x + (others.index(other) - (len(others) - 1) / 2) * step


def _room(place: Place, inside: Sequence[str], common: bool) -> str:
    kind = "room common" if common else "room"
    y = place.y + (20 if inside else 28)
    text = f'<text class="name" x="{place.x:.1f}" y="{y:.1f}">{escape(place.name)}</text>'
    if inside:
        names = escape(" · ".join(inside))
        text += f'<text class="inside" x="{place.x:.1f}" y="{y + 16:.1f}">{names}</text>'
    return (
        f'<rect class="{kind}" x="{place.x - place.width / 2:.1f}" y="{place.y:.1f}" '
        f'width="{place.width:.1f}" height="{ROOM}" rx="5"/>{text}'
    )
