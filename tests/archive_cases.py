"""Arrays for tests of archives, and what must hold of every one that comes back."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
DTYPES += [f">{name}" for name in ("u2", "i4", "u8", "f2", "f4", "f8")]


@st.composite
def any_array(draw: st.DrawFn) -> np.ndarray:
    """Any values of any dtype in any small shape: NaN of every kind, zeros of both signs too."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    if draw(st.booleans()):  # bits at random
        size = int(np.prod(shape)) * dtype.itemsize
        raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), "u1")
        values = (raw % 2).astype(bool) if dtype.kind == "b" else raw.view(dtype)
        return values.reshape(shape)
    return draw(arrays.arrays(dtype, shape, fill=st.just(dtype.type(1))))


def assert_same(result: np.ndarray, expected: np.ndarray) -> None:
    """The same shape, dtype, byte order and bits."""
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert result.tobytes() == expected.tobytes()


def assert_within(result: np.ndarray, expected: np.ndarray, bound: float) -> None:
    """Every value within ``bound``, in exact arithmetic; what is not finite has the same bits."""
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    limit = Fraction(bound)
    for ours, theirs in zip(result.reshape(-1), expected.reshape(-1), strict=True):
        if ours.tobytes() != theirs.tobytes():
            a, b = ours.item(), theirs.item()  # float16, 32 and 64 are floats of Python exactly
            assert abs(Fraction(a) - Fraction(b)) <= limit, (a, b, bound)
