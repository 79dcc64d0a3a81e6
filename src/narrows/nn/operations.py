"""How much work a model is."""

import math

from narrows.nn.spec import Spec


def operations(spec: Spec, part: str) -> int:
    """Operations of a training step in a part for each item: a multiplication and an addition for
    every weight at every place, once forward and twice back."""
    total = 0
    results = spec.shapes(part)[1:]
    for (_, block, shape), result in zip(spec.placed(part), results, strict=True):
        weights = math.prod(block.array_shapes(shape).get("weight", (0,)))
        # a convolution's places are its results', a transposed one's what it gets
        places = min(math.prod(x[:-1]) for x in (shape, result))
        total += 6 * weights * places
    return total
