"""The exported page, opened from disk: its model gives Python's pictures, and it asks nobody."""

import base64
from pathlib import Path

import numpy as np
import pytest

from helpers.explored import digits, people
from narrows.data import Dataset
from narrows.tasks.explore import Explorer
from narrows.tasks.export import export_page
from narrows.tasks.export.precision import grey_levels

pytestmark = pytest.mark.slow

CODES = 40  # benchmarks/explore_latency.py looks at more
# Resolves with the grey levels that are shown of each code, once no pixel is further than a level
# of the data from Python's; a busy machine may take long to show another picture.
SHOWN = """
async ({ codes, pictures, step }) => {
  const canvas = document.getElementById("picture-code");
  const shown = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data.filter((_, at) => at % 4 === 0));
  };
  const found = [];
  for (const [at, code] of codes.entries()) {
    location.hash = `code=${code}`;
    const end = performance.now() + 15_000;
    const differs = (level, pixel) => Math.abs(level - pictures[at][pixel]) > step + 1;
    while (performance.now() < end && shown().some(differs)) {
      await new Promise((later) => setTimeout(later));
    }
    found.push(shown());
  }
  return found;
}
"""


def opened(page, path: Path):
    """The exported page once it shows what a code gives and the items near it."""
    page.goto(path.as_uri())
    page.locator("#nearest button").first.wait_for()
    return page


@pytest.mark.parametrize("preset", ["dense", "conv"])
def test_pixels_are_those_of_python(page, watch, tmp_path, preset):
    autoencoder, data = digits(preset=preset, hidden=(16,) if preset == "dense" else None)
    exported = export_page(autoencoder, data, title=preset)
    exported.write(tmp_path / "page.html")
    codes = Explorer(autoencoder, data, title=preset).codes
    random = np.random.default_rng(1)
    codes = (random.choice(codes, CODES) + random.normal(0, 1, (CODES, 4))).astype(np.float32)
    pictures = grey_levels(autoencoder.trained, autoencoder.decode(codes)).reshape(CODES, -1)
    step = 255 / 16  # of the 17 grey levels of these data, in those of a screen
    assert len(np.unique(pictures, axis=0)) > CODES / 2
    texts = [base64.urlsafe_b64encode(code.tobytes()).decode() for code in codes]
    given = {"codes": texts, "pictures": np.rint(step * pictures).tolist(), "step": step}
    shown = opened(page, tmp_path / "page.html").evaluate(SHOWN, given)
    off = np.abs(np.rint(np.array(shown) / step) - pictures)
    assert off.max() <= 1 and (off == 0).mean() >= 0.999
    assert {address.partition(":")[0] for address in watch.requests} <= {"file", "data", "blob"}


# Before the page listens: an address that is given while this holds is heard of later.
HOLDING = (
    "addEventListener('hashchange', (event) => window.held && event.stopImmediatePropagation());"
)
# A second address follows as soon as the first one's item is there.
TWO_ADDRESSES = """
async () => {
  location.hash = "item=1";
  while (!document.getElementById("fact-name").textContent.includes("Picture 1")) {
    await new Promise((later) => setTimeout(later));
  }
  window.held = true;
  location.hash = "item=2";
}
"""


def test_an_address_counts_that_is_given_before_the_last_one_is_written(page, tmp_path):
    autoencoder, data = digits()
    export_page(autoencoder, data, title="digits").write(tmp_path / "page.html")
    page.clock.install()
    page.add_init_script(HOLDING)
    opened(page, tmp_path / "page.html").evaluate(TWO_ADDRESSES)
    page.clock.fast_forward(1000)
    page.evaluate("held = false; dispatchEvent(new HashChangeEvent('hashchange'))")
    page.locator("#fact-name", has_text="Picture 2").wait_for()


def test_what_is_drawn_is_encoded_and_reconstructed(new_page, tmp_path):
    autoencoder, data = digits()
    export_page(autoencoder, data, title="digits").write(tmp_path / "page.html")
    page = opened(new_page(390, "dark", has_touch=True), tmp_path / "page.html")
    page.locator("#draw").tap()
    page.locator("#fact-name", has_text="Your drawing").wait_for()
    assert "training pictures" in page.inner_text("#fact-odd")
    page.get_by_role("button", name="Undo").click()
    page.locator("#fact-name", has_text="Picture 0").wait_for()


def test_a_row_is_a_form(page, tmp_path):
    autoencoder, table = people()
    schema = autoencoder.trained.data.table
    assert schema is not None
    data = Dataset("people", schema.encode(table), table=schema)
    export_page(autoencoder, data, title="people").write(tmp_path / "page.html")
    opened(page, tmp_path / "page.html")
    page.get_by_label("kilos").fill("99")
    page.get_by_label("since").fill("2020-02-30")
    page.get_by_label("since").fill("2021-05-04")
    page.keyboard.press("Tab")
    page.locator("#fact-name", has_text="Your row").wait_for()
    assert page.get_by_text("follows from pounds").is_visible()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Save CSV").click()
    text = Path(begun.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0] == "kilos,pounds,age,town,member,since,country"
