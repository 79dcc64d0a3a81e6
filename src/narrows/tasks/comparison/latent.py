"""Where codes lie, and what each latent number does."""

import numpy as np

from narrows.report.comparison.result import Features, LatentNumber, LatentSpace
from narrows.report.latent_plane import latent_plane
from narrows.support.chunks import drawn_places
from narrows.support.shapes import is_picture_shape
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts

#: Points of a plot, and pictures among them, and values of all of these.
MOST_POINTS, MOST_PICTURES, _PICTURE_VALUES = 5_000, 240, 1 << 21
#: Latent numbers that are shown, and steps from one end of each to the other.
MOST_SHOWN, STEPS = 20, 7
# Beyond so many numbers nobody looks at what each does, and values that are decoded at once.
_MOST_NUMBERS, _DECODED = 1024, 1 << 22
# The ends of a latent number, in percent of the codes.
_ENDS = (5, 95)


def latent_space(parts: Parts, candidate: Candidate) -> LatentSpace:
    """Where a model puts some of the measured items."""
    kept = candidate.kept
    random = np.random.default_rng([parts.seed, _POINTS_STREAM])
    drawn = drawn_places(len(kept.places), MOST_POINTS, random)
    drawn = drawn[random.permutation(len(drawn))]  # so that no class hides another
    plane = latent_plane(kept.codes[drawn])
    shape = parts.test.item_shape
    most = 0
    if parts.test.table is None and is_picture_shape(shape):
        most = min(MOST_PICTURES, _PICTURE_VALUES // parts.test.item_size)
    spread = _spread(plane.points, most)
    places, labels = kept.places[drawn], parts.test.labels
    dead = int((np.ptp(kept.codes, axis=0) == 0).sum()) if len(kept.codes) > 1 else 0
    return LatentSpace(
        model=candidate.name,
        kind=candidate.kind,
        positions=plane.points.astype(np.float32),
        axes=plane.axes,
        explained=plane.explained,
        labels=None if labels is None else labels[places],
        classes=parts.classes,
        indices=parts.places[places],
        thumbnails=spread,
        pictures=kept.items[drawn[spread]].reshape(-1, *shape),
        dead=dead,
    )


def _spread(points: np.ndarray, most: int) -> np.ndarray:
    """Up to so many of the points (n, 2), one in a cell of a grid over them, so that their pictures
    do not cover one another: int (m,)."""
    if not most:
        return np.zeros(0, np.int64)
    low, high = points.min(axis=0), points.max(axis=0)
    width = np.where(high > low, high - low, 1)
    side = max(int(np.sqrt(1.5 * most)), 1)
    cells = np.minimum(((points - low) / width * side).astype(np.int64), side - 1)
    _, first = np.unique(cells[:, 0] * side + cells[:, 1], return_index=True)
    return np.sort(first)[:most]


def features(candidate: Candidate) -> Features | None:
    """What each latent number does to what is decoded; None where items do not come of codes alone,
    or codes are too long to look at each number."""
    spec = candidate.autoencoder.trained.model.spec
    if spec.crosses or spec.latent_size > _MOST_NUMBERS:
        return None
    codes = candidate.kept.codes
    # an item's own code: what the median of every number stands for need not look like an item
    away = codes - np.median(codes, axis=0)
    start = codes[np.argmin(np.square(away).sum(axis=1))]
    ends = np.percentile(codes, _ENDS, axis=0).astype(np.float32)
    moved = np.repeat(start[None], 2 * len(start), axis=0)
    numbers = np.arange(len(start))
    moved[2 * numbers, numbers], moved[2 * numbers + 1, numbers] = ends
    changes = _changes(candidate, moved)
    effects = np.sqrt(np.square(changes).reshape(len(start), -1).mean(axis=1))
    order = np.argsort(-effects, kind="stable")[:MOST_SHOWN]
    return Features(
        model=candidate.name,
        start=candidate.autoencoder.decode(start[None])[0],
        numbers=tuple(
            _latent_number(candidate, int(index), start, ends[:, index], changes[index])
            for index in order
        ),
    )


def _changes(candidate: Candidate, moved: np.ndarray) -> np.ndarray:
    """How decoded items of each pair of codes (2 n, latent) differ: float32 (n, \\*item_shape)."""
    size = int(np.prod(candidate.autoencoder.trained.item_shape))
    step = 2 * max(_DECODED // (2 * size), 1)
    found = []
    for start in range(0, len(moved), step):
        made = candidate.autoencoder.decode_floats(moved[start : start + step])
        found.append((made[1::2] - made[::2]).astype(np.float32))
    return np.concatenate(found)


def _latent_number(
    candidate: Candidate, index: int, start: np.ndarray, ends: np.ndarray, change: np.ndarray
) -> LatentNumber:
    values = np.linspace(ends[0], ends[1], STEPS, dtype=np.float32)
    codes = np.repeat(start[None], STEPS, axis=0)
    codes[:, index] = values
    return LatentNumber(
        index=index,
        effect=float(np.sqrt(np.square(change, dtype=np.float64).mean())),
        values=values,
        items=candidate.autoencoder.decode(codes),
        columns=_most_moved(candidate, change),
    )


def _most_moved(candidate: Candidate, change: np.ndarray) -> tuple[str, ...]:
    """The columns of a table that a change of its features moves most; () of other items."""
    table = candidate.autoencoder.trained.data.table
    if table is None:
        return ()
    moves = {
        column.name: float(np.square(change[column.features]).sum()) for column in table.learnt
    }
    order = sorted(moves, key=lambda name: -moves[name])
    return tuple(name for name in order[:3] if moves[name] > 0)


# Keeps which points are drawn apart from other draws of the same seed.
_POINTS_STREAM = 0x901D
