"""A picture or a line of the history that cannot be written is no failed run."""

import html
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, compared_briefly, done, failed
from narrows import Autoencoder
from narrows.errors import OutputError
from narrows.training.history import append_whole, history_line

pytestmark = pytest.mark.pictures

FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    items = np.random.default_rng(0).integers(0, 256, (40, 4, 4)).astype(np.uint8)
    np.save(tmp_path / "items.npy", items)
    return tmp_path / "items.npy"


def fit(items: Path) -> list[object]:
    out = items.with_name("m.safetensors")
    options = "--latent 1 --hidden 4 --epochs 3 --json --run-dir"
    return ["fit", items, "--out", out, *options.split(), items.parent]


@pytest.mark.slow
@needs_a_full_disk
@pytest.mark.parametrize("name", ["loss.png", "reconstructions.png", "codes.png", "history.jsonl"])
def test_the_run_is_done_and_says_what_is_missing(name: str, items: Path, narrows: Command) -> None:
    items.with_name(name).symlink_to(FULL)
    outcome = done(narrows(*fit(items)))
    assert Autoencoder.load(items.with_name("m.safetensors")).transform(np.load(items)).size == 40
    others = {"loss.png", "reconstructions.png", "codes.png", "history.jsonl"} - {name}
    assert all((items.parent / other).is_file() for other in others)
    assert f"wrote the model to {items.with_name('m.safetensors')}" in outcome.err
    assert f"{FULL} was not written: the disk is full" in outcome.err
    assert list(json.loads(outcome.out)["not_written"]) == [name]


@pytest.mark.slow
def test_what_draws_may_fail_in_its_own_way(
    items: Path, narrows: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_fonts(*arguments: object, **more: object) -> None:
        raise RuntimeError("Matplotlib requires access to a writable cache directory")

    monkeypatch.setattr("narrows.report.run_folder.loss_figure", without_fonts)
    outcome = done(narrows(*fit(items)))
    assert "loss.png was not drawn: RuntimeError: Matplotlib requires" in outcome.err
    assert items.with_name("m.safetensors").exists()


@pytest.mark.slow
@needs_a_full_disk
@pytest.mark.parametrize("seconds", ["0", "1000"])
def test_a_checkpoint_that_cannot_be_written_costs_no_model(
    items: Path, narrows: Command, seconds: str
) -> None:
    items.with_name("checkpoint.safetensors").symlink_to(FULL)
    outcome = done(narrows(*fit(items), "--checkpoint-seconds", seconds))
    assert "full was not written: the disk is full" in outcome.err
    assert outcome.err.count("this run goes on without") == (seconds == "0")
    assert items.with_name("m.safetensors").exists()


@pytest.mark.slow
@needs_a_full_disk
def test_demo_and_detect_say_what_is_there(
    items: Path, narrows: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compared_briefly(monkeypatch)
    out = tmp_path / "story"
    out.mkdir()
    (out / "index.html").symlink_to(FULL)
    models = [out / name for name in ("article.safetensors", "default.safetensors")]
    failed(
        narrows("demo", "--data", items, "--out", out),
        1,
        "full was not written: the disk is full",
        f"{models[0]} and {models[1]} were written before",
    )
    for model in models:
        assert len(Autoencoder.load(model).transform(np.load(items))) == 40

    picture = tmp_path / "odd.png"
    picture.symlink_to(FULL)
    scores = tmp_path / "scores.csv"
    done(narrows(*fit(items)))
    failed(
        narrows(
            "detect",
            items.with_name("m.safetensors"),
            items,
            "--out",
            scores,
            "--heat-map",
            picture,
        ),
        1,
        f"{scores} was written before",
    )
    assert len(scores.read_text("utf-8").splitlines()) == 41


@pytest.mark.slow
@needs_a_full_disk
def test_a_page_needs_no_pictures_in_a_folder_of_any_name(
    items: Path, narrows: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_briefly(monkeypatch)
    out = items.with_name("caf\udce9's")
    out.mkdir()
    (out / "article").mkdir()
    (out / "article" / "loss.png").symlink_to(FULL)
    outcome = done(narrows("demo", "--data", items, "--out", out))
    page = (out / "index.html").read_text("utf-8")
    folder = html.escape(str(items.parent))
    assert rf"narrows evaluate $&#39;{folder}/caf\xe9\&#39;s/" in page
    assert "caf%E9" in outcome.out and f"{FULL} was not written" in outcome.err


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Path]:
    """A history that can take five bytes more."""
    path = tmp_path / "history.jsonl"
    path.write_bytes(history_line({"epoch": 1, "loss": 0.5}))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
    yield path
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_half_line_stays_in_the_history(limited: Path) -> None:
    before = limited.read_bytes()
    with pytest.raises(OutputError) as found:
        append_whole(limited, history_line({"epoch": 2, "loss": 0.25}))
    assert found.value.hint
    assert limited.read_bytes() == before
