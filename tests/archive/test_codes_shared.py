"""Archives of codes that have their decoder in common: it lies beside them, and never another."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from helpers.archive_cases import assert_same, forged, parts_of
from helpers.codes_cases import blots, counted_decoder, drawn_net
from helpers.command_line import Command, done, failed
from narrows import compress, decompress
from narrows.archive import SharedModel, open_archive, opening
from narrows.archive.codes.integer_net import in_floats
from narrows.archive.codes.shared import shared_decoder, shared_predicted
from narrows.data import Dataset
from narrows.errors import ArchiveError, NarrowsError, ShapeError
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.support.progress import Listener
from narrows.tasks.codes_archive import learn_codes, write_codes_only
from narrows.tasks.many_files.jobs import CompressFiles
from narrows.tasks.options import CodesOptions

FIRST, OTHERS = blots().items[:300], blots().items[300:420]


def archive_of(
    items: np.ndarray, trained: TrainedModel | SharedModel, embed: bool = False
) -> bytes:
    out = io.BytesIO()
    write_codes_only(out, Dataset("X", items), trained, effort="fast", embed_model=embed)
    return out.getvalue()


@pytest.fixture(scope="module")
def shared(short_codes: TrainedModel) -> SharedModel:
    return learn_codes(Dataset("X", FIRST), short_codes, effort="fast")


@pytest.fixture(scope="module")
def blob(shared: SharedModel) -> bytes:
    return archive_of(OTHERS, shared)


@pytest.mark.slow
def test_it_opens_with_its_model_alone(shared: SharedModel, blob: bytes) -> None:
    with pytest.raises(ArchiveError, match=shared.digest):
        decompress(blob)
    items = decompress(blob, model=shared.content)
    assert (items.shape, items.dtype) == (OTHERS.shape, OTHERS.dtype)
    embedded = archive_of(OTHERS, shared, embed=True)
    assert_same(decompress(embedded), items)
    assert_same(decompress(embedded, model=shared), items)
    header, parts = parts_of(blob)
    assert set(parts) == {"index", "payload"}
    assert header["model"] == {"sha256": shared.digest, "bytes": len(shared.content)}
    assert "model" not in parts_of(embedded)[0]
    assert "encoder" not in parts_of(embedded)[1]


def test_it_is_as_near_as_one_with_a_decoder_of_its_own(
    short_codes: TrainedModel, blob: bytes, shared: SharedModel
) -> None:
    own = archive_of(OTHERS, short_codes)
    with opening.opened(io.BytesIO(own), "a") as archive:
        alone = archive.size_breakdown
    with opening.opened(io.BytesIO(blob), "a") as archive:  # says what it is without its model
        breakdown = archive.size_breakdown
    assert (breakdown.model, breakdown.model_size) == (shared.digest, len(shared.content))
    assert len(blob) < len(own) - alone.sizes["decoder"]
    errors = breakdown.mean_squared_error, alone.mean_squared_error
    assert None not in errors and errors[0] == pytest.approx(errors[1], rel=0.1)
    missed = decompress(blob, model=shared).astype(float) - OTHERS
    assert (missed**2).mean() == breakdown.mean_squared_error
    assert breakdown.codes_pay_from is not None
    # by hand: what is kept once, over what each item saves
    a_code = (breakdown.sizes["payload"] + breakdown.sizes["index"]) / len(OTHERS)
    once = len(shared.content) + breakdown.sizes["header"]
    assert breakdown.codes_pay_from == np.ceil(once / (OTHERS[0].nbytes - a_code))


def test_the_same_data_make_the_same_model(short_codes: TrainedModel, shared: SharedModel) -> None:
    assert learn_codes(Dataset("X", FIRST), short_codes, effort="fast").digest == shared.digest


def test_another_model_is_refused(
    short_codes: TrainedModel, blob: bytes, shared: SharedModel
) -> None:
    other = learn_codes(Dataset("X", FIRST[:40]), short_codes, item_bytes=1, effort="fast")
    assert other.digest != shared.digest
    with pytest.raises(ArchiveError, match=f"{shared.digest}, and the model is {other.digest}"):
        decompress(blob, model=other)


def test_every_changed_byte_of_either_is_noticed(shared: SharedModel, blob: bytes) -> None:
    for whole, is_model in ((blob, False), (shared.content, True)):
        for place in range(0, len(whole), 1 if len(whole) < 1000 else 97):
            wrong = bytearray(whole)
            wrong[place] ^= 1 << place % 8
            pair = (blob, bytes(wrong)) if is_model else (bytes(wrong), shared.content)
            with pytest.raises(ArchiveError):
                decompress(pair[0], model=pair[1])
            if is_model and place % 5 == 0:
                with pytest.raises(ArchiveError):
                    archive_of(OTHERS[:8], SharedModel("the model", pair[1]))


@pytest.mark.parametrize("part", ["decoder", "predictor", "encoder"])
def test_a_forged_model_codes_nothing(shared: SharedModel, part: str) -> None:
    header, parts = parts_of(shared.content)
    for content in (b"", parts[part][: len(parts[part]) // 2]):
        wrong = SharedModel("m", forged(header, {**parts, part: content}))
        with pytest.raises(NarrowsError):
            archive_of(OTHERS[:8], wrong)
    less = SharedModel("m", forged({**header, part: {"bytes": 1 << 40}}, parts))
    with pytest.raises(ArchiveError):
        archive_of(OTHERS[:8], less)


def test_a_model_of_other_items_is_refused(shared: SharedModel) -> None:
    with pytest.raises(ShapeError, match="uint8 items of shape"):
        archive_of(OTHERS[:, :3], shared)


def test_what_it_has_is_what_was_put_in(shared: SharedModel) -> None:
    with opening.opened(io.BytesIO(archive_of(OTHERS, shared)), "a") as archive:
        layout = archive.layout
    decoder = shared_decoder(shared, layout)
    assert len(decoder.net.layers[0].weight) == shared_predicted(shared).size == 6


@pytest.mark.parametrize("ending", ["linear", "relu", "sigmoid", "tanh", "silu"])
def test_floats_stand_for_the_whole_numbers_of_a_net(ending: str) -> None:
    from narrows.archive.codes.integer_net import quantised

    net, codes = drawn_net(0, ending)
    again = quantised(in_floats(net), codes)
    results = [each(codes) / 2.0**each.result_bits for each in (net, again)]
    assert np.abs(results[0] - results[1]).max() < 0.01
    x = in_floats(counted_decoder().net)[0]
    layer = counted_decoder().net.layers[0]
    assert_same(x.weight, layer.weight / 2.0**14)
    assert_same(x.bias, layer.bias / 2.0**9)


def test_what_is_no_model_is_refused(shared: SharedModel, blob: bytes, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is an archive, and no model"):
        decompress(blob, model=blob)
    with pytest.raises(ArchiveError, match="no model that archives start from") as error:
        decompress(blob, model=b"a model of another kind")
    assert "--codes-only" in (error.value.hint or "")
    with pytest.raises(ArchiveError, match="holds no data"):
        decompress(shared.content)
    with pytest.raises(ArchiveError, match="cannot be read"):
        decompress(blob, model=tmp_path / "none.model")
    path = tmp_path / "a.model"
    path.write_bytes(shared.content)
    (tmp_path / "a.nrw").write_bytes(blob)
    with open_archive(tmp_path / "a.nrw", model=path) as archive:
        assert_same(archive.items(3, 5), decompress(blob, model=str(path))[3:5])


def test_models_and_archives_that_narrows_has_no_more_say_so(shared: SharedModel) -> None:
    header, parts = parts_of(compress(FIRST[:40]))
    header["pipelines"][0]["method"] = "primed"
    with pytest.raises(ArchiveError, match="from a model for lossless archives") as error:
        decompress(forged(header, {"prior": b"", **parts}))
    assert error.value.hint == "compress the data again"
    model = forged({"data": shared.container.header["data"], "bound": 0}, {"prior": b""})
    with pytest.raises(ArchiveError, match="is a model for lossless archives"):
        decompress(compress(FIRST[:40]), model=model)


# The commands


@pytest.mark.slow
def test_the_commands_keep_one_and_use_it(
    narrows: Command, tmp_path: Path, short_codes: TrainedModel
) -> None:
    trained, kept = tmp_path / "m.safetensors", tmp_path / "kept.model"
    first, others, out = (tmp_path / name for name in ("f.npy", "o.npy", "o.nrw"))
    save_model(trained, short_codes)
    np.save(first, FIRST)
    np.save(others, OTHERS)
    codes = ("--codes-only", "--effort", "fast")
    made = narrows(
        "compress", first, *codes, "--model", trained, "--keep-model", kept, "--out",
        tmp_path / "f.nrw",
    )  # fmt: skip
    digest = SharedModel.of(kept).digest
    assert digest in done(made).err
    done(narrows("verify", tmp_path / "f.nrw", "--against", first))
    shown = done(narrows("compress", others, *codes, "--model", kept, "--out", out)).out
    assert digest in shown and "its model charged" in shown
    for more in ((), ("--model", kept)):
        told = json.loads(done(narrows("info", out, *more, "--json")).out)
        assert (told["model"], told["model_bytes"]) == (digest, kept.stat().st_size)
        assert told["pays_from"] > 0
    told = json.loads(done(narrows("info", kept, "--json")).out)
    assert (told["kind"], told["sha256"]) == ("model of archives", digest)
    assert "of codes" in done(narrows("info", kept)).out
    done(narrows("verify", out, "--against", others, "--model", kept))
    back = tmp_path / "back.npy"
    done(narrows("decompress", out, "--model", kept, "--out", back))
    assert_same(np.load(back), decompress(out.read_bytes(), model=kept))
    for line in (["decompress", out, "--out", back], ["verify", out]):
        failed(narrows(*line), 1, digest, "hint: give the file")
    done(narrows("compress", others, *codes, "--model", kept, "--embed-model", "--out", out))
    assert_same(decompress(out.read_bytes()), np.load(back))


def test_archives_of_many_files_have_their_model_in_common(
    shared: SharedModel, narrows: Command, tmp_path: Path
) -> None:
    model, items, one = (tmp_path / name for name in ("m.model", "x.npy", "one.nrw"))
    model.write_bytes(shared.content)
    np.save(items, OTHERS)
    job = CompressFiles(codes=CodesOptions(model=model), effort="fast").settled()
    job.opened()(str(items), str(tmp_path / "many.nrw"), Listener(note=print))
    line = ("compress", items, "--codes-only", "--model", model, "--effort", "fast")
    done(narrows(*line, "--out", one))
    assert (tmp_path / "many.nrw").read_bytes() == one.read_bytes()
    before = job.settings()
    model.write_bytes(shared.content + b" ")
    assert job.settings()["codes"] != before["codes"]


@pytest.mark.parametrize(
    "options, text",
    [
        (["--model", "kept", "--keep-model", "k"], "is what --keep-model wrote already"),
        (["--model", "trained", "--embed-model"], "with or without --embed-model"),
        (["--embed-model"], "without a model to embed"),
        (["--model", "kept", "--latent", "3"], "so --latent cannot"),
    ],
)
def test_wishes_that_cannot_be_say_why(
    options: list[str],
    text: str,
    narrows: Command,
    tmp_path: Path,
    shared: SharedModel,
    short_codes: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept").write_bytes(shared.content)
    save_model("trained", short_codes)
    np.save("o.npy", OTHERS)
    outcome = narrows("compress", "o.npy", "--codes-only", "--out", "a.nrw", *options)
    failed(outcome, 2, text, "hint: ")
    assert not Path("a.nrw").exists() and not Path("k").exists()
