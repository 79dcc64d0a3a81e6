"""Damaged and forged archives of tables: a clear error or the right data."""

import io
import math
import sys
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.archive_cases import forged, json_values, parts_of, with_one_change
from helpers.table_cases import assert_same_table, related_table
from narrows import compress, decompress
from narrows.archive import holding, opening
from narrows.archive.blocks import RECORD
from narrows.archive.tables import sources
from narrows.archive.tables.joint_coding import decode_jointly, encode_jointly
from narrows.errors import ArchiveError

TABLE = related_table(60).select(["base", "twice", "price", "color", "gap", "kind", "noise"])


def small_archive(table: Any, rows: int = 1000) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "GROUP_ROWS", rows)
        return compress(table, "1%")


BLOB, GROUPS = small_archive(TABLE), small_archive(TABLE, 20)
EXPECTED = decompress(BLOB)
FRAME = compress(
    pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": [1.5, 2.5, None]})
)


@pytest.mark.slow
def test_every_flipped_bit_is_noticed() -> None:
    for place in range(0, len(GROUPS), 2):
        damaged = bytearray(GROUPS)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(ArchiveError):
            decompress(bytes(damaged))


def test_every_truncation_is_noticed() -> None:
    for length in range(0, len(BLOB), 3):
        with pytest.raises(ArchiveError):
            decompress(BLOB[:length])


@pytest.mark.parametrize("categories", [False, True])
def test_a_library_that_is_missing_is_named(
    categories: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, parts = parts_of(FRAME)
    column = header["data"]["columns"][0]
    held = column["categories"] if categories else column
    held["pipelines"] = [{"method": "zstd"}] * len(held["pipelines"])
    for module in ("zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ArchiveError, match="zstd, which is not installed here") as error:
        decompress(forged(header, parts))
    assert "install zstandard" in (error.value.hint or "")


def test_undamaged_groups_can_still_be_read() -> None:
    _, parts = parts_of(GROUPS)
    damaged = bytearray(GROUPS)
    damaged[-len(parts["payload"])] ^= 1
    whole = decompress(GROUPS)
    with opening.opened(io.BytesIO(bytes(damaged)), "a") as archive:
        assert archive.damaged_items() == [(0, 20)]
        assert_same_table(archive.items(20, 60), whole.slice(20))
        left = [batch.num_rows for batch in archive.batches(skip_damaged=True)]
        assert left == [20, 20]
        with pytest.raises(ArchiveError, match="group 1 of 3"):
            archive.read()
    with opening.opened(io.BytesIO(GROUPS[:-1]), "a", damaged_too=True) as archive:
        assert archive.damaged_items() == [(40, 60)]
        assert_same_table(archive.items(0, 40), whole.slice(0, 40))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"rows": 10**18}, "rows is"),
        ({"rows": 61}, "do not hold its 61 rows"),
        ({"columns": []}, "names 0 columns"),
        ({"columns": [{}]}, "'name'"),
        ({"frame": "excel"}, "names no kind of table"),
    ],
)
def test_a_forged_header_is_refused(change: dict[str, Any], match: str) -> None:
    header, parts = parts_of(BLOB)
    with pytest.raises(ArchiveError, match=match):
        decompress(forged({**header, "data": {**header["data"], **change}}, parts))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"type": "list<item: int64>"}, "is of type"),
        ({"type": "string"}, "damaged"),
        ({"name": "twice"}, "two columns one name"),
        ({"bound": -1}, "'bound'"),
        ({"pipelines": [{"method": "xz"}] * 256}, "256 pipelines"),
        ({"pipelines": []}, "which the header lacks"),
        ({"pipelines": [{"method": "rows", "levels": {"step": 0}}]}, "a step is 0"),
    ],
)
def test_a_forged_column_is_refused(change: dict[str, Any], match: str) -> None:
    header, parts = parts_of(BLOB)
    columns = header["data"]["columns"]
    data = {**header["data"], "columns": [{**columns[0], **change}, *columns[1:]]}
    with pytest.raises(ArchiveError, match=match):
        decompress(forged({**header, "data": data}, parts))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([BLOB, FRAME]), st.lists(st.integers(0, 9), min_size=1, max_size=6), json_values
)
def test_any_forged_header_is_refused_or_read(blob: bytes, path: list[int], new: Any) -> None:
    header, parts = parts_of(blob)
    with suppress(ArchiveError):
        decompress(forged(with_one_change(header, path, new), parts), max_bytes=1 << 20)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_forged_group_is_refused_or_read(data: st.DataObject) -> None:
    header, parts = parts_of(data.draw(st.sampled_from([BLOB, FRAME])))
    content = bytearray(parts["payload"])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    rows, *_ = RECORD.unpack(parts["index"])
    parts["payload"] = bytes(content)
    parts["index"] = RECORD.pack(rows, len(content), zlib.crc32(content), 0)
    with suppress(ArchiveError):
        # the SHA-256 tells whether the values are still the same
        decompress(forged(header, parts), max_bytes=1 << 24)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 40), st.integers(1, 3))
def test_any_bytes_are_columns_or_none(content: bytes, rows: int, count: int) -> None:
    with suppress(ValueError, IndexError, ArithmeticError, Exception):
        columns = decode_jointly(content, rows, count)
        assert len(columns) == count and all(len(each) == rows for each in columns)


def test_columns_that_end_early_are_noticed() -> None:
    content, _ = encode_jointly([np.arange(100) % 7, np.arange(100) % 5])
    for length in range(len(content)):
        with pytest.raises(Exception):  # noqa: B017
            decode_jointly(content[:length], 100, 2)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({name: ["x" * 400] for name in "abc"}),  # each of which alone is small
        pa.table({"a": ["x" * 50] * 40}),  # which is there once
        pa.table({"a": pa.array([f"{n:0100}" for n in range(20)]).dictionary_encode()}),
    ],
    ids=["columns", "one text", "categories"],
)
def test_few_bytes_that_become_many_are_refused_before_they_do(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = compress(table)
    assert_same_table(decompress(blob), table)
    monkeypatch.setattr("narrows.archive.tables.archive.LARGEST", 1000)
    monkeypatch.setattr(holding, "_ALWAYS_ALLOWED", 1000)
    monkeypatch.setattr(holding, "_PLAUSIBLE", 0)
    with pytest.raises(ArchiveError, match="would take"):
        decompress(blob, max_bytes=math.inf)


def test_what_happened_is_said() -> None:
    header, parts = parts_of(BLOB)
    with pytest.raises(ArchiveError, match="SHA-256"):
        decompress(forged({**header, "sha256": "0" * 64}, parts))
    with pytest.raises(ArchiveError, match="checksum of group 1 of 1"):
        decompress(BLOB[:-1] + bytes([BLOB[-1] ^ 1]))
    assert_same_table(decompress(forged(header, parts)), EXPECTED)
