"""What made an item odd: how much its score falls when a part of it is as the others foretell.

A part is a column of a table, or a value of a flat row, and the lowest score that another value of
it gives is compared with the item's own. A category is replaced by each other one. A number is
first taken to be what training items have on average, and then :data:`STEPS` - 1 times what the
model makes of it, given the others. That is explanation by occlusion (Zeiler and Fergus, ECCV
2014), with likely values in place of an empty one.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float64

from narrows.support.chunks import chunks

#: Values that a number is given, one after the other.
STEPS = 5
# A part that the model copies from itself is not extrapolated further than to ten times a step.
_MOST_KEPT = 0.9

#: Of flat items (n, size): their scores (n, ways), higher is odder, and what the model makes of
#: them (n, size).
Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def falls(
    judge: Judge,
    items: Float[np.ndarray, "n size"],
    average: Float[np.ndarray, " size"],
    parts: Sequence[slice],
    choices: Sequence[Float[np.ndarray, "choices width"] | None],
) -> Float64[np.ndarray, "n parts ways"]:
    """How much lower each score is with each part as the others foretell it.

    Args:
        judge: gives scores, and what the model makes of items.
        items: n at least 1.
        average: of each value over training items.
        parts: where the values of each part lie in an item.
        choices: all that each part can be; None where it is a number.
    """
    own, _ = judge(items)
    result = np.empty((len(items), len(parts), own.shape[1]))
    numbers = [number for number, given in enumerate(choices) if given is None]
    if numbers:
        wide = len(numbers) * len(average)
        lowest = [
            _foretold(judge, some, average, [parts[number] for number in numbers])
            for some in chunks(items, width=wide)
        ]
        result[:, numbers] = np.concatenate(lowest)
    for number, given in enumerate(choices):
        if given is not None:
            lowest = [
                _chosen(judge, some, parts[number], given)
                for some in chunks(items, width=len(given) * len(average))
            ]
            result[:, number] = np.concatenate(lowest)
    return own[:, None] - result


def _chosen(
    judge: Judge, items: np.ndarray, part: slice, choices: Float[np.ndarray, "choices width"]
) -> Float64[np.ndarray, "n ways"]:
    """The lowest scores with a part as any of its choices."""
    changed = np.repeat(items, len(choices), axis=0)
    changed[:, part] = np.tile(choices, (len(items), 1))
    scores, _ = judge(changed)
    return scores.reshape(len(items), len(choices), -1).min(axis=1)


def _foretold(
    judge: Judge, items: np.ndarray, average: np.ndarray, parts: Sequence[slice]
) -> Float64[np.ndarray, "n parts ways"]:
    """The lowest scores with each part on the way from its average to what the model leaves."""
    count, size = items.shape
    replaced = np.zeros((len(parts), 1, size), bool)
    for number, part in enumerate(parts):
        replaced[number, 0, part] = True
    values = before = np.where(replaced, average, items.astype(np.float64))
    least = None
    for step in range(STEPS):
        scores, made = judge(values.reshape(-1, size))
        scores = scores.reshape(len(parts), count, -1)
        least = scores if least is None else np.minimum(least, scores)
        made = np.where(replaced, made.reshape(values.shape), values)
        if step % 2:  # two steps tell where all further ones would end (Aitken, 1926)
            kept = np.clip(_ratio(made - values, values - before), 0, _MOST_KEPT)
            made = values + (made - values) / (1 - kept)
        before, values = values, made
    assert least is not None
    return least.swapaxes(0, 1)


def shares(parts: Float64[np.ndarray, "n parts"]) -> Float64[np.ndarray, "n parts"]:
    """Non-negative numbers over their sum; equal shares where all are 0."""
    # over the largest first, so that a sum of the largest numbers there are does not overflow
    largest = parts.max(axis=1, keepdims=True, initial=0)
    parts = parts / np.where(largest > 0, largest, 1)
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1), 1 / parts.shape[1])


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and 0 where that is no number."""
    return np.divide(above, below, out=np.zeros_like(above), where=np.abs(below) > 1e-12)
