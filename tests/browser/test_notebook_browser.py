"""The explore page inside another page, as a notebook shows it."""

from pathlib import Path

import numpy as np
import pytest

from narrows import Autoencoder

pytestmark = pytest.mark.slow


def test_the_page_works_in_its_frame(page, expect, watch, tmp_path: Path) -> None:
    items = np.random.default_rng(0).integers(0, 256, (60, 8, 6), dtype=np.uint8)
    ae = Autoencoder(latent=3, preset="simple", hidden=8, epochs=2).fit(items)
    frame = ae.explore(items)._repr_html_()
    notebook = tmp_path / "notebook.html"
    icon = '<link rel="icon" href="data:,">'
    notebook.write_text(f"<!DOCTYPE html><title>cells</title>{icon}{frame}", "utf-8")
    page.goto(notebook.as_uri())
    inside = page.frame_locator("iframe")
    canvas = inside.locator("#picture-code")
    levels = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 6, 8).data]"
    expect(canvas).to_have_attribute("width", "6")
    before = canvas.evaluate(levels)
    inside.locator("#sliders input").first.press("End")
    expect(inside.locator("#undo")).to_be_enabled()
    after = canvas.evaluate(levels)
    assert before != after
    with page.expect_download() as begun:
        inside.locator("#save").click()
    assert begun.value.suggested_filename.endswith(".png")
    assert {address.partition(":")[0] for address in watch.requests} <= {"file", "data", "blob"}
