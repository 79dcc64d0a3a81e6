"""``narrows compare``: the page, and what it refuses."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, compared_briefly, contents, done, failed
from narrows.data import Dataset
from narrows.support.number_text import three_digits


@pytest.mark.slow
def test_the_page_has_the_numbers_of_evaluate_and_info(
    narrows: Command, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_briefly(monkeypatch)
    train, test, page = (tmp_path / name for name in ("train.npy", "test <1>.npy", "page.html"))
    np.save(train, digits.items[:200])
    np.save(test, digits.items[200:260])
    models, archive = tmp_path / "models", tmp_path / "test.nrw"
    line = ("compare", train, "--test", test, "--numbers", "2", "--keep-models", models)
    line += ("--epochs", "2")
    said = json.loads(done(narrows(*line, "--out", page, "--json")).out)
    text = unescape(page.read_text("utf-8")).replace("\u00a0", " ")
    shown = {three_digits(float(each)) for each in re.findall(r'data-value="([^"]+)"', text)}
    for name in ("article", "default"):
        model = models / f"{name}.safetensors"
        told = json.loads(done(narrows("evaluate", model, test, "--json")).out)
        for score in (told["model"], told["baselines"][0]):
            assert three_digits(score["mse"]) in shown
    done(narrows("compress", test, "--out", archive))
    told = json.loads(done(narrows("info", archive, "--json")).out)
    assert f">{told['total']:,}<" in text
    assert all(sentence in text for sentence in said["in_short"])
    # the page is sent to others: nothing of where it was made, but in the commands to go on with
    rest = re.sub(r"<code>narrows .*?</code>", "", text)
    assert str(tmp_path) not in rest and str(tmp_path) not in json.dumps(said["data"])
    assert "no training took more than 2 epochs" in text
    assert all(model["epochs"] <= 2 for model in said["models"])
    curve = said["numbers"]["series"][-1]["points"]
    assert [point["numbers"] for point in curve] == [2, said["models"][1]["latent"]]
    assert contents(tmp_path).keys() >= {"page.html", "models", "models/default.safetensors"}


def test_what_cannot_be_meant_is_refused_before_anything_is_trained(
    narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    items, page = tmp_path / "items.npy", tmp_path / "page.html"
    np.save(items, digits.items[:40])
    for more, told in (
        (("--numbers", "2,x"), "--numbers 2,x is no list of whole numbers"),
        (("--numbers", "2,-1"), "--numbers 2,-1: codes have at least 1 number"),
        (("--epochs", "0"), "--epochs 0: models are trained"),
        (("--model", items), "items.npy"),
    ):
        failed(narrows("compare", items, *more, "--out", page), 2 if "-" in told[:2] else 1, told)
    failed(narrows("compare", items, "--out", items), 2, "would write over")
    failed(narrows("compare", items, "--out", tmp_path / "page"), 2, "page is no name of a page")
    failed(narrows("compare", tmp_path / "no.npy", "--out", page), 1, "no.npy")
    assert contents(tmp_path).keys() == {"items.npy"}
