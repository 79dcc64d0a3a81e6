"""In notebooks estimators and results show what there is to see, and hold nothing more for it."""

import base64
import copy
import io
import json
import pickle
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from PIL import Image
from sklearn.base import clone

from helpers.optional import optional
from narrows import Autoencoder
from narrows.errors import ShapeError
from narrows.model.use import TrainedAutoencoder
from narrows.report.notebook import FewItems
from narrows.tasks.evaluate import evaluate
from narrows.tasks.fit import FitResult

RANDOM = np.random.default_rng(0)


def shown(estimator: Autoencoder) -> str:
    html = estimator._repr_html_()
    bundle = estimator._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    # scikit-learn numbers its diagrams
    assert len(bundle["text/html"]) == pytest.approx(len(html), abs=20)
    return html


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r"src='data:image/png;base64,([^']+)'", html)
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]


@pytest.fixture(scope="module")
def fitted_images() -> Autoencoder:
    images = RANDOM.integers(0, 256, (60, 8, 6), dtype=np.uint8)
    return Autoencoder(latent=3, preset="simple", hidden=8, epochs=2).fit(images)


def test_before_fit_there_is_the_diagram_alone() -> None:
    html = shown(Autoencoder(latent=3))
    assert "sk-top-container" in html and "narrows-model" not in html


@pytest.mark.slow
def test_items_their_reconstructions_and_losses_come_after_the_diagram(
    fitted_images: Autoencoder,
) -> None:
    html = shown(fitted_images)
    assert html.index("sk-top-container") < html.index("narrows-model")
    assert "3 numbers for each item of 8 × 6 values" in html
    originals, results, losses = pictures(html)
    assert originals.size == results.size and originals.size != losses.size
    with sklearn.config_context(display="text"):
        assert not hasattr(fitted_images, "_repr_html_")
        assert set(fitted_images._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.slow
def test_copies_and_files_hold_no_items(fitted_images: Autoencoder) -> None:
    without = copy.copy(fitted_images)
    assert without.__dict__.pop("_few", None) is None
    assert len(pictures(shown(fitted_images))) == 3
    for other in (pickle.loads(pickle.dumps(fitted_images)), copy.deepcopy(fitted_images)):
        assert len(pictures(shown(other))) == 1  # the losses
    assert "narrows-model" not in shown(clone(fitted_images))
    assert pickle.dumps(fitted_images) == pickle.dumps(without)


@pytest.mark.slow
def test_rows_of_a_table_and_curves() -> None:
    pandas = optional("pandas")
    frame = pandas.DataFrame(
        {"size <cm>": RANDOM.normal(size=80), "kind": RANDOM.choice(["a", "<b>", None], 80)}
    )
    html = shown(Autoencoder(latent=2, hidden=8, epochs=2, preset="simple").fit(frame))
    assert "size &lt;cm&gt;" in html and "<b>" not in html.partition("narrows-model")[2]
    assert html.count("<th class='text' scope='row'>reconstruction</th>") == 3
    assert len(pictures(html)) == 1
    rows = RANDOM.normal(size=(80, 7))
    estimator = Autoencoder(latent=2, hidden=8, epochs=2, preset="simple").fit(rows)
    assert len(pictures(shown(estimator))) == 2


def test_few_items_are_kept_and_no_large_ones() -> None:
    from narrows.data import Dataset

    images = np.zeros((30, 4, 4), np.uint8)
    few = FewItems.of(Dataset("X", images, None))
    assert few is not None and few.items.shape == (10, 4, 4) and few.items.base is None
    large = np.broadcast_to(np.uint8(0), (3, 2_000, 2_000))
    kept = FewItems.of(Dataset("X", large, None))
    assert kept is not None and len(kept.items) == 1
    assert FewItems.of(Dataset("X", np.broadcast_to(0.0, (3, 1_000, 1_000)), None)) is None
    assert FewItems.of(None) is None


@pytest.mark.slow
def test_results_show_their_tables(fitted, digits) -> None:
    result = evaluate(TrainedAutoencoder(fitted.trained), digits)
    assert "autoencoder</th>" in result._repr_html_() and "<pre" not in result._repr_html_()
    assert hasattr(FitResult, "_repr_html_")


@pytest.mark.slow
def test_the_page_to_explore_holds_items_and_labels_and_stays_in_its_frame(
    fitted_images: Autoencoder, tmp_path: Path
) -> None:
    images = RANDOM.integers(0, 256, (30, 8, 6), dtype=np.uint8)
    labels = np.array(["cat", "dog", "<b>"] * 10)
    page = fitted_images.explore(images, labels=labels)
    found = page_data(page.text)
    assert (found["items"], found["shape"], found["limits"]) == (30, [8, 6], [0, 255])
    assert found["classes"] == ["<b>", "cat", "dog"]
    assert [found["classes"][rank] for rank in found["labels"]] == labels.tolist()
    shown = page._repr_html_()
    assert unescape(shown.partition('srcdoc="')[2].partition('"')[0]) == page.text
    assert "allow-same-origin" not in shown
    page.write(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page.text
    assert page_data(fitted_images.explore().text)["items"] == 0
    with pytest.raises(ShapeError, match=r"\(3,\).*30 items"):
        fitted_images.explore(images, labels=labels[:3])


def page_data(text: str) -> dict[str, Any]:
    held = re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)
    assert held is not None
    return json.loads(held[1])
