"""Arrays for tests of archives, and what must hold of every one that comes back."""

import io
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from narrows.archive.container import Container, Part, write_container

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


def parts_of(blob: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    container = Container(io.BytesIO(blob), "a")
    names = [name for name in container.sizes if name != "header"]
    return container.header, {name: container.read(name) for name in names}


def forged(header: dict[str, Any], parts: dict[str, bytes]) -> bytes:
    """An archive whose checksums are right, whatever it says."""
    out = io.BytesIO()
    held = [
        Part(name, content, len(content), checked=name != "payload")
        for name, content in parts.items()
    ]
    write_container(out, header, held)
    return out.getvalue()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["xz", "zlib", "<f8", "|u1", "shuffle"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def with_one_change(value: Any, path: list[int], new: Any) -> Any:
    """``value`` with one of its branches, as ``path`` leads, made ``new``."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    inside = value[key]
    if len(path) > 1 and isinstance(inside, dict | list) and inside:
        new = with_one_change(inside, path[1:], new)
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = new
    return changed
