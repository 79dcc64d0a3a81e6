"""``narrows.compare``: the figures of the command, for what Python has."""

import json
from html import escape
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, compared_briefly, done
from narrows import Autoencoder, compare
from narrows.data import Dataset
from narrows.errors import DataError, UsageError
from narrows.report.comparison.compared import comparison_values


@pytest.mark.slow
def test_its_figures_are_those_of_the_command(
    narrows: Command, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_briefly(monkeypatch)
    monkeypatch.setattr("narrows.tasks.comparison.archives.BOUNDS", ())

    def untrained(*_: object, **__: object) -> None:
        raise DataError("left out: it takes half of the time")

    monkeypatch.setattr("narrows.tasks.comparison.archives.train_rounded", untrained)
    assert digits.labels is not None
    items, labels = digits.items[:120], digits.labels[:120]
    np.save(tmp_path / "X.npy", items)
    np.save(tmp_path / "y.npy", labels)
    ae = Autoencoder(latent=3, hidden=8, epochs=2, random_state=0).fit(digits.items[200:400])
    ae.save(tmp_path / "model.safetensors")
    line = ("compare", tmp_path / "X.npy", "--model", tmp_path / "model.safetensors", "--json")
    line += ("--labels", tmp_path / "y.npy", "--epochs", 1, "--out", tmp_path / "page.html")
    said = json.loads(done(narrows(*line)).out)
    found = compare(items, {"model": ae}, labels=labels, epochs=1, verbose=False)
    told = comparison_values(found)
    assert [each["total"] for each in told["archives"]["rows"]] == [
        each["total"] for each in said["archives"]["rows"]
    ]
    assert told["scores"] == said["scores"]
    assert told["numbers"]["series"] == said["numbers"]["series"]
    assert told["use"]["rows"] == said["use"]["rows"]
    assert found.in_short[0] == said["in_short"][0]

    html = found._repr_html_()
    assert escape(found.in_short[0]) in html and "<th class='text' scope='row'>model</th>" in html
    found.write(tmp_path / "own.html")
    page = (tmp_path / "own.html").read_text("utf-8").replace("\u00a0", " ")
    assert escape(found.in_short[0], quote=False) in page
    assert "narrows fit YOUR_DATA" in page


def test_numbers_of_codes_are_asked_for_where_models_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared_briefly(monkeypatch)
    monkeypatch.setattr("narrows.tasks.comparison.tables.TABLE_BOUNDS", ())
    X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    found = compare(X, latent=2, numbers=(), epochs=1, verbose=False)
    assert [each.latent for each in found.models] == [2, 2]
    found = compare(X, numbers=(), epochs=1, verbose=False)
    assert [each.latent for each in found.models] == [3, 3]
    ae = Autoencoder(epochs=1, refine=0).fit(X)
    with pytest.raises(UsageError, match="latent=2 is for models that are trained here"):
        compare(X, ae, latent=2)
    with pytest.raises(UsageError, match="keep_models='kept' is for models that are trained here"):
        compare(X, ae, keep_models="kept")


@pytest.mark.slow
def test_a_data_frame_is_compared_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    compared_briefly(monkeypatch)
    monkeypatch.setattr("narrows.tasks.comparison.tables.TABLE_BOUNDS", ())
    random = np.random.default_rng(0)
    size = random.normal(size=90)
    kinds = random.choice(["a", "<b>"], 90)
    frame = pandas.DataFrame({"size": size, "weight": 2 * size + 1, "kind": kinds})
    found = compare(frame, labels="kind", numbers=(), epochs=1, verbose=False)
    assert repr(found) == str(found) == found.text() and len(repr(found).splitlines()) < 30
    assert found.data.columns == ("size", "weight", "kind")
    assert set(found.data.classes) == {"a", "<b>"} and found.archives is not None
    with pytest.raises(UsageError, match="labels of a table are the name of a column"):
        compare(frame, labels=kinds, verbose=False)


def test_models_are_called_what_their_user_calls_them(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deep(Autoencoder):
        pass

    def named(models: object) -> list[str]:
        called = list[str]()

        def job(data: object, files: dict[str, Path], *_: object, **__: object) -> None:
            assert all(path.is_file() for path in files.values())
            called.extend(files)
            raise DataError("the names are enough")

        monkeypatch.setattr("narrows.estimators.comparing.job", job)
        with pytest.raises(DataError, match="the names are enough"):
            compare(digits.items[:40], models, verbose=False)
        return called

    deep = Deep(latent=2, hidden=4, epochs=1, random_state=0).fit(digits.items[:40])
    deep.save(tmp_path / "small.safetensors")
    small = Autoencoder.load(tmp_path / "small.safetensors")
    assert named(small) == ["Autoencoder"]
    assert named([small, deep, small]) == ["Autoencoder 1", "Deep", "Autoencoder 2"]
    assert named([deep, tmp_path / "small.safetensors"]) == ["Deep", "small"]
    files = {"20 units / wide": deep, "PCA": small, "a file": tmp_path / "small.safetensors"}
    assert named(files) == list(files)
    monkeypatch.undo()
    lines = [f"{place},{place % 7}" for place in range(30)]
    (tmp_path / "table.csv").write_text("\n".join(["size,weight", *lines]), encoding="utf-8")
    with pytest.raises(DataError, match="is a table, and deep was trained on other data"):
        compare(tmp_path / "table.csv", {"deep": deep}, verbose=False)


def test_what_cannot_be_meant_is_refused(digits: Dataset) -> None:
    items = digits.items[:40]
    with pytest.raises(UsageError, match="models has a list"):
        compare(items, [[1]], verbose=False)
    with pytest.raises(UsageError, match="numbers"):
        compare(items, numbers=(0,), verbose=False)
    with pytest.raises(DataError, match=r"the array of labels has the shape \(3,\)"):
        compare(items, labels=["a", "b", "c"], verbose=False)
