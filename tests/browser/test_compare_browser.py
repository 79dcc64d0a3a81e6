"""The page of a comparison, used as a reader does: by pointer, by keyboard, on a phone, unseen."""

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.comparisons import comparison
from narrows.baselines.jpeg import open_jpeg
from narrows.report.comparison.page import write_comparison
from narrows.report.comparison.wording import share
from narrows.support.number_text import three_digits

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

_ACROSS, _DOWN = np.meshgrid(np.arange(20), np.arange(28))
# Soft waves: blocks of few and of many frequencies.
ITEMS = np.stack(
    [128 + 120 * np.sin(_ACROSS * (1 + n) / 9 + _DOWN**2 / 90) for n in range(16)]
).astype(np.uint8)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("comparison") / "a report.html"
    write_comparison(path, comparison(ITEMS, "image", labels=np.arange(16) % 3))
    return path.as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_the_window_and_axe_finds_no_fault(new_page, axe, address, width, scheme):
    page = new_page(width, scheme)
    page.goto(address)
    page.wait_for_selector("#jpeg-blocks .block-grid")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    axe(page)


def test_an_item_opens_large_and_closes_again_by_keyboard(page, expect, address):
    page.goto(address)
    page.locator(".gallery-item").nth(1).focus()
    page.keyboard.press("Enter")
    title = page.locator("#large-title")
    assert "Item 1" in title.text_content()
    # original, and four versions with their differences
    expect(page.locator("#large-items canvas")).to_have_count(9)
    shown = page.evaluate(
        """() => {
          const canvas = document.querySelector("#large-items canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, 20, 28);
          return Array.from(data).filter((_, at) => at % 4 === 0);
        }"""
    )
    assert shown == ITEMS[1].ravel().tolist()
    for key, item in (("ArrowRight", "Item 2"), ("ArrowLeft", "Item 1"), ("ArrowLeft", "Item 0")):
        page.keyboard.press(key)
        expect(title).to_have_text(re.compile(f"^{item},"))
    page.keyboard.press("Escape")
    assert not page.locator("#large").is_visible()
    assert page.evaluate("document.activeElement.dataset.item") == "0"


@pytest.mark.parametrize("quality", [5, 93])
def test_jpeg_is_computed_again_as_python_does(page, address, quality):
    page.goto(address)
    page.wait_for_selector("#jpeg-blocks .block-grid")
    page.locator("#jpeg-slider").fill(str(quality))
    opened = open_jpeg(ITEMS[0], quality)
    words = page.locator("#jpeg-words").text_content()
    assert f"{share(opened.zero_share)} of" in words
    assert f"{three_digits(opened.mse)} squared grey levels" in words
    row, column = opened.block
    assert kept(page) == opened.kept[row, column].ravel().tolist()
    page.locator(".block-grid").focus()
    for _ in range(4):
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
    assert kept(page) == opened.kept[0, 0].ravel().tolist()
    box = page.locator(".block-grid").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)
    assert kept(page) == opened.kept[-1, -1].ravel().tolist()


def kept(page: "Page") -> list[int]:
    return [int(text) for text in page.locator("#jpeg-kept td").all_text_contents()]


def test_numbers_come_out_in_full(page, address, tmp_path: Path):
    page.goto(address)
    with page.expect_download() as begun:
        page.locator("button.download").first.click()
    begun.value.save_as(tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").open(encoding="utf-8", newline="")))
    found = comparison(ITEMS, "image").scores
    assert [float(row["error"]) for row in rows] == [score.error for score in found]


def test_the_map_tells_the_item_under_the_pointer(page, address):
    page.goto(address)
    page.wait_for_selector(".desk .thumbnails use", state="attached")
    point = page.evaluate(
        """() => {
          const drawing = document.querySelector(".map .desk");
          drawing.scrollIntoView({ block: "center" });
          const frame = drawing.querySelector(".thumbnails rect").getBoundingClientRect();
          return [frame.x + frame.width / 2, frame.y + frame.height / 2];
        }"""
    )
    page.mouse.move(*point)
    tip = page.locator(".tip:visible")
    assert tip.text_content() == "item 0, 0" and tip.locator("use").count() == 1


def test_a_phone_shows_every_cell_and_the_whole_command(new_page, expect, address):
    page = new_page(390, "dark")
    page.goto(address)
    for details in page.locator("details").all():
        details.evaluate("one => { one.open = true }")
    hidden = """() => [...document.querySelectorAll(".wide, dt")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1).length"""
    assert page.evaluate(hidden) == 0
    heading = page.locator("#table-models td").first
    shown = "one => getComputedStyle(one, '::before').content"
    assert heading.evaluate(shown) == '"preset"'
    # what is still wider says so
    page.evaluate("document.querySelector('.wide').style.width = '40px'")
    expect(page.locator(".wide").first).to_have_class(re.compile(r"\bcut\b"))


def test_a_command_is_copied_as_it_is(new_page, address):
    page = new_page(1280, "light")
    page.goto(address)
    clipboard = (
        "Object.defineProperty(navigator, 'clipboard', "
        "{{ value: {{ writeText: {} }}, configurable: true }})"
    )
    page.evaluate(clipboard.format("(text) => { window.got = text }"))
    button = page.get_by_role("button", name=re.compile("^Copy.*turns the numbers"))
    button.click()
    assert page.evaluate("window.got") == "narrows explore m.safetensors"
    # where a page may not, the command is marked
    page.evaluate(clipboard.format("() => Promise.reject()"))
    button.click()
    assert page.evaluate("String(getSelection())") == "narrows explore m.safetensors"
