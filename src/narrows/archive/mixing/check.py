"""Whether the compiled walk codes as NumPy does here."""

from collections.abc import Iterator

import numpy as np

from narrows.archive.mixing import compiled, walk
from narrows.archive.mixing.course import Course
from narrows.archive.mixing.kinds import FIRST
from narrows.archive.mixing.learned import Settings


def check() -> Iterator[None]:
    """Code a few values and back; gives after each direction.

    Raises:
        ArithmeticError: a byte differs from NumPy's, or a value.
    """
    course, values = Course.of((2, 2), 1), np.array([[0, 1], [1, 1]], np.uint8)
    settings = Settings.for_values(values, 1, FIRST)
    coded = compiled.encode(course, settings, values)
    if coded != walk.encode(course, settings, values):
        raise ArithmeticError("the bytes of compiled code differ from NumPy's")
    yield
    if not np.array_equal(compiled.decode(course, settings, coded), values):
        raise ArithmeticError("the values of compiled code differ from NumPy's")
    yield
