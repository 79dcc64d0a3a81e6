"""The explore page under a hand: every part does what it says, and says what goes wrong."""

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.explored import digits, people
from helpers.served import served
from narrows.data import Dataset
from narrows.tasks.explore import Explorer

pytestmark = pytest.mark.slow

CODES = 40  # benchmarks/explore_latency.py looks at more
# Resolves with how many of the codes came to be shown as the pixels that Python says.
SHOW_CODES = """
async ({ codes, pictures }) => {
  const canvas = document.getElementById("picture-code");
  const shown = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((_, at) => at % 4 === 0).join();
  };
  let right = 0;
  for (const [at, code] of codes.entries()) {
    location.hash = `code=${code}`;
    for (let wait = 0; wait < 200 && shown() !== pictures[at]; wait++) {
      await new Promise(requestAnimationFrame);
    }
    if (shown() === pictures[at]) right += 1;
  }
  return right;
}
"""


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    autoencoder, data = digits()
    return Explorer(autoencoder, data, title="digits")


@pytest.fixture(scope="module")
def address(explorer: Explorer) -> Iterator[str]:
    with served(explorer) as found:
        yield found


@pytest.fixture(scope="module")
def table_address() -> Iterator[str]:
    autoencoder, table = people()
    schema = autoencoder.trained.data.table
    assert schema is not None
    data = Dataset("people", schema.encode(table), table=schema)
    with served(Explorer(autoencoder, data, title="people")) as found:
        yield found


@pytest.fixture(scope="module")
def denoiser() -> Iterator[tuple[Explorer, str]]:
    given = digits(preset="unet", hidden=None, latent=None, noise="gaussian:0.1-0.3")
    explorer = Explorer(*given, title="denoiser")
    with served(explorer) as found:
        yield explorer, found


def opened(page, address: str):
    """The page once it shows what a code gives and the items near it."""
    page.goto(address)
    page.locator("#nearest button").first.wait_for()
    return page


def pixels(page, name: str = "picture-code") -> list[int]:
    return page.evaluate(
        "(name) => { const c = document.getElementById(name);"
        " return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }",
        name,
    )


def greys(explorer: Explorer, items: np.ndarray) -> np.ndarray:
    """The grey levels that items of the data's type are shown in."""
    low, high = explorer.page_data()["limits"]
    shown = (np.asarray(items, np.float64) - low) * 255 / (high - low)
    return np.rint(shown).clip(0, 255).astype(int).reshape(len(shown), -1)


@pytest.mark.parametrize("preset", ["dense", "conv"])
def test_pixels_are_those_of_python(page, serve, preset):
    autoencoder, data = digits(preset=preset, hidden=(16,) if preset == "dense" else None)
    explorer = Explorer(autoencoder, data, title=preset)
    random = np.random.default_rng(0)
    codes = random.choice(explorer.codes, CODES) + random.normal(0, 1, (CODES, 4))
    codes = codes.astype(np.float32)
    given = {
        "codes": [base64.urlsafe_b64encode(code.tobytes()).decode() for code in codes],
        "pictures": [
            ",".join(map(str, levels)) for levels in greys(explorer, autoencoder.decode(codes))
        ],
    }
    assert len(set(given["pictures"])) > CODES / 2
    opened(page, serve(explorer))
    assert page.evaluate(SHOW_CODES, given) == CODES


def test_a_moved_slider_changes_the_picture_and_can_be_undone(page, address, explorer):
    opened(page, address)
    latent = explorer.page_data()["latent"][0]
    code = explorer.codes[0].copy()
    before = levels(explorer, code)
    code[latent["index"]] = max(latent["high"], code[latent["index"]])
    moved = levels(explorer, code)
    assert moved != before
    shows(page, before)
    box = page.locator("#sliders input").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 20, box["y"] + 5, steps=4)
    page.mouse.up()
    shows(page, moved)
    page.get_by_role("button", name="Undo").click()
    shows(page, before)
    page.keyboard.press("Control+Shift+Z")
    shows(page, moved)
    page.locator("#sliders input").first.press("Delete")
    shows(page, before)
    page.keyboard.press("End")
    shows(page, moved)
    page.get_by_role("button", name="Reset").click()
    shows(page, before)
    assert page.get_by_role("button", name="Redo").is_disabled()


def levels(explorer: Explorer, code: np.ndarray) -> list[int]:
    """What the page shows of a code, by Python."""
    return greys(explorer, explorer.autoencoder.decode(code[None]))[0].tolist()


def shows(page, wanted: list[int]) -> None:
    """Wait until the picture has these grey levels."""
    for _ in range(200):
        if pixels(page)[::4] == wanted:
            return
        page.wait_for_timeout(25)
    raise AssertionError("another picture is shown")


def test_a_link_holds_the_state(page, address, explorer):
    opened(page, f"{address}#item=7")
    latent = explorer.page_data()["latent"][0]
    code = explorer.codes[7].copy()
    code[latent["index"]] = min(latent["low"], code[latent["index"]])
    page.locator("#sliders input").first.press("Home")
    shows(page, levels(explorer, code))
    page.get_by_role("button", name="Copy link").click()
    other = page.context.new_page()
    opened(other, page.input_value("#address"))
    shows(other, levels(explorer, code))
    assert "Picture 7" in other.inner_text("#facts")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("code=AAAA&item=9999", "whose code has 4 numbers. The link names an item that is not"),
        ("item=x&levels=%%&row={", "The link's row cannot be read."),
        ("to=3&share=9", ""),
    ],
)
def test_a_link_that_says_nothing_of_use_opens_the_page(page, expect, address, link, said):
    opened(page, f"{address}#{link}")
    assert "Picture 0" in page.inner_text("#facts")
    page.locator("#fact-odd", has_text="training pictures").wait_for()  # which is known later
    expect(page.locator("#alert")).to_contain_text(said)
    expect(page.locator("#alert")).to_be_visible(visible=said != "")


def shown_item(page) -> np.ndarray:
    """The grey levels of the item that was chosen or drawn."""
    return np.array(pixels(page, "picture-item")).reshape(8, 8, 4)[..., 0]


def test_what_is_drawn_is_encoded_and_reconstructed(page, address, explorer):
    opened(page, address)
    board = page.locator("#draw")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.8, steps=6)
    page.mouse.up()
    page.locator("#fact-name", has_text="Your drawing").wait_for()
    low, high = explorer.page_data()["limits"]
    for _ in range(200):  # the stroke is shown while it is drawn
        drawn = shown_item(page)
        values = np.rint(low + drawn / 255 * (high - low)).astype(np.float32)
        wanted = levels(explorer, explorer.encode(values.ravel()).code)
        if drawn[2:6].max(axis=1).min() > 128 and pixels(page)[::4] == wanted:
            break
        page.wait_for_timeout(25)
    else:
        raise AssertionError("the picture is not what the drawing's code gives")
    assert drawn[:, [0, 7]].max() < 64
    assert "training pictures" in page.inner_text("#fact-odd")


def test_a_finger_and_the_keyboard_draw_too(new_page, address):
    page = new_page(390, has_touch=True)
    opened(page, address)
    board = page.locator("#draw")
    board.tap()
    page.locator("#fact-name", has_text="Your drawing").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator("#fact-name", has_text="Picture 0").wait_for()
    board.focus()
    for key in ("Space", *["ArrowUp"] * 8, "Space"):
        page.keyboard.press(key)
    page.locator("#fact-name", has_text="Your drawing").wait_for()


def png_header(width: int, height: int) -> bytes:
    """A PNG file that says how large it is, and has no more."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + check


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.png", b"These are no pixels at all.", "is no image that the page can read"),
        ("large.png", png_header(30_000, 30_000), "30,000 x 30,000 pixels"),
        ("short.png", png_header(20, 20), "is damaged"),
        ("heavy.png", png_header(8, 8) + bytes(50 << 20), "has 51 MB|at most 50 MB"),
        ("empty.png", b"", "is no image"),
    ],
)
def test_a_file_that_is_not_taken_gets_its_message(page, address, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    opened(page, address)
    before = pixels(page)
    page.set_input_files("#upload", tmp_path / name)
    page.locator("#upload-message", has_text=re.compile(said)).wait_for()
    assert name in page.inner_text("#upload-message") and pixels(page) == before


def test_an_image_file_is_taken_in_the_models_size(page, address, tmp_path):
    from PIL import Image

    picture = np.zeros((40, 20), np.uint8)
    picture[:, 10:] = 255
    Image.fromarray(picture).save(tmp_path / "half.png")
    opened(page, address)
    page.set_input_files("#upload", tmp_path / "half.png")
    page.get_by_text("20 x 40 pixels").wait_for()
    page.locator("#fact-name", has_text="half.png").wait_for()
    assert shown_item(page).tolist() == [[0, 0, 0, 0, 255, 255, 0, 0]] * 8


def test_the_map_shows_takes_and_walks(page, address, explorer):
    opened(page, address)
    chart = page.get_by_role("application", name="Map of the codes")
    chart.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    name = page.inner_text("#map-tip")
    assert re.fullmatch(r"Picture \d+, labelled \d", name)
    page.keyboard.press("Enter")
    page.locator("#fact-name", has_text=name).wait_for()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+Enter")
    page.locator("#walk-ends", has_text=f"From {name} to Picture").wait_for()
    page.locator("#walk-strip canvas").nth(7).wait_for()
    page.locator("#walk").press("End")
    page.wait_for_url(re.compile("to="))  # the address follows after a moment
    shows(page, levels(explorer, explorer.codes[int(page.url.split("to=")[1].split("&")[0])]))
    page.get_by_text("The same as a list").click()
    page.select_option("#map-list", "12")
    page.get_by_role("button", name="Take its code").click()
    page.locator("#fact-name", has_text="Picture 12").wait_for()


def test_a_long_name_on_the_map_stays_within_the_window(new_page, serve):
    autoencoder, data = digits()
    classes = tuple(f"{number} {'long' * 30}" for number in range(10))
    address = serve(Explorer(autoencoder, replace(data, classes=classes), title="digits"))
    page = opened(new_page(390), address)
    page.get_by_role("application", name="Map of the codes").focus()
    page.keyboard.press("ArrowRight")
    assert "longlong" in page.inner_text("#map-tip")
    box = page.locator("#map-tip").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    text = page.locator("#map-tip span")
    assert text.evaluate("one => one.scrollWidth <= one.clientWidth + 1 || one.clientWidth === 0")


def test_a_walk_plays_by_steps_where_motion_is_unwanted(new_page, address):
    page = new_page(reduced_motion="reduce")
    opened(page, address)
    page.get_by_role("button", name="Walk", exact=True).click()
    page.get_by_role("button", name="Step").click()
    assert page.inner_text("#walk-share") == "14%"


def test_every_part_is_reached_by_keyboard_alone(page, address):
    opened(page, f"{address}#item=3")
    wanted = page.evaluate(
        "[...document.querySelectorAll('button, input, select, summary, [tabindex]')]"
        ".filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true })).length"
    )
    seen = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        )
    assert len(seen) >= wanted


def test_a_row_is_a_form(page, table_address):
    opened(page, table_address)
    assert page.get_by_text("follows from pounds").is_visible()
    made = page.locator("#row tr").nth(1).locator("td").last
    before = made.inner_text()
    page.get_by_label("kilos").fill("99")
    page.keyboard.press("Tab")
    page.locator("#fact-name", has_text="Your row").wait_for()
    page.locator(f"#row tr:nth-child(2) td:last-child:not(:text-is('{before}'))").wait_for()
    page.get_by_label("town").select_option("missing")
    with page.expect_download() as begun:
        page.get_by_role("button", name="Save CSV").click()
    text = Path(begun.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0] == "kilos,pounds,age,town,member,since,country"


def test_noise_is_added_and_undone(new_page, axe, expect, denoiser):
    explorer, address = denoiser
    page = new_page(390)
    page.goto(address)
    first = settled_difference(page)
    axe(page)
    assert fits(page)
    amount = page.locator("#noise-amount")
    amount.press("End")
    assert settled_difference(page, first) and "with noise" in page.inner_text("#fact-name")
    low, high = explorer.limits
    noisy = low + np.array(pixels(page, "picture-noisy"))[::4] / 255 * (high - low)
    clean = low + np.array(pixels(page, "picture-item"))[::4] / 255 * (high - low)
    assert (np.rint(clean) == explorer.item(0).values).all()
    assert np.std(noisy - clean) > 2
    shows(page, greys(explorer, explorer.denoise(np.rint(noisy))[None])[0].tolist())
    page.get_by_role("button", name="Copy link").click()
    link = page.input_value("#address")
    amount.press("Home")
    shows(page, greys(explorer, explorer.denoise(explorer.item(0).values)[None])[0].tolist())
    page.get_by_role("button", name="Undo").click()
    page.locator("#draw").click()
    page.locator("#fact-name", has_text="Your drawing, with noise").wait_for()
    page.goto(address)
    page.goto(link)
    # the page that was there shows such a picture too, until the link has its event
    expect(page.locator("#noise-amount")).to_have_value("0.6")
    page.locator("#fact-name", has_text="Picture 0, labelled 0, with noise").wait_for()


def settled_difference(page, before: str = "") -> str:
    """The words on how far off the pictures are, once they are others."""
    for _ in range(400):
        text = page.inner_text("#fact-off")
        if text.startswith("Mean difference") and text != before:
            return text
        page.wait_for_timeout(25)
    raise AssertionError("nothing came back")


def test_a_picture_is_saved_as_png(page, address):
    from PIL import Image

    opened(page, address)
    with page.expect_download() as begun:
        page.get_by_role("button", name="Save PNG").click()
    with Image.open(begun.value.path()) as image:
        assert image.size == (512, 512)


def test_readers_with_disabilities_can_use_it(any_page, axe, address):
    opened(any_page, address)
    axe(any_page)
    assert fits(any_page)


def test_a_form_can_be_used_by_all_on_a_phone(new_page, axe, table_address):
    page = opened(new_page(390, "dark"), table_address)
    axe(page)
    assert fits(page)


def test_a_form_shows_that_it_goes_on_where_it_scrolls(new_page, table_address):
    edge = "getComputedStyle(document.querySelector('.stage'), '::after')"
    wide = opened(new_page(1280, "light"), table_address)
    assert wide.evaluate(f"[{edge}.position, {edge}.display]") == ["sticky", "block"]
    assert opened(new_page(390, "dark"), table_address).evaluate(f"{edge}.display") == "none"


def fits(page) -> bool:
    """Whether nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")
