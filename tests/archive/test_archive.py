"""Archives: what goes in comes out, to the bit or within the bound, and costs what it says."""

import bz2
import io
import lzma
import sys
import tracemalloc
import zlib
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import golden_archives
from helpers.archive_cases import any_array, assert_same, assert_within, forged, parts_of
from narrows import Dataset, compress, decompress
from narrows.archive import Archive, Trial, open_archive, opening, write_archive
from narrows.archive import blocks as blocks_module
from narrows.archive.arrays import Layout
from narrows.archive.choosing import sampled_blocks
from narrows.archive.methods.compressors import Deflate, Stored
from narrows.archive.verifying import verify
from narrows.errors import ArchiveError, DataError, ShapeError, UsageError

FEW = settings(max_examples=60, deadline=None)


def written(items: np.ndarray, **options: object) -> Archive:
    out = io.BytesIO()
    write_archive(out, items, effort="fast", **options)  # type: ignore[arg-type]
    return opening.opened(io.BytesIO(out.getvalue()), "the archive")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 bytes, items of more than 100 cut into pieces."""
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 64)
    monkeypatch.setattr(blocks_module, "WHOLE_ITEM_BYTES", 100)


# Lossless


@pytest.mark.slow
@FEW
@given(any_array())
def test_lossless_is_the_same_bits(items: np.ndarray) -> None:
    assert_same(decompress(compress(items, effort="fast")), items)


@pytest.mark.slow
@FEW
@given(any_array())
def test_lossless_is_the_same_bits_in_many_blocks(items: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK_BYTES", 24)
        patch.setattr(blocks_module, "WHOLE_ITEM_BYTES", 40)
        assert_same(decompress(compress(items, effort="fast")), items)


SPECIAL = {
    "constant": np.full((50, 4), 7, "i4"),
    "one item": np.arange(12, dtype="u2").reshape(1, 3, 4),
    "no dimension": np.array(3.5),
    "no items": np.zeros((0, 28, 28), "u1"),
    "items of nothing": np.zeros((5, 0), "f4"),
    "1-bit images": np.random.default_rng(0).random((20, 9, 9)) < 0.2,
    "two zeros": np.array([0.0, -0.0] * 40),
    "wide range": np.array([1e308, -1e308, 5e-324, 0.1] * 20),
    "wide integers": np.array([-(2**63), 2**63 - 1, 0, -1] * 20, "i8"),
    "decimals": np.round(np.random.default_rng(0).normal(20, 5, (200, 3)), 2),
    "scaled images": (np.arange(600).reshape(6, 10, 10) % 256 / np.float32(255)).astype("f4"),
    "other order": np.asfortranarray(np.arange(60, dtype=">i8").reshape(5, 3, 4)),
    "colours": np.random.default_rng(0).integers(0, 9, (7, 5, 6, 3)).astype("u1"),
    "transparency": np.random.default_rng(0).integers(0, 9, (7, 5, 6, 4)).astype("u1"),
    "16-bit grey": (np.arange(7 * 30, dtype="u2") * 300).reshape(7, 5, 6),
}


@pytest.mark.slow
@pytest.mark.parametrize("items", SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("effort", ["fast", "normal", "best"])
def test_special_arrays_come_back(items: np.ndarray, effort: str) -> None:
    assert_same(decompress(compress(items, effort=effort)), items)


def test_payloads_of_nan_come_back() -> None:
    bits = np.array([0x7FF8000000000001, 0xFFF0000000000123, 0x7FF0000000000000] * 30, "u8")
    assert_same(decompress(compress(bits.view("f8"))), bits.view("f8"))


def test_decimals_cost_what_integers_cost() -> None:
    integers = np.random.default_rng(0).integers(-500, 500, 5000)
    assert len(compress(integers / 100.0)) < len(compress(integers)) * 1.05


# Bounds

BOUNDS = st.one_of(
    st.floats(0, 1e12),
    st.floats(0, 1.7e308),
    st.sampled_from([0.1, 0.5, 1, 2.5, 3, 127, 128, 255, 2.0**-30, 5e-324]),
)


@pytest.mark.slow
@FEW
@given(any_array(), BOUNDS)
def test_every_value_is_within_the_bound(items: np.ndarray, bound: float) -> None:
    assert_within(decompress(compress(items, bound, effort="fast")), items, bound)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["f2", "f4", "f8"]),
    st.integers(0, 2**32),
    st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.3, 1.0, 7.7]),
    st.integers(0, 3),
)
def test_decimals_are_within_the_bound(dtype: str, seed: int, bound: float, places: int) -> None:
    items = np.round(np.random.default_rng(seed).normal(0, 30, 60), places).astype(dtype)
    assert_within(decompress(compress(items, bound, effort="fast")), items, bound)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u8", "i8"])
@pytest.mark.parametrize("bound", [1, 2, 3, 63, 64, 127, 128, 255, 256, 2**31, 2**62, 2**63, 2**64])
def test_the_ends_of_a_dtype_stay_within(dtype: str, bound: int) -> None:
    limits = np.iinfo(dtype)
    ends = [limits.min + k for k in range(70)] + [limits.max - k for k in range(70)]
    items = np.array(ends, dtype)
    assert_within(decompress(compress(items, bound, effort="fast")), items, bound)


def test_all_8_bit_values_are_at_the_nearest_multiple() -> None:
    items = np.arange(256, dtype="u1")
    # From the definition: the multiple of 2 t + 1 that is nearest, and no further than 255.
    expected = np.minimum(np.round(np.arange(256) / 7) * 7, 255).astype("u1")
    assert_same(decompress(compress(items, 3)), expected)


@pytest.mark.slow
def test_a_wider_bound_costs_less() -> None:
    items = np.random.default_rng(0).normal(0, 30, 4000)
    sizes = [len(compress(items, bound)) for bound in (0, 0.01, 0.1, 1, 10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] * 8 / 4000 < 4  # the entropy of N(0, 30²) in steps of 20 is 2.6 bits


def test_the_measured_error_is_that_of_numpy() -> None:
    items = np.random.default_rng(0).normal(0, 30, (500, 3))
    archive = written(items, max_error=0.3)
    back = archive.read()
    breakdown = archive.size_breakdown
    assert breakdown.largest_error == np.abs(back - items).max() <= 0.3
    assert breakdown.mean_squared_error == pytest.approx(np.square(back - items).mean())


@pytest.mark.slow
def test_exceptions_do_not_spoil_the_rest() -> None:
    items = np.random.default_rng(0).normal(0, 1, 4000)
    clean = len(compress(items, 0.01))
    items[::100] = [np.nan, np.inf, -np.inf, 1e300] * 10
    assert len(compress(items, 0.01)) < clean + 40 * 16
    assert_within(decompress(compress(items, 0.01)), items, 0.01)


@pytest.mark.parametrize("bound", [-1, np.nan, np.inf])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(UsageError, match="largest error"):
        compress(np.arange(3), bound)


# Reading parts


def test_any_items_are_read_without_the_other_blocks(
    small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = np.random.default_rng(0).integers(0, 1000, (100, 5), "i4")
    archive = written(items)
    read: list[int] = []
    block = blocks_module.BlockReader.block
    monkeypatch.setattr(
        blocks_module.BlockReader,
        "block",
        lambda self, number: (read.append(number), block(self, number))[1],
    )
    for start, stop in [(0, 0), (0, 1), (99, 100), (100, 100), (7, 8), (5, 23), (0, 100)]:
        read.clear()
        assert_same(archive.items(start, stop), items[start:stop])
        # 3 items of 20 bytes fit in a block of 64
        assert read == list(range(start // 3, -(-stop // 3) if stop > start else start // 3))


def test_items_in_pieces_are_read(small_blocks: None) -> None:
    items = np.random.default_rng(0).integers(0, 1000, (6, 50), "i4")  # 200 bytes an item
    archive = written(items)
    assert archive.size_breakdown.blocks == 6 * 4
    assert_same(archive.items(2, 5), items[2:5])
    assert [len(batch) for batch in archive.batches(1, 4)] == [1, 1, 1]


@pytest.mark.parametrize("start, stop", [(-1, 3), (3, 2), (0, 11)])
def test_items_that_are_not_there_are_refused(start: int, stop: int) -> None:
    with pytest.raises(UsageError, match="holds 10"):
        written(np.arange(10)).items(start, stop)


# The breakdown


def test_the_size_breakdown_is_the_file() -> None:
    out = io.BytesIO()
    breakdown = write_archive(out, np.arange(3000) % 50)
    archive = opening.opened(io.BytesIO(out.getvalue()), "a")
    assert breakdown.total == len(out.getvalue()) == archive.size_breakdown.total
    assert breakdown.bits_per_value == len(out.getvalue()) * 8 / 3000
    assert archive.size_breakdown.sizes == breakdown.sizes
    assert archive.size_breakdown.methods == breakdown.methods
    names = [(trial.name, trial.size) for trial in breakdown.trials]
    assert [(trial.name, trial.size) for trial in archive.size_breakdown.trials] == names
    assert breakdown.archive_size(breakdown.trials[0]) == breakdown.total


def test_the_smallest_trial_is_what_is_held() -> None:
    out = io.BytesIO()
    breakdown = write_archive(out, np.random.default_rng(0).normal(size=(300, 4)).astype("f4"))
    best = min(breakdown.trials, key=lambda trial: trial.size)
    assert breakdown.methods == {best.name: 1}
    assert breakdown.sizes["payload"] == best.size
    assert isinstance(best, Trial) and best.item_bytes and best.seconds is not None


@pytest.mark.slow
def test_no_general_compressor_does_better(digits: Dataset) -> None:
    raw = digits.items.tobytes()
    rivals = [
        lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME),
        bz2.compress(raw),
        zlib.compress(raw),
    ]
    header = 300
    assert len(compress(digits.items)) <= min(map(len, rivals)) + header


def test_noise_is_stored_as_it_is(small_blocks: None) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 4096, "u1")
    archive = written(noise)
    assert archive.size_breakdown.methods == {"stored": 64}
    assert len(archive._container.header["pipelines"]) == 1
    assert archive.size_breakdown.sizes["payload"] == 4096


def test_the_same_data_make_the_same_bytes() -> None:
    items = np.random.default_rng(0).normal(size=(100, 9))
    assert compress(items, 0.1) == compress(items.copy(), 0.1)


@pytest.mark.parametrize("block", range(4))
def test_a_method_that_fails_costs_bytes_and_nothing_else(
    block: int, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = np.repeat(np.arange(4, dtype="u1"), 64)  # a value and a block of 64 bytes each
    whole = Deflate.decompress

    def wrong(self: Deflate, content: bytes, size: int) -> bytes:
        unpacked = whole(self, content, size)
        return b"x" + unpacked[1:] if unpacked[0] == block else unpacked

    monkeypatch.setattr("narrows.archive.methods.METHODS", {"stored": Stored, "zlib": Deflate})
    monkeypatch.setattr("narrows.archive.choosing.METHODS", {"stored": Stored, "zlib": Deflate})
    monkeypatch.setattr("narrows.archive.choosing._PLAIN", ((),))
    with monkeypatch.context() as patch:
        patch.setattr(Deflate, "decompress", wrong)
        out = io.BytesIO()
        breakdown = write_archive(out, items, effort="fast")
    assert_same(decompress(out.getvalue()), items)
    if block == sampled_blocks(4, "fast")[0]:
        assert [trial.method for trial in breakdown.trials] == ["stored"]
    else:
        assert breakdown.methods == {"zlib": 3, "stored": 1}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    path = tmp_path / "items.npy"
    items = np.lib.format.open_memmap(path, "w+", "u1", (6 << 20, 8))
    items[:] = np.arange(8, dtype="u1")
    items.flush()
    tracemalloc.start()
    try:
        with (tmp_path / "a.nrw").open("wb") as file:
            write_archive(file, np.load(path, "r", allow_pickle=False), effort="fast")
        with open_archive(tmp_path / "a.nrw") as archive:
            assert archive.size_breakdown.blocks == 6
            assert sum(len(batch) for batch in archive.verified_batches()) == len(items)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20  # blocks are 8 MiB
    finally:
        tracemalloc.stop()


# Proof


def test_verify_compares_with_the_data() -> None:
    items = np.random.default_rng(0).normal(size=(50, 4))
    archive = written(items, max_error=0.1)
    found = verify(archive, items)
    assert found.largest == np.abs(archive.read() - items).max()
    other = items.copy()
    other[7, 2] += 1
    with pytest.raises(ArchiveError, match=r"index \(7, 2\)"):
        verify(archive, other)
    with pytest.raises(ShapeError, match="holds float64 values of shape"):
        verify(archive, items[:10])
    with pytest.raises(ShapeError):
        verify(archive, items.astype("f4"))
    assert verify(archive).values == 200


def test_values_that_no_archive_holds_are_refused() -> None:
    with pytest.raises(DataError, match="complex128 cannot be compressed"):
        compress(np.zeros(3, complex))
    with pytest.raises(DataError, match="cannot be compressed"):
        compress(np.array(["a"]))


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(UsageError, match="fast, normal, best"):
        compress(np.zeros(3), effort="slow")  # type: ignore[arg-type]


def test_no_more_is_unpacked_than_is_allowed() -> None:
    blob = compress(np.zeros(100_000))
    with pytest.raises(ArchiveError, match="800,000 bytes of values, and 1,000 is the limit"):
        decompress(blob, max_bytes=1000)


# Libraries that are not there

#: The modules of a method, and what an error names.
LIBRARIES = {
    "png": (["PIL", "PIL.Image"], "pillow"),
    "webp": (["PIL", "PIL.Image"], "pillow"),
    "jpeg-xl": (["pillow_jxl"], "pillow-jxl-plugin"),
    "zstd": (["zstandard", "compression.zstd"], "zstandard"),
}


@pytest.mark.parametrize("method", LIBRARIES)
def test_a_library_that_is_missing_is_named(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    header, parts = parts_of(compress(np.arange(300, dtype="u1").reshape(3, 10, 10)))
    blob = forged({**header, "pipelines": [{"method": method}]}, parts)
    modules, named = LIBRARIES[method]
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ArchiveError, match=f"{method}, which is not installed here") as error:
        decompress(blob)
    assert f"install {named}" in (error.value.hint or "").replace("--upgrade ", "")


def test_archives_are_written_without_optional_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for modules, _ in LIBRARIES.values():
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)
    items = np.arange(300, dtype="u1").reshape(3, 10, 10)
    assert_same(decompress(compress(items)), items)


# For ever


@pytest.mark.parametrize("name", golden_archives.ARCHIVES)
def test_old_archives_open_with_the_same_values(name: str) -> None:
    items, bound, *_ = golden_archives.DATA[name]
    with opening.opened(io.BytesIO(b64decode(golden_archives.ARCHIVES[name])), name) as archive:
        result = archive.read()
        assert archive.bound == bound
        method = name.rpartition(", ")[2]
        assert all(used.endswith(method) for used in archive.size_breakdown.methods)
        digest = archive._container.header["sha256"]
    little = result.astype(result.dtype.newbyteorder("<")).tobytes()
    assert sha256(little).hexdigest() == digest  # so bounded values, too, are those of then
    assert_within(result, items, bound) if bound else assert_same(result, items)


def test_every_golden_archive_is_there() -> None:
    assert set(golden_archives.ARCHIVES) == set(golden_archives.DATA)


def test_blocks_are_about_as_large_as_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 1000)
    layout = Layout(np.dtype("u1"), (1003, 10))  # 10 blocks of 100 items would leave 3 over
    starts, sizes = zip(*blocks_module.block_extents(layout), strict=True)
    assert starts == tuple(np.cumsum([0, *sizes[:-1]]))
    assert sum(sizes) == layout.size and len(sizes) == 11
    assert min(sizes) > 800 and max(sizes) <= 1000 and not any(size % 10 for size in sizes)


def test_items_go_to_a_file_from_python_too(tmp_path: Path) -> None:
    items = np.arange(60).reshape(20, 3)
    (tmp_path / "a.nrw").write_bytes(compress(items))
    with open_archive(tmp_path / "a.nrw") as archive:
        found = archive.extract(str(tmp_path / "a.npy"), 5, 9)
        assert (found.count, found.missing) == (4, ())
        with pytest.raises(UsageError, match="0:20"):
            archive.extract(str(tmp_path / "b.npy"), 5, 21)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), items[5:9])
