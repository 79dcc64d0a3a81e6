"""The commands of archives: what each prints where, and leaves."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.command_line import Command, Outcome, contents, done, failed
from narrows import Dataset, compress, decompress
from narrows.archive import blocks as blocks_module
from narrows.archive.container import Container
from narrows.archive.error_bounds import ErrorBound


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Thirty items of four small integers, in three blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK_BYTES", 80)
        (tmp_path / "a.nrw").write_bytes(compress(np.arange(120, dtype="i2").reshape(30, 4)))
    return tmp_path / "a.nrw"


def read_json(outcome: Outcome) -> Any:
    assert done(outcome).out.count("\n") == 1
    return json.loads(outcome.out)


@pytest.mark.slow
def test_a_set_goes_into_a_file_and_comes_back(
    narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    out, back = tmp_path / "digits.nrw", tmp_path / "digits.npy"
    shown = done(narrows("compress", "digits", "--out", out))
    total = out.stat().st_size
    for text in (
        "header",
        "index",
        "payload",
        f"{total:,}",
        f"{8 * total / digits.items.size:.3f}",
    ):
        assert text in shown.out
    for method in ("xz", "zlib", "bzip2", "png", "webp", "stored"):
        assert method in shown.out
    done(narrows("decompress", out, "--out", back))
    np.testing.assert_array_equal(np.load(back, allow_pickle=False), digits.items)
    assert (
        "all 115,008 values are those of digits"
        in done(narrows("verify", out, "--against", "digits")).out
    )
    assert done(narrows("info", out)).out.splitlines()[3] in shown.out


def test_a_single_value_is_told_as_one(narrows: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(1))
    (tmp_path / "x.csv").write_text("a\n7\n")
    for name in ("x.npy", "x.csv"):
        out, source = tmp_path / f"{name}.nrw", tmp_path / name
        done(narrows("compress", source, "--out", out))
        told = done(narrows("verify", out, "--against", source)).out
        assert "is whole, and its only value is that of" in told


@pytest.mark.slow
def test_the_size_breakdown_in_json_adds_up(narrows: Command, tmp_path: Path) -> None:
    out = tmp_path / "digits.nrw"
    made = read_json(narrows("compress", "digits", "--out", out, "--max-error", 2, "--json"))
    assert sum(made["bytes"].values()) == made["total"] == out.stat().st_size
    assert made["bound"] == 2 and 0 < made["largest_error"] <= 2
    told = read_json(narrows("info", out, "--json"))
    for name in ("bytes", "bound", "largest_error", "mean_squared_error", "ratio", "methods"):
        assert told[name] == made[name]
    found = read_json(narrows("verify", out, "--against", "digits", "--json"))
    assert found["largest_error"] == made["largest_error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "items",
    [
        np.array([[np.nan, np.inf], [-np.inf, -0.0]]),
        np.zeros((0, 3), "f4"),
        np.arange(5),
        np.arange(6, dtype=">i4").reshape(3, 2),
    ],
    ids=["not finite", "empty", "one dimension", "other byte order"],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_what_no_model_learns_from_is_compressed(
    items: np.ndarray, suffix: str, narrows: Command, tmp_path: Path
) -> None:
    source, out, back = tmp_path / f"x{suffix}", tmp_path / "x.nrw", tmp_path / "back.npy"
    np.save(source, items) if suffix == ".npy" else np.savez(source, items)
    done(narrows("compress", source, "--out", out))
    done(narrows("verify", out, "--against", source))
    done(narrows("decompress", out, "--out", back))
    result = np.load(back, allow_pickle=False)
    assert (result.dtype, result.shape) == (items.dtype, items.shape)
    assert result.tobytes() == items.tobytes()


@pytest.mark.parametrize(
    "text, start, stop", [("2:5", 2, 5), (":3", 0, 3), ("28:", 28, 30), ("4:4", 4, 4), (":", 0, 30)]
)
def test_some_items_are_written(
    text: str, start: int, stop: int, narrows: Command, archive: Path
) -> None:
    out = archive.with_suffix(".npy")
    done(narrows("decompress", archive, "--items", text, "--out", out))
    expected = np.arange(120, dtype="i2").reshape(30, 4)[start:stop]
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), expected)


@pytest.mark.parametrize("text", ["3", "5:2", "0:31", "a:b", "-1:3", "1:2:3"])
def test_a_range_that_is_none_is_wrong_usage(text: str, narrows: Command, archive: Path) -> None:
    before = contents(archive.parent)
    failed(narrows("decompress", archive, f"--items={text}", "--out", "x.npy"), 2, text)
    assert contents(archive.parent) == before


@pytest.mark.slow
def test_images_become_a_folder(narrows: Command, digits: Dataset, tmp_path: Path) -> None:
    done(narrows("compress", "digits", "--out", tmp_path / "a.nrw"))
    out = f"{tmp_path}/images/"
    done(narrows("decompress", tmp_path / "a.nrw", "--items", "10:13", "--out", out))
    names = sorted(path.name for path in Path(out).iterdir())
    assert names == ["000000.png", "000001.png", "000002.png"]
    with Image.open(Path(out) / names[1]) as image:
        np.testing.assert_array_equal(np.asarray(image), digits.items[11])


def test_damage_is_told_and_what_is_left_is_written(narrows: Command, archive: Path) -> None:
    blob = bytearray(archive.read_bytes())
    with archive.open("rb") as file:
        payload = Container(file, "a").sizes["payload"]
    blob[-payload] ^= 1
    archive.write_bytes(blob)
    out = archive.with_suffix(".npy")
    failed(narrows("decompress", archive, "--out", out), 1, "block 1 of 3 does not match")
    failed(narrows("verify", archive), 1, "block 1 of 3 does not match")
    assert not out.exists()
    told = done(narrows("decompress", archive, "--skip-damaged", "--out", out))
    assert "items 0 to 9 cannot be read any more" in told.err
    expected = np.arange(120, dtype="i2").reshape(30, 4)[10:]
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), expected)
    told_json = read_json(
        narrows("decompress", archive, "--skip-damaged", "--items", "5:12", "--out", out, "--json")
    )
    assert (told_json["count"], told_json["missing"]) == (2, [[5, 10]])


def test_a_cut_archive_gives_what_is_left(narrows: Command, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1])
    out = archive.with_suffix(".npy")
    failed(narrows("decompress", archive, "--out", out), 1, "is cut short", "--skip-damaged")
    done(narrows("decompress", archive, "--skip-damaged", "--out", out))
    assert len(np.load(out, allow_pickle=False)) == 20


def test_an_archive_of_other_data_is_told(narrows: Command, archive: Path) -> None:
    other = np.arange(120, dtype="i2").reshape(30, 4)
    other[21, 3] = 7
    np.save(archive.with_name("other.npy"), other)
    outcome = narrows("verify", archive, "--against", archive.with_name("other.npy"))
    failed(outcome, 1, "gives 87 at index (21, 3), where the data have 7, and must be the same")
    np.save(archive.with_name("other.npy"), other[:5])
    outcome = narrows("verify", archive, "--against", archive.with_name("other.npy"))
    failed(outcome, 1, "(30, 4)", "(5, 4)")


@pytest.mark.parametrize("bound", ["-1", "nan", "inf", "much", "1/0"])
def test_a_bound_that_is_none_is_wrong_usage(bound: str, narrows: Command, tmp_path: Path) -> None:
    out = tmp_path / "a.nrw"
    failed(narrows("compress", "digits", "--out", out, f"--max-error={bound}"), 2, bound)
    assert not contents(tmp_path)


@pytest.mark.parametrize("text", ["0.1", "0.3", "1e-3", "2.5", "7", "1/3", "0.7"])
def test_a_bound_is_never_more_than_its_text(text: str) -> None:
    bound = ErrorBound.parse(text).in_units(0, 0)
    assert bound <= Fraction(text) < np.nextafter(bound, np.inf)


def test_an_unknown_effort_is_wrong_usage(narrows: Command, tmp_path: Path) -> None:
    outcome = narrows("compress", "digits", "--out", tmp_path / "a.nrw", "--effort", "slow")
    failed(outcome, 2, "slow", "fast")


@pytest.mark.parametrize("name", ["decompress", "verify", "info"])
def test_what_is_no_archive_is_refused(name: str, narrows: Command, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "x.npy"] if name == "decompress" else []
    failed(narrows(name, tmp_path / "none.nrw", *out), 1, "none.nrw cannot be read")
    (tmp_path / "text.nrw").write_text("hello")
    failed(narrows(name, tmp_path / "text.nrw", *out), 1, "is not an archive")
    failed(narrows(name, tmp_path, *out), 1)


@pytest.mark.slow
def test_a_failure_leaves_the_file_that_was_there(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.nrw"
    out.write_bytes(b"before")

    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("narrows.archive.writing.write_container", fail)
    assert narrows("compress", "digits", "--out", out).code == 130
    assert contents(tmp_path) == {"a.nrw": b"before"}


def test_a_model_is_told_part_by_part(narrows: Command, model_file: Path) -> None:
    told = read_json(narrows("info", model_file, "--json"))
    assert told["kind"] == "model"
    assert sum(told["bytes"].values()) == told["total"] == model_file.stat().st_size
    assert told["bytes"]["model/encoder.1.weight"] == 64 * 24 * 4
    told_in_parts = done(narrows("info", model_file)).out
    weights = sum(size for name, size in told["bytes"].items() if name.startswith("model/"))
    assert f"{weights:,}" in told_in_parts and f"{told['total']:,}" in told_in_parts
    model_file.write_bytes(model_file.read_bytes()[:-1])
    failed(narrows("info", model_file), 1, model_file.name)


@pytest.mark.slow
def test_the_library_and_the_program_write_the_same(
    narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    done(narrows("compress", "digits", "--out", tmp_path / "a.nrw"))
    assert (tmp_path / "a.nrw").read_bytes() == compress(digits.items)
    np.testing.assert_array_equal(decompress((tmp_path / "a.nrw").read_bytes()), digits.items)
