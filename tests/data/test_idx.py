"""IDX files: what is written by the format's rules is read back; what breaks them is refused."""

import contextlib
import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from narrows.data import load_data, read_idx
from narrows.data.idx import idx_header, looks_like_idx
from narrows.errors import DataError

# From the format's description, not from the module under test.
CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}

tmp_path_is_reused = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(">BBBB", 0, 0, CODES[array.dtype.name], array.ndim)
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return header + lengths + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(params=["items.idx", "items.idx.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where to write: once raw, once packed."""
    return tmp_path / request.param


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: npst.arrays(name, npst.array_shapes(min_dims=0, max_dims=6, max_side=4))
    )
)
@tmp_path_is_reused
def test_round_trip_of_every_dtype_and_rank(path: Path, array: np.ndarray) -> None:
    path.unlink(missing_ok=True)  # an earlier example's array may still be mapped to it
    read = read_idx(write(path, idx_bytes(array)))
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


def test_header_is_the_one_of_the_format() -> None:
    for name in CODES:
        array = np.zeros((3, 2, 1), name)
        assert idx_bytes(array) == idx_header(array.shape, array.dtype) + array.tobytes()


def test_highest_rank_that_numpy_holds(path: Path) -> None:
    array = np.full((1,) * 64, 7, np.uint8)
    np.testing.assert_array_equal(read_idx(write(path, idx_bytes(array))), array)


def test_rank_beyond_numpy_is_refused(path: Path) -> None:
    content = bytes([0, 0, 8, 65]) + struct.pack(">65I", *[1] * 65) + b"\7"
    with pytest.raises(DataError, match="65 dimensions, and 64 is the limit"):
        read_idx(write(path, content))


@pytest.mark.parametrize("change", [-1, -300, 1, 5000])
def test_wrong_length_is_refused_with_both_lengths(path: Path, change: int) -> None:
    content = idx_bytes(np.zeros((5, 10, 10), np.uint8))
    content = content[:change] if change < 0 else content + bytes(change)
    with pytest.raises(DataError, match=rf"promises 500 bytes .* holds .*{500 + change:,}"):
        read_idx(write(path, content))


@pytest.mark.parametrize("lengths", [(60_000, 28, 28), (2**32 - 1,) * 3])
def test_promise_beyond_the_file_is_refused_before_allocation(
    path: Path, lengths: tuple[int, ...]
) -> None:
    write(path, bytes([0, 0, 0x0E, len(lengths)]) + struct.pack(">3I", *lengths) + bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="promises"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("shape", [(0, 28, 28), (3, 0), (0, 2**32 - 1, 2**32 - 1)])
def test_no_values_are_refused(path: Path, shape: tuple[int, ...]) -> None:
    content = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    with pytest.raises(DataError, match="is empty"):
        read_idx(write(path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "starts with the bytes 00 00 0a 01"),
        (b"\x01\0\x08\x01\0\0\0\x01\0", "starts with the bytes 01 00 08 01"),
        (b"\0\0\x08\x03\0\0\0\x01\0\0", "3 dimensions take 16 bytes, and it holds 10"),
    ],
)
def test_what_is_not_idx_is_refused(path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_idx(write(path, content))
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8).reshape(20, 10))))
    path = tmp_path / "items.idx.gz"
    checksum = bytearray(packed)
    checksum[-8] ^= 1
    for damaged in (checksum, packed[:-4], packed[:60], packed + b"trailing"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"items\.idx\.gz is a damaged gzip file"):
            read_idx(path)


@given(content=st.binary(max_size=64) | st.binary(max_size=60).map(lambda end: b"\0\0\x08" + end))
@tmp_path_is_reused
def test_random_bytes_are_read_or_refused(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    read_or_refuse(write(path, content))


@given(
    packed=st.booleans(),
    position=st.integers(0, 200),
    value=st.integers(0, 255),
    cut=st.integers(0, 40),
)
@tmp_path_is_reused
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, packed: bool, position: int, value: int, cut: int
) -> None:
    content = idx_bytes(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    mutated = bytearray(gzip.compress(content) if packed else content)
    mutated[position % len(mutated)] = value
    path = tmp_path / "items.idx"
    path.unlink(missing_ok=True)
    path.write_bytes(mutated[: len(mutated) - cut])
    read_or_refuse(path)


def read_or_refuse(path: Path) -> None:
    looks_like_idx(path)
    with contextlib.suppress(DataError):
        assert read_idx(path).size > 0


def test_recognised_by_content_or_by_name(tmp_path: Path) -> None:
    content = idx_bytes(np.zeros((2, 3), np.float32))
    for name in ("anything.bin", "anything.gz"):
        assert looks_like_idx(write(tmp_path / name, content))
    for name in ("train-images-idx3-ubyte", "labels.idx1-ubyte.gz", "a.idx", "a.idx.gz"):
        assert looks_like_idx(write(tmp_path / name, b"no header"))
    for name in ("notes.txt", "table.csv.gz"):
        assert not looks_like_idx(write(tmp_path / name, b"no header"))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"),
        ("letters train-images.idx3-ubyte", "letters train-labels.idx1-ubyte"),
        ("images-idx3", "labels-idx1"),
    ],
)
def test_labels_that_lie_beside_images_are_found_where_they_are_asked_for(
    tmp_path: Path, images: str, labels: str
) -> None:
    pixels, numbers = np.arange(60, dtype=np.uint8).reshape(5, 3, 4), np.arange(5, dtype=np.uint8)
    path = write(tmp_path / images, idx_bytes(pixels))
    assert load_data(path, labels=True).labels is None
    write(tmp_path / labels, idx_bytes(numbers))
    found = load_data(path, labels=True)
    np.testing.assert_array_equal(found.items, pixels)
    np.testing.assert_array_equal(found.labels, numbers)
    assert load_data(path).labels is None


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a-images-idx3-ubyte", idx_bytes(np.zeros((5, 3, 4), np.uint8)))
    write(tmp_path / "a-labels-idx1-ubyte", idx_bytes(np.zeros(4, np.uint8)))
    with pytest.raises(DataError, match="5 items and labels of shape"):
        load_data(path, labels=True)
    np.save(tmp_path / "b-images-idx3-ubyte.npy", np.zeros((2, 3)))
    write(tmp_path / "b-labels-idx1-ubyte", idx_bytes(np.zeros(4, np.uint8)))
    assert load_data(tmp_path / "b-images-idx3-ubyte.npy", labels=True).labels is None
