"""Damaged and forged archives: a clear error or the right data, in little memory."""

import functools
import io
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.archive_cases import assert_same, forged, json_values, parts_of, with_one_change
from narrows import compress, decompress
from narrows.archive import blocks as blocks_module
from narrows.archive import opening, write_archive
from narrows.archive.container import HEAD, MAGIC, Container, Part, write_container
from narrows.errors import ArchiveError

ITEMS = np.random.default_rng(0).integers(0, 40, (30, 4), "i2")
FLOATS = np.where(np.arange(40) % 7 == 3, np.nan, np.arange(40) / 10)


def small_archive(items: np.ndarray, bound: float = 0) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK_BYTES", 80)
        return compress(items, bound)


ARCHIVES = {"integers": small_archive(ITEMS), "floats": small_archive(FLOATS, 0.3)}
every_archive = pytest.mark.parametrize("blob", ARCHIVES.values(), ids=ARCHIVES)


def edited(blob: bytes, **changes: Any) -> bytes:
    header, parts = parts_of(blob)
    return forged({**header, **changes}, parts)


@contextmanager
def little_memory(most: int = 16 << 20) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def refused(blob: bytes, match: str | None = None) -> None:
    with little_memory(), pytest.raises(ArchiveError, match=match):
        decompress(blob)


def right_or_refused(blob: bytes, expected: np.ndarray) -> None:
    try:
        result = decompress(blob)
    except ArchiveError:
        return
    assert_same(result, expected)


# Damage


@pytest.mark.slow
@every_archive
def test_every_flipped_bit_is_noticed(blob: bytes) -> None:
    for place in range(len(blob)):
        for bit in range(8):
            damaged = bytearray(blob)
            damaged[place] ^= 1 << bit
            with pytest.raises(ArchiveError):
                decompress(bytes(damaged))


@every_archive
def test_every_truncation_is_noticed(blob: bytes) -> None:
    for length in range(len(blob)):
        with pytest.raises(ArchiveError):
            decompress(blob[:length])


@every_archive
def test_random_mutations_are_noticed(blob: bytes) -> None:
    random = np.random.default_rng(0)
    expected = decompress(blob)
    for _ in range(1000):
        damaged = bytearray(blob)
        for _ in range(random.integers(1, 5)):
            start = random.integers(len(damaged))
            piece = random.integers(0, 256, random.integers(0, 20), "u1").tobytes()
            damaged[start : start + random.integers(0, 20)] = piece
        right_or_refused(bytes(damaged), expected)


def test_what_happened_is_said() -> None:
    blob = ARCHIVES["integers"]
    refused(b"", "not an archive")
    refused(b"\x93NUMPY and so on and on and on", "not an archive")
    refused(blob[:3], "it ends after 3 bytes")
    refused(blob[:100], "ends within its header")
    refused(blob[:-1], f"takes {len(blob):,} bytes and has {len(blob) - 1:,}")
    refused(blob + b"\0", "1 bytes follow")
    refused(blob.replace(b"\r\n", b"\n"), "line ends")
    refused(blob[:8] + struct.pack("<H", 2) + blob[10:], "version 2 of the format")
    refused(blob[:-1] + bytes([blob[-1] ^ 1]), r"checksum of block \d+ of \d+ does not match")


def test_undamaged_blocks_can_still_be_read() -> None:
    blob = ARCHIVES["integers"]
    _, parts = parts_of(blob)
    place = len(blob) - len(parts["payload"])
    damaged = blob[:place] + bytes([blob[place] ^ 4]) + blob[place + 1 :]
    with opening.opened(io.BytesIO(damaged), "a") as archive:
        assert archive.damaged_items() == [(0, 10)]  # 80 bytes are 10 items
        assert_same(archive.items(10, 30), ITEMS[10:])
        left = list(archive.batches(skip_damaged=True))
        assert_same(np.concatenate(left), ITEMS[10:])
        left = list(archive.batches(5, 15, skip_damaged=True))
        assert_same(np.concatenate(left), ITEMS[10:15])
        with pytest.raises(ArchiveError, match="block 1 of 3"):
            archive.items(0, 30)


def test_what_is_left_of_a_cut_file_can_be_read() -> None:
    cut = ARCHIVES["integers"][:-2]
    with opening.opened(io.BytesIO(cut), "a", damaged_too=True) as archive:
        assert archive.damaged_items() == [(20, 30)]
        assert_same(np.concatenate(list(archive.batches(skip_damaged=True))), ITEMS[:20])


def test_a_block_that_passes_its_checksum_is_still_compared() -> None:
    header, parts = parts_of(ARCHIVES["integers"])
    refused(forged({**header, "sha256": "0" * 64}, parts), "SHA-256")


# Forgery


HUGE = 2**40
ARRAY = {"kind": "array", "dtype": "<i2", "shape": [30, 4]}
FORGERIES: dict[str, tuple[dict[str, Any], str]] = {
    "huge": ({"data": ARRAY | {"shape": [HUGE, 4]}}, "its blocks hold 120 values"),
    "beyond all": ({"data": ARRAY | {"shape": [2**62, 2**62]}}, "no array can have"),
    "beyond 64 bits": ({"data": ARRAY | {"shape": [10**40]}}, "a length is no such number"),
    "empty beyond all": ({"data": ARRAY | {"shape": [0, 2**62, 2**62]}}, "no array can have"),
    "negative": ({"data": ARRAY | {"shape": [-1, 4]}}, "a length is -1"),
    "not whole": ({"data": ARRAY | {"shape": [30.0, 4]}}, "a length"),
    "truth": ({"data": ARRAY | {"shape": [True, 4]}}, "a length"),
    "rank": ({"data": ARRAY | {"shape": [1] * 65}}, "65 dimensions"),
    "objects": ({"data": ARRAY | {"dtype": "|O8"}}, "gives the dtype"),
    "text": ({"data": ARRAY | {"dtype": "<U9"}}, "gives the dtype"),
    "long double": ({"data": ARRAY | {"dtype": "<f16"}}, "gives the dtype"),
    "other kind": ({"data": {"kind": "film"}}, "holds data of the kind 'film'"),
    "no data": ({"data": None}, "'data'"),
    "bound": ({"bound": -1}, "'bound'"),
    "no pipeline": ({"pipelines": []}, "coded in way 0"),
    "method": ({"pipelines": [{"method": "zpaq"}]}, "which this narrows does not have"),
    "filter": ({"pipelines": [{"method": "xz", "filters": ["x"]}]}, "filters that there are not"),
    "filters": (
        {"pipelines": [{"method": "xz", "filters": ["shuffle"] * 9}]},
        "filters that there are not",
    ),
    "steps": ({"pipelines": [{"method": "xz", "levels": {"step": 0}}]}, "a step is 0"),
    "wrong way": ({"pipelines": [{"method": "png"}]}, "cannot be decoded"),
}


@pytest.mark.parametrize("changes, match", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_header_is_refused(changes: dict[str, Any], match: str) -> None:
    refused(edited(ARCHIVES["integers"], **changes), match)


@pytest.mark.parametrize("levels", [{"step": 1, "divisor": 0}, {"step": 1, "divisor": -1}, 3])
def test_forged_levels_of_floats_are_refused(levels: Any) -> None:
    refused(edited(ARCHIVES["floats"], pipelines=[{"method": "xz", "levels": levels}]))


def zeros(size: int, wbits: int = -15) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return packer.compress(bytes(size)) + packer.flush()


def block(values: int, content: bytes, pipeline: int = 0) -> bytes:
    return blocks_module.RECORD.pack(values, len(content), zlib.crc32(content), pipeline)


def one_block(dtype: str, shape: list[int], content: bytes, values: int, **pipeline: Any) -> bytes:
    header = {
        "data": {"kind": "array", "dtype": dtype, "shape": shape},
        "bound": 0,
        "pipelines": [{"method": "zlib", **pipeline}],
        "sha256": "0" * 64,
    }
    return forged(header, {"index": block(values, content), "payload": content})


BOMBS = (
    "zlib", "bzip2", "xz", "png", "unpacked exceptions", "exceptions", "few bytes", "block",
    "index", "misfit",
)  # fmt: skip


@functools.cache
def bombs() -> dict[str, bytes]:
    import bz2
    import lzma

    from PIL import Image

    picture = io.BytesIO()
    Image.new("L", (5000, 5000)).save(picture, "PNG")
    many = zeros(30 << 20)
    return {
        "zlib": one_block("|u1", [100], many, 100),
        "bzip2": one_block("|u1", [100], bz2.compress(bytes(30 << 20)), 100, method="bzip2"),
        "xz": one_block("|u1", [100], lzma.compress(bytes(30 << 20)), 100, method="xz"),
        "png": one_block("|u1", [1, 9, 9], picture.getvalue(), 81, method="png"),
        "unpacked exceptions": one_block(
            "<f8",
            [9],
            struct.pack("<II", 9, len(many)) + many + zeros(72),
            9,
            levels={"step": 1, "divisor": 1},
        ),
        "exceptions": one_block(
            "<f8",
            [9],
            struct.pack("<II", 2**32 - 1, len(many)) + many + zeros(72),
            9,
            levels={"step": 1, "divisor": 1},
        ),
        "few bytes": one_block("|u1", [60 << 20], b"\0" * 9, 60 << 20),
        "block": one_block("|u1", [1 << 28], zeros(1 << 18), 1 << 28),
        "index": one_block("|u1", [2**31], zeros(100), 100),
        "misfit": one_block("|u1", [10, 8], zeros(80), 79),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory(name: str) -> None:
    assert set(bombs()) == set(BOMBS)
    refused(bombs()[name])


def test_a_header_that_unpacks_to_more_than_it_says_is_refused() -> None:
    content = zeros(64 << 20)
    start = HEAD.pack(MAGIC, 1, 1, 0, len(content), 1000, 0)[:-4]
    refused(start + struct.pack("<I", zlib.crc32(content, zlib.crc32(start))) + content)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":NaN}', b"[]", b"\xff", b"1" * 5000, b"{}"])
def test_a_header_that_is_none_is_refused(text: bytes) -> None:
    start = HEAD.pack(MAGIC, 1, 0, 0, len(text), len(text), 0)[:-4]
    refused(start + struct.pack("<I", zlib.crc32(text, zlib.crc32(start))) + text)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(list(ARCHIVES.values())),
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    json_values,
)
def test_any_forged_header_is_refused_or_read(blob: bytes, path: list[int], new: Any) -> None:
    header, parts = parts_of(blob)
    with suppress(ArchiveError):
        decompress(forged(with_one_change(header, path, new), parts), max_bytes=1 << 20)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["xz", "zlib", "bzip2", "png", "webp", "stored"]), st.binary(max_size=60))
def test_any_forged_block_is_refused_or_read(method: str, content: bytes) -> None:
    blob = one_block("<f4", [2, 3, 4], content, 24, method=method)
    with suppress(ArchiveError):
        decompress(blob)


# Containers


def container(*parts: Part, **header: Any) -> bytes:
    out = io.BytesIO()
    write_container(out, header, parts)
    return out.getvalue()


def test_parts_are_read_by_name() -> None:
    blob = container(Part.of("model", b"abc"), Part.of("tables", b""), a=[1, "ß"])
    held = Container(io.BytesIO(blob), "a")
    assert held.header == {"a": [1, "ß"]}
    assert held.read("model") == b"abc" and held.read("tables") == b""
    assert sum(held.sizes.values()) == len(blob)
    with pytest.raises(ArchiveError, match="'more' is missing"):
        held.read("more")


PARTS: list[tuple[Callable[[list[Any]], Any], str]] = [
    (lambda parts: None, "'parts'"),
    (lambda parts: [*parts, ["x", HUGE, 0]], "cut short"),
    (lambda parts: [*parts, ["x", -1]], "the length of its part 'x' is -1"),
    (lambda parts: [*parts, parts[0]], "is there twice"),
    (lambda parts: [*parts, "x"], "does not say what its parts are"),
    (lambda parts: parts[:-1], "bytes follow"),
    (lambda parts: [["index", parts[0][1], parts[0][2] ^ 1], *parts[1:]], "checksum of its part"),
]


@pytest.mark.parametrize("change, match", PARTS)
def test_forged_parts_are_refused(change: Callable[[list[Any]], Any], match: str) -> None:
    blob = ARCHIVES["integers"]
    _, _, how, _, held, *_ = HEAD.unpack_from(blob)
    text = blob[HEAD.size : HEAD.size + held]
    header = json.loads(zlib.decompress(text, -15) if how else text)
    header["parts"] = change(header["parts"])
    text = json.dumps(header).encode()
    start = HEAD.pack(MAGIC, 1, 0, 0, len(text), len(text), 0)[:-4]
    front = start + struct.pack("<I", zlib.crc32(text, zlib.crc32(start))) + text
    refused(front + blob[HEAD.size + held :], match)


def test_writing_needs_no_seeking() -> None:
    class Pipe(io.RawIOBase):
        taken = b""

        def write(self, content: Any) -> int:
            self.taken += bytes(content)
            return len(content)

    pipe = Pipe()
    write_archive(pipe, ITEMS)  # type: ignore[arg-type]
    assert_same(decompress(pipe.taken), ITEMS)
