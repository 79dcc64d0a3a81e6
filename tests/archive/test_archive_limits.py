"""What a stranger's archive may cost, and what the breakdown says of rivals."""

import json
import lzma
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from helpers.command_line import Command, done, failed
from narrows import compress, decompress
from narrows.archive import blocks, holding
from narrows.archive.methods.mixing import Mixing
from narrows.errors import ArchiveError


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_ALWAYS_ALLOWED", 50_000)


TABLE = pa.table({"a": np.zeros(20_000), "b": ["a text"] * 20_000})
BOMBS = {"array": np.zeros(100_000, "u1"), "table": TABLE, "images": np.zeros((100, 40, 40), "u1")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.usefixtures("low_limit")
def test_a_small_archive_gives_no_more_than_its_size_makes_plausible(kind: str) -> None:
    blob = compress(BOMBS[kind], effort="fast")
    assert 256 * len(blob) < BOMBS[kind].nbytes
    with pytest.raises(ArchiveError, match=r"is the limit for a file of") as caught:
        decompress(blob)
    assert "max_bytes=" in str(caught.value.hint)
    for most in (10**7, math.inf):
        assert len(decompress(blob, max_bytes=most)) == len(BOMBS[kind])
    with pytest.raises(ArchiveError, match="1,000 is the limit"):
        decompress(blob, max_bytes=1000)


@pytest.mark.slow
@pytest.mark.usefixtures("low_limit")
def test_files_grow_beyond_the_limit_only_where_it_is_raised(
    narrows: Command, tmp_path: Path
) -> None:
    archive = tmp_path / "a.nrw"
    for kind, back in (("array", "a.npy"), ("table", "a.csv")):
        archive.write_bytes(compress(BOMBS[kind], effort="fast"))
        out = tmp_path / back
        failed(narrows("decompress", archive, "--out", out), 1, "limit", "--max-bytes")
        assert not out.exists()
        failed(narrows("verify", archive), 1, "limit", "--max-bytes")
        done(narrows("decompress", archive, "--out", out, "--max-bytes", 10**7))
        done(narrows("verify", archive, "--max-bytes", 10**7))
        # what is asked for counts, and not what else there is
        done(narrows("decompress", archive, "--out", out, "--items", "5:20"))


def test_a_larger_file_may_hold_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_ALWAYS_ALLOWED", 0)
    noise = np.random.default_rng(0).integers(0, 256, 9000, "u1")
    np.testing.assert_array_equal(decompress(compress(noise)), noise)


def test_a_block_that_says_more_than_it_can_hold_costs_no_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "narrows.archive.methods.mixing.decode_block", lambda *_: pytest.fail("work")
    )
    front = bytes([1, *bytes(8)])  # of the filter "narrow": values of one byte, from 0 on
    content = front + bytes([1, 2, 0, 255]) + bytes(100_000)
    with pytest.raises(ValueError, match="not of values that are mixed"):
        Mixing().decode(content, (1 << 26,), np.dtype("u1"))


# The breakdown


def scans() -> np.ndarray:
    """Six pages, smooth and grainy, of which the last three are the first three again: what is
    beyond the piece that methods are first tried on, and filters hide from nobody."""
    random = np.random.default_rng(0)
    pages = random.integers(-9, 10, (3, 400, 400)).cumsum(axis=2).astype("u1")
    return np.concatenate([pages, pages])


@pytest.mark.slow
def test_plain_xz_is_tried_on_whole_blocks(narrows: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "scans.npy", scans())
    line = ("compress", tmp_path / "scans.npy", "--effort", "fast", "--out", tmp_path / "a.nrw")
    told = json.loads(done(narrows(*line, "--json")).out)
    plain = len(lzma.compress(scans().tobytes(), preset=1))
    xz = next(each for each in told["tried"] if each["method"].endswith("xz"))
    assert not xz["estimate"] and xz["bytes"] <= plain
    assert told["classical"]["bytes"] <= plain and not told["classical"]["estimate"]
    assert told["total"] <= plain + 600  # the header


def test_a_figure_that_is_an_estimate_says_so(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, out = tmp_path / "items.npy", tmp_path / "a.nrw"
    np.save(items, np.random.default_rng(0).integers(0, 5, (300, 40), "u1"))
    line = ("compress", items, "--effort", "fast", "--out", out)
    whole = done(narrows(*line)).out
    assert "about" not in whole and "on all of it" in whole
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    for shown in (done(narrows(*line)).out, done(narrows("info", out)).out):
        rows = shown.split("what was tried")[1].splitlines()[4:]
        assert all("about " in row for row in rows if "," in row[20:])
        assert "the best classical method, takes about " in shown
        assert "each block on its own" in shown
    told = json.loads(done(narrows("info", out, "--json")).out)
    assert all(each["estimate"] for each in told["tried"]) and told["classical"]["estimate"]
