"""Whether compiled code codes as NumPy does here."""

from collections.abc import Iterator

import numpy as np

from narrows.archive.mixing import compiled, in_numpy
from narrows.archive.mixing.learned import Settings
from narrows.archive.mixing.mixer_selection import FIRST
from narrows.archive.mixing.scan_order import ScanOrder


def check() -> Iterator[None]:
    """Code a few values and back; gives after each direction.

    Raises:
        ArithmeticError: a byte differs from NumPy's, or a value.
    """
    order, values = ScanOrder.of((2, 2), 1), np.array([[0, 1], [1, 1]], np.uint8)
    settings = Settings.for_values(values, 1, FIRST)
    coded = compiled.encode(order, settings, values)
    if coded != in_numpy.encode(order, settings, values):
        raise ArithmeticError("the bytes of compiled code differ from NumPy's")
    yield
    if not np.array_equal(compiled.decode(order, settings, coded), values):
        raise ArithmeticError("the values of compiled code differ from NumPy's")
    yield
