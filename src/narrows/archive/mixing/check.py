"""Whether compiled code codes as NumPy does here."""

import numpy as np

from narrows.archive.mixing import compiled, in_numpy
from narrows.archive.mixing.learned import Settings
from narrows.archive.mixing.mixer_selection import FIRST
from narrows.archive.mixing.scan_order import ScanOrder


def check(kernel: int) -> None:
    """Code a few values, kernel 0, or decode them, kernel 1.

    Raises:
        ArithmeticError: a byte differs from NumPy's, or a value.
    """
    order, values = ScanOrder.of((2, 2), 1), np.array([[0, 1], [1, 1]], np.uint8)
    settings = Settings.for_values(values, 1, FIRST)
    coded = in_numpy.encode(order, settings, values)
    if kernel == 0:
        if compiled.encode(order, settings, values) != coded:
            raise ArithmeticError("the bytes of compiled code differ from NumPy's")
    elif not np.array_equal(compiled.decode(order, settings, coded), values):
        raise ArithmeticError("the values of compiled code differ from NumPy's")
