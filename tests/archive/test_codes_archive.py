"""Archives of codes: what they hold, any items of them, damaged ones, and those of earlier days."""

import hashlib
import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import golden_archives
from helpers.archive_cases import forged, parts_of
from helpers.codes_cases import (
    ITEM,
    SIZE,
    blots,
    counted_archive,
    counted_codes,
    counted_decoder,
    counted_items,
    counted_predictor,
)
from helpers.command_line import Command, done
from narrows import decompress
from narrows.archive import Archive, opening
from narrows.archive import codes as codes_package
from narrows.archive.codes import writing
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.writing import Decoding, write_codes
from narrows.archive.methods import Stored
from narrows.archive.verifying import verify
from narrows.errors import ArchiveError, NarrowsError
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel

BLOB = counted_archive()


def in_blocks(size: int, **wishes: Any) -> bytes:
    """An archive whose blocks hold so many bytes of values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BLOCK_BYTES", size)
        return counted_archive(**wishes)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "f4"])
@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("size", [1 << 23, 700])
def test_it_gives_what_the_decoder_makes_of_the_codes(
    dtype: str, predicted: bool, size: int
) -> None:
    blob = in_blocks(size, dtype=dtype, predicted=predicted)
    with opening.opened(io.BytesIO(blob), "a") as archive:
        items, layout = archive.read(), archive.layout
        assert ("predicted" in archive.size_breakdown.methods) == predicted
        assert (archive.size_breakdown.blocks > 1) == (size == 700)
        assert sum(archive.size_breakdown.sizes.values()) == len(blob)
        expected = counted_decoder()(counted_codes(300), layout)
        assert (items == expected).all() and items.dtype == np.dtype(dtype)
        for start, stop in ((0, 300), (7, 8), (33, 71), (300, 300)):
            assert (archive.items(start, stop) == items[start:stop]).all()


def test_a_block_that_the_method_does_not_take_is_stored() -> None:
    """Its values lie further apart than those of the block that the method was chosen by."""
    codes, decoder, out = counted_codes(60), counted_decoder(), io.BytesIO()
    codes[40:] *= 9
    items = np.zeros((60, *ITEM), "u1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BLOCK_BYTES", 20 * 20)
        patch.setattr("narrows.archive.choosing.METHODS", {"stored": Stored})
        decoding = Decoding(decoder=decoder, methods=[Predicted.of(counted_predictor())])
        breakdown = write_codes(out, codes, items, decoding)
    assert breakdown.methods == {"predicted": 2, "stored": 1}
    expected = decoder(codes, breakdown.layout)
    assert (decompress(out.getvalue()) == expected).all()


def test_it_says_how_far_its_values_are() -> None:
    originals = counted_items()
    with opening.opened(io.BytesIO(BLOB), "a") as archive:
        breakdown, found = archive.size_breakdown, verify(archive, originals)
        missed = archive.read().astype(float) - originals
        assert breakdown.bound is None and breakdown.numbers == SIZE
        assert found.largest == breakdown.largest_error == np.abs(missed).max()
        assert found.mean_square == breakdown.mean_squared_error == (missed**2).mean()
        assert verify(archive).values == originals.size
        with pytest.raises(ArchiveError, match="says that its largest error is"):
            verify(archive, originals // 2)


def test_what_is_left_of_a_damaged_one_can_be_read() -> None:
    blob = bytearray(in_blocks(700))
    whole = decompress(bytes(blob))
    blob[-5] ^= 1
    with opening.opened(io.BytesIO(bytes(blob)), "a") as archive:
        ((start, stop),) = archive.damaged_items()
        assert 0 < start < stop == 300
        left = np.concatenate(list(archive.batches(skip_damaged=True)))
        assert (left == whole[:start]).all()
        with pytest.raises(ArchiveError, match="checksum of block"):
            archive.read()


@pytest.mark.slow
def test_every_flipped_bit_is_noticed() -> None:
    blob = counted_archive(count=30)
    for place in range(len(blob)):
        for bit in range(8):
            wrong = bytearray(blob)
            wrong[place] ^= 1 << bit
            with pytest.raises(ArchiveError):
                decompress(bytes(wrong))


HEADER, PARTS = parts_of(BLOB)
LAYERS = HEADER["decoder"]["layers"]


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder": {**HEADER["decoder"], "layers": [*LAYERS, [7, "linear", 0, 0]]}},
        {"decoder": {**HEADER["decoder"], "layers": [[1 << 19, "linear", 0, 0], LAYERS[1]]}},
        {"decoder": {**HEADER["decoder"], "layers": LAYERS[:1]}},
        {"decoder": {**HEADER["decoder"], "scale": "1"}},
        {"decoder": {**HEADER["decoder"], "scale": 10**400}},
        {"decoder": {**HEADER["decoder"], "range": [0, 256]}},
        {"decoder": {**HEADER["decoder"], "range": [9, 3]}},
        {"decoder": {**HEADER["decoder"], "numbers": {"method": "predicted"}}},
        {"decoder": {**HEADER["decoder"], "numbers": HEADER["pipelines"][0]}},
        {"decoder": []},
        {"codes": {**HEADER["codes"], "shape": [299, SIZE]}},
        {"codes": {**HEADER["codes"], "shape": [300, SIZE + 1]}},
        {"codes": {**HEADER["codes"], "shape": [300, 0]}},
        {"codes": {**HEADER["codes"], "shape": [300 * SIZE]}},
        {"codes": {**HEADER["codes"], "dtype": "<f4"}},
        {"codes": None},
        {"data": {**HEADER["data"], "shape": []}},
        {"data": {**HEADER["data"], "shape": [300, 4, 6]}},
        {"data": {**HEADER["data"], "kind": "no such"}},
        {"error": {"largest": "much"}},
        {"pipelines": [{**HEADER["pipelines"][0], "predictor": [4, 5, 8, 9, 10]}]},
        {"pipelines": [{**HEADER["pipelines"][0], "predictor": [4096, 4096, 8, 9, 10]}]},
        {"pipelines": [{**HEADER["pipelines"][0], "predictor": [3, 5, 8, 9]}]},
    ],
    ids=str,
)
def test_a_forged_header_is_refused(changes: dict[str, Any]) -> None:
    blob = forged({**HEADER, **changes}, PARTS)
    with pytest.raises(ArchiveError), opening.opened(io.BytesIO(blob), "a") as archive:
        archive.size_breakdown  # noqa: B018
        archive.read()


def test_a_block_of_more_than_fits_in_memory_is_refused() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("narrows.archive.codes.decoder.LARGEST_BLOCK", 299 * 20)
        with pytest.raises(ArchiveError, match="has 300 codes, and may have 299"):
            decompress(BLOB)


@pytest.mark.parametrize("part", ["decoder", "predictor", "index", "payload"])
def test_a_missing_part_is_noticed(part: str) -> None:
    parts = {name: content for name, content in PARTS.items() if name != part}
    with pytest.raises(ArchiveError):
        decompress(forged(HEADER, parts))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["decoder", "predictor", "payload"]), st.data())
def test_forged_parts_end_in_an_error_or_in_values(part: str, data: st.DataObject) -> None:
    content = bytearray(PARTS[part])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, len(content) - 1]))
    blob = forged(HEADER, {**PARTS, part: bytes(content[:cut])})
    try:
        with opening.opened(io.BytesIO(blob), "a") as archive:
            assert archive.items(0, 300).shape == (300, 4, 5)
    except NarrowsError:
        pass


@pytest.mark.parametrize("name", golden_archives.CODES)
def test_archives_of_codes_of_earlier_days_open(name: str) -> None:
    blob = b64decode(golden_archives.CODES[name])
    dtype = name.split(", ")[0]
    found = decompress(blob)
    layout = opening.opened(io.BytesIO(blob), "a").layout
    assert found.dtype == np.dtype(dtype)
    assert (found == counted_decoder()(counted_codes(300), layout)).all()
    little = found.astype(found.dtype.newbyteorder("<")).tobytes()
    assert hashlib.sha256(little).hexdigest() == parts_of(blob)[0]["sha256"]


def test_the_map_of_the_package_names_its_modules() -> None:
    folder = Path(codes_package.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert all(f"``{module}``" in (codes_package.__doc__ or "") for module in modules)


# The commands


@pytest.mark.slow
def test_the_commands_make_and_use_one(
    narrows: Command, tmp_path: Path, short_codes: TrainedModel
) -> None:
    model, data, out = (tmp_path / name for name in ("m.safetensors", "x.npy", "a.nrw"))
    save_model(model, short_codes)
    originals = blots().items[:200]
    np.save(data, originals)
    options = ["--codes-only", "--model", model, "--out", out, "--effort", "fast"]
    shown = done(narrows("compress", data, *options))
    for text in ("decoder", "codes of 6 whole numbers", "no bound is promised"):
        assert text in shown.out
    told = json.loads(done(narrows("info", out, "--json")).out)
    assert told["bound"] is None and told["latent"] == 6
    assert told["total"] == out.stat().st_size
    assert "no bound is promised" in done(narrows("info", out)).out
    done(narrows("decompress", out, "--out", tmp_path / "back.npy"))
    items = np.load(tmp_path / "back.npy", allow_pickle=False)
    missed = items.astype(float) - originals
    assert told["mean_squared_error"] == pytest.approx((missed**2).mean())
    assert "as it says" in done(narrows("verify", out, "--against", data)).out
    done(narrows("decompress", out, "--items", "5:9", "--out", tmp_path / "few.npy"))
    assert (np.load(tmp_path / "few.npy", allow_pickle=False) == items[5:9]).all()


@pytest.mark.slow
def test_a_model_is_trained_on_the_data_where_none_is_given(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.planning.recipe._MOST_STEPS", 400)
    items = counted_items("f4", 120)
    np.save(tmp_path / "items.npy", items)
    options = ["--codes-only", "--item-bytes", 2, "--effort", "fast"]
    shown = narrows("compress", tmp_path / "items.npy", "--out", tmp_path / "a.nrw", *options)
    assert "epochs" in done(shown).err
    with opening.open_archive(tmp_path / "a.nrw") as archive:
        assert isinstance(archive, Archive)
        assert archive.size_breakdown.numbers == 6
        assert archive.layout.shape == items.shape
        missed = archive.read().astype(float) - items
        assert (missed**2).mean() == archive.size_breakdown.mean_squared_error
    assert archive.size_breakdown.mean_squared_error < items.var()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--codes-only", "--max-error", "1"], "keeps no bound"),
        (["--item-bytes", "3"], "are for archives of codes"),
        (["--latent", "3"], "are for archives of codes"),
        (["--codes-only", "--item-bytes", "0"], "must be a number above 0"),
        (["--codes-only", "--item-bytes", "nan"], "must be a number above 0"),
        (["--codes-only", "--model", "m", "--latent", "3"], "so --latent cannot"),
        (["--codes-only", "--latent", "65"], "latent size of 65"),
    ],
)
def test_wishes_that_cannot_be_say_why(
    narrows: Command, tmp_path: Path, options: list[str], text: str
) -> None:
    outcome = narrows("compress", "digits", "--out", tmp_path / "a.nrw", *options)
    assert outcome.code == 2 and text in outcome.err and "hint: " in outcome.err
    assert not (tmp_path / "a.nrw").exists()


def test_a_model_of_other_codes_is_refused(
    narrows: Command, tmp_path: Path, model_file: Path
) -> None:
    options = ["--codes-only", "--model", model_file, "--out", tmp_path / "a.nrw"]
    outcome = narrows("compress", "digits", *options)
    assert outcome.code == 2 and "not whole numbers" in outcome.err
