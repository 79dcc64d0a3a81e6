"""A comparison's page: one file of any kind of data, with all its numbers and nothing else's."""

import base64
import io
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from helpers.comparisons import comparison, spent
from narrows.report.comparison import pictures, views
from narrows.report.comparison.page import comparison_page, write_comparison
from narrows.report.comparison.plots import bytes_plots, numbers_plot
from narrows.report.comparison.result import (
    BytesPoint,
    BytesSpent,
    Comparison,
    Gallery,
    GalleryItem,
    Kind,
    NumbersKept,
    NumbersPoint,
    NumbersSeries,
    Version,
)
from narrows.report.comparison.wording import Words
from narrows.support.number_text import three_digits

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (20, 10, 12), np.uint8)
KINDS = {
    "grey": (GREY, "image"),
    "colour": (GENERATOR.integers(0, 256, (20, 9, 8, 3), np.uint8), "image"),
    "floats": (GENERATOR.normal(size=(12, 6, 5)).astype(np.float32), "image"),
    "constant": (np.zeros((12, 6, 5), np.float32), "image"),
    "curves": (GENERATOR.normal(size=(12, 300)), "curve"),
    "single values": (GENERATOR.normal(size=(12, 1)), "values"),
    "volumes": (GENERATOR.normal(size=(12, 3, 4, 5, 2)), "values"),
    "table": (GENERATOR.normal(size=(12, 4)), "table"),
}
EMPTY = {"br", "img", "input", "link", "meta"}


class Reader(HTMLParser):
    """Ids, addresses, and whether every element that is opened is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labelled", [True, False])
def test_a_page_of_any_data_is_one_sound_file(kind: str, labelled: bool) -> None:
    items, form = KINDS[kind]
    labels = np.zeros(len(items), int) if labelled else None
    page = comparison_page(comparison(items, form, labels=labels))
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open and not reader.handlers
    assert not [name for name, count in reader.ids.items() if count > 1]
    assert not [a for a in reader.addresses if not a.startswith(("data:", "#"))]
    inner = {a[1:] for a in reader.addresses if a.startswith("#")}
    assert inner <= set(reader.ids)
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org/2000/svg", "", page)
    assert "made-up &lt;items&gt;, compared" in page
    assert page.index("The article’s net is") < page.index("<nav")


def test_what_is_below_a_figure_stands_there_alone() -> None:
    items, form = KINDS["grey"]
    found = comparison(items, form)
    assert found.spent is not None
    series = tuple(replace(each, how=f"{each.name}, as usual") for each in found.numbers.series)
    stored = replace(found.spent, facts="all 20 items, JPEG XL is left out")
    page = comparison_page(
        replace(found, numbers=replace(found.numbers, series=series), spent=stored)
    )
    assert page.replace("\u00a0", " ").count(stored.facts) == 1
    assert page.count(", as usual") == len(series)


def test_figures_read_plainly() -> None:
    items, form = KINDS["grey"]
    found = comparison(items, form)
    assert found.features is not None
    wide = np.linspace(-4876.4, 0.00002, 7, dtype=np.float32)
    numbers = tuple(replace(each, values=wide) for each in found.features.numbers)
    page = comparison_page(replace(found, features=replace(found.features, numbers=numbers)))
    assert "-4,876 to 0.00002<" in page and "number 1 at -4,876" in page
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", "", page, flags=re.DOTALL)
    assert re.search(r"\de[+-]?\d", text) is None


def test_a_row_has_its_class_and_file_and_no_cell_that_nothing_is_learnt_from() -> None:
    version = Version(
        name="mine", kind="ours", values=np.zeros(2), cells=("1.5", None), error=1.0, item_bytes=8
    )
    item = GalleryItem(
        index=1204,
        file="4 of b.csv",
        rank="best",
        label="cat",
        original=np.zeros(2),
        cells=("1.25", None),
        versions=(version,),
    )
    shown = Gallery(items=(item,), ranked_by="mine", sentence="", facts="")
    (row,) = views.rows_view(shown, ("size", "kind"), {"kind"})
    assert row["heading"] == "Row 1,204, 4 of b.csv, class cat, where the error is smallest"
    assert row["lines"] == [("size", [("1.25", False), ("1.50", False)])]


def rows_shown(original: tuple[str, ...], made: tuple[str, ...], columns: int) -> Comparison:
    """A comparison of a table of so many columns with one row, and what one method makes of it."""
    items, form = KINDS["table"]
    whole = comparison(items, form)
    assert whole.gallery is not None and whole.table is not None
    item = whole.gallery.items[0]
    versions = (replace(item.versions[0], cells=made),)
    row = replace(item, cells=original, versions=versions)
    names = tuple(f"c{number}" for number in range(columns))
    return replace(
        whole,
        data=replace(whole.data, columns=names),
        gallery=replace(whole.gallery, items=(row,)),
    )


def lines_of(found: Comparison, categories: Collection[str] = ()) -> list[list[tuple[str, bool]]]:
    assert found.gallery is not None
    (row,) = views.rows_view(found.gallery, found.data.columns, categories)
    return [line for _, line in row["lines"]]


def test_a_missing_cell_is_called_so() -> None:
    page = comparison_page(rows_shown(("", "a"), ("1.5", ""), 2))
    assert ">missing</td><td>1.5</td>" in page and "<td>a</td><td>missing</td>" in page


def test_long_categories_are_told_apart_where_they_are_cut() -> None:
    same = "x" * 80
    found = rows_shown((f"{same}1", f"{same}1"), (f"{same}1", f"{same}2"), 2)
    first, second = lines_of(found, {"c0", "c1"})
    cut = "x" * 59 + "…"
    assert first == [(cut, False), (cut, False)] and second == [(cut, False), (cut, True)]


def test_no_digit_is_shown_that_a_number_does_not_have() -> None:
    found = rows_shown(("999.1235", "0.000123456789", "7"), ("1000.456", "0.0001", "7.5"), 3)
    shown = [[text for text, _ in line] for line in lines_of(found)]
    assert shown == [["999.12", "1000.46"], ["0.000123457", "0.000100000"], ["7.0", "7.5"]]


def test_columns_that_are_not_shown_are_counted() -> None:
    said = "The first 2 of 3 columns are shown."
    assert said in comparison_page(rows_shown(("1", "2"), ("1", "2"), 3))
    assert "columns are shown" not in comparison_page(rows_shown(("1", "2"), ("1", "2"), 2))


def test_curves_say_that_some_of_their_values_are_drawn() -> None:
    page = comparison_page(comparison(*KINDS["curves"])).replace("\u00a0", " ")
    assert "Of an item’s 300 values one in 2 is drawn." in page
    assert "is drawn." not in comparison_page(comparison(KINDS["curves"][0][:, :256], "curve"))


def test_one_class_is_not_counted() -> None:
    several, one = (
        comparison_page(comparison(GREY, "image", labels=np.arange(20) % count)) for count in (2, 1)
    )
    assert ", 2 classes" in several and ", 1 classes" not in one


def test_the_map_calls_rows_rows() -> None:
    for kind, thing in (("table", "row"), ("grey", "item")):
        page = comparison_page(comparison(*KINDS[kind]))
        assert f'"latent":[{{"thing":"{thing}"' in page


def test_a_table_has_rows_and_columns_and_no_words_of_the_code() -> None:
    items, form = KINDS["table"]
    page = comparison_page(comparison(items, form, labels=np.arange(12) % 3))
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", "", page, flags=re.DOTALL)
    text = text.replace("\u00a0", " ")
    assert "12 rows of 4 columns, each row encoded as 4 values" in text
    assert "missing or not, % wrong" in text and "a variance of 1" in text
    for word in ("features", "gaps", "standard deviations", "an item", "Right answers"):
        assert word not in text, word


def test_parts_that_are_none_are_left_out() -> None:
    names = ("spent", "archives", "jpeg", "features", "gallery", "use", "losses", "table")
    changes = {**dict.fromkeys(names), "latent": (), "denoising": (), "cautions": ()}
    page = comparison_page(comparison(GREY, "image", **changes))
    ids = set(re.findall(r'<h[23] id="(\w+)"', page))
    assert ids == {"data", "numbers", "models", "commands"}


def test_bytes_say_of_what_they_are() -> None:
    def page(items: np.ndarray, **changes: object) -> str:
        return comparison_page(comparison(items, "image", **changes)).replace("\u00a0", " ")

    made = comparison(GREY, "image")
    kept = "an item, and its code of 20 numbers of 4 bytes"
    assert f"{kept}<" in page(GREY)
    assert f"{kept}, which takes more<" in page(GREY[:, :8, :8], spent=None)
    without = "what detect needs"
    assert without not in page(GREY)
    models = tuple(replace(each, detects=False) for each in made.models)
    found = page(GREY, models=models)
    assert "in a file of 650,000 bytes, to which fit adds what detect needs" in found
    assert "what it cost; files are without what detect needs, which fit adds" in found


def test_jpeg_of_levels_that_are_spread_says_errors_in_the_data_s_unit() -> None:
    made = comparison(GREY, "image").jpeg
    assert made
    page = comparison_page(comparison(GREY, "image", jpeg=replace(made, factor=255 / 16)))
    own = f"{three_digits(made.error / (255 / 16) ** 2)} grey levels², which are "
    assert f"{own}{three_digits(made.error)} of JPEG&#39;s, 0 to 255" in page
    assert "JPEG's levels go from 0 to 255" in page
    assert "JPEG's levels go from 0 to 255" not in comparison_page(comparison(GREY, "image"))


def test_what_loses_nothing_is_in_the_table_alone() -> None:
    lossless = spent().points[-1]
    part = BytesSpent(points=(lossless,), count=1, raw_bytes=1.0, sentence="s", facts="f")
    page = comparison_page(comparison(GREY, "image", spent=part))
    assert 'id="plot-bytes"' not in page and 'id="table-error-over-bytes"' in page


@pytest.mark.slow
def test_of_many_curves_seven_are_looked_at_first() -> None:
    names = ["JPEG", "WebP", "AVIF", "JPEG XL"]
    layouts: list[Literal["item", "sheet"]] = ["item", "sheet"]
    points = [
        BytesPoint(
            name=name,
            kind="jpeg" if name == "JPEG" else "codec",
            setting="",
            layout=layout,
            item_bytes=40.0 + number + 9 * (layout == "item"),
            error=3.0,
        )
        for number, name in enumerate(names)
        for layout in layouts
    ]
    files: list[tuple[str, Kind, tuple[bool, ...]]] = [
        ("codes of mine", "ours", (True, False)),
        ("codes of the other", "article", (True, False)),
        ("narrows compress", "archive", (True,)),
    ]
    for name, kind, charged in files:
        points += [
            BytesPoint(
                name=name, kind=kind, setting="", layout="file", item_bytes=8, error=2, charged=each
            )
            for each in charged
        ]
    part = BytesSpent(points=tuple(points), count=1, raw_bytes=64.0, sentence="s", facts="f")
    colours = {point.name: "grey" for point in points}
    first, whole = bytes_plots(part, Words.of("values", "units"), colours, "mine")
    assert first.count("<li>") == 7 and whole.count("<li>") == 13
    for shown in (
        "codes of mine, without the bytes of its decoder",
        "narrows compress",
        "JPEG, one sheet",
    ):
        assert f"{shown}</li>" in first
    assert "JPEG</li>" not in first and "JPEG</li>" in whole


def test_the_line_of_a_model_that_is_pca_is_broken_over_pcas() -> None:
    def line(name: str, kind: Kind, *errors: float) -> NumbersSeries:
        points = [NumbersPoint(numbers=n, error=e, psnr=None) for n, e in enumerate(errors, 1)]
        return NumbersSeries(name=name, kind=kind, points=tuple(points))

    def broken(*errors: float) -> bool:
        part = NumbersKept(
            series=(line("PCA", "pca", 4, 2, 1), line("mine", "ours", *errors)),
            sentence="s",
            facts="f",
        )
        return "dashed" in numbers_plot(part, "units", {"PCA": "grey", "mine": "ours"})

    assert broken(4, 2.0001, 1) and broken(4, 1.9, 1)
    assert not broken(3, 1.9, 0.9)


def test_a_page_of_mnist_size_stays_small(tmp_path: Path) -> None:
    # Worse to pack than digits are: noise of half the pixels.
    items = GENERATOR.integers(0, 256, (2000, 28, 28), np.uint8)
    items[GENERATOR.random(items.shape) < 0.5] = 0
    path = tmp_path / "page.html"
    write_comparison(path, comparison(items, "image", labels=np.arange(2000) % 10))
    assert path.stat().st_size < 3_000_000


@pytest.mark.slow
def test_a_page_of_photographs_stays_small() -> None:
    coarse = GENERATOR.integers(0, 256, (40, 40, 60, 3), np.uint8)
    items = coarse.repeat(8, axis=1).repeat(8, axis=2)
    items += GENERATOR.integers(0, 8, items.shape, np.uint8)
    assert len(comparison_page(comparison(items, "image"))) < 3_000_000


def sheet_of(drawings: pictures.Drawings) -> np.ndarray:
    content = re.search(r"base64,([^\"]+)", drawings.definition())
    assert content
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content[1]))))


@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 1), (9, 8, 3)])
def test_pictures_lie_where_the_facts_say(shape: tuple[int, ...]) -> None:
    items = GENERATOR.integers(0, 256, (7, *shape), np.uint8)
    drawings = pictures.drawings_of(shape, (0, 255), "gallery", pictures=True)
    places = [drawings.place(item) for item in items]
    assert drawings.place(items[3]) == places[3]  # each once
    sheet, facts = sheet_of(drawings), drawings.facts()
    assert facts["reduced"] == 1
    for place, item in zip(places, items, strict=True):
        top = place // facts["columns"] * (facts["height"] + 2) + 1
        left = place % facts["columns"] * (facts["width"] + 2) + 1
        found = sheet[top : top + facts["height"], left : left + facts["width"]]
        assert (found == item.reshape(found.shape)).all()


def test_floats_are_scaled_by_the_limits() -> None:
    drawings = pictures.drawings_of((1, 3), (-1, 1), "gallery", pictures=True)
    drawings.place(np.array([[-1.0, 0.0, 9.0]]))
    assert sheet_of(drawings)[1, 1:4].tolist() == [0, 128, 255]


@pytest.mark.slow
def test_jpeg_of_a_large_picture_is_opened_in_a_part_of_it() -> None:
    large = GENERATOR.integers(0, 256, (500, 390), np.uint8)
    whole = comparison(large[None].repeat(12, axis=0), "image").jpeg
    assert whole
    view, data = views.jpeg_view(whole, " grey levels²")
    assert view["is_part"] and max(view["height"], view["width"]) <= 384
    row, column = data["block"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(view["pixels"].split(",")[1]))))
    block = shown[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(int) - 128
    assert (block == whole.samples[: block.shape[0], : block.shape[1]]).all()
