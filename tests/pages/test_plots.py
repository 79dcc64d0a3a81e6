"""Plots: values where their scale puts them, names escaped, both sizes, words for all."""

import re
from xml.etree import ElementTree

import pytest

from narrows.pages.plots import Axis, Series, line_plot, scatter_plot

X, Y = Axis(label="numbers"), Axis(label="error", log=True)


def drawings(plot: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(str(plot)).findall("./svg")


def plot(*series: Series, x: Axis = X, y: Axis = Y) -> str:
    return line_plot("errors", series, title="Errors", words="They fall.", x=x, y=y)


def places(drawing: ElementTree.Element) -> list[tuple[float, float]]:
    marks = drawing.iterfind(".//path[@class='mark']")
    return [tuple(map(float, re.findall(r"[\d.]+", mark.attrib["transform"]))) for mark in marks]


def test_a_logarithmic_axis_puts_equal_ratios_equally_far_apart() -> None:
    for drawing in drawings(plot(Series(name="a", points=[(0, 1000), (1, 100), (2, 10)]))):
        (x0, y0), (x1, y1), (x2, y2) = places(drawing)
        assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
        assert y1 - y0 == pytest.approx(y2 - y1, abs=0.11)
        assert y0 < y1 < y2 and x0 < x1 < x2


def test_everything_lies_within_the_drawing() -> None:
    series = Series(name="a", points=[(1e-6, 1e-9), (3e4, 7e11)])
    for drawing in drawings(plot(series)):
        width, height = map(float, drawing.attrib["viewBox"].split()[2:])
        assert all(0 < x < width and 0 < y < height for x, y in places(drawing))


def test_both_drawings_say_what_they_show() -> None:
    desk, phone = drawings(plot(Series(name="a", points=[(1, 2)])))
    assert (desk.attrib["class"], phone.attrib["class"]) == ("desk", "phone")
    for drawing in (desk, phone):
        title, words = (drawing.find(tag) for tag in ("title", "desc"))
        assert title.text == "Errors" and words.text == "They fall."
        named = drawing.attrib["aria-labelledby"].split()
        assert named == [title.attrib["id"], words.attrib["id"]] and drawing.attrib["role"] == "img"


def test_names_are_escaped_and_in_a_legend_where_there_are_several() -> None:
    several = plot(*(Series(name=name, points=[(1, 2)]) for name in ("<b>", "PCA & co")))
    assert "<b>" not in several and 'class="legend"' in several
    entries = ElementTree.fromstring(several).findall("./ul/li")
    assert ["".join(entry.itertext()) for entry in entries] == ["<b>", "PCA & co"]
    assert 'class="legend"' not in plot(Series(name="a", points=[(1, 2)]))


def test_what_has_no_logarithm_or_no_place_is_refused() -> None:
    for value in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no place"):
            plot(Series(name="a", points=[(1, 2), (2, value)]))


def test_nothing_to_draw_is_no_plot() -> None:
    assert plot() == plot(Series(name="a", points=[])) == ""


def test_points_of_every_class_have_its_colour() -> None:
    points, ranks = [(float(i), float(i * i)) for i in range(40)], [i % 3 for i in range(40)]
    drawn = scatter_plot(
        "map", points, classes=["a", "b", "c"], ranks=ranks, title="Map", words="", x=X, y=X
    )
    for drawing in drawings(drawn):
        for rank in range(3):
            groups = drawing.findall(f".//g[@style='color: var(--class-{rank})']")
            count = sum(g.find("path[@class='points']").attrib["d"].count("M") for g in groups)
            assert count == ranks.count(rank)
    assert len(ElementTree.fromstring(drawn).findall("./ul/li")) == 3


def test_points_of_no_known_class_are_grey_and_in_the_legend() -> None:
    points, ranks = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0)], [0, -1, 1]
    drawn = scatter_plot(
        "map", points, classes=["a", "b"], ranks=ranks, title="Map", words="", x=X, y=X
    )
    for drawing in drawings(drawn):
        assert len(drawing.findall(".//g[@style='color: var(--grey)']")) == 1
    entries = ElementTree.fromstring(drawn).findall("./ul/li")
    assert ["".join(entry.itertext()).strip() for entry in entries] == ["a", "b", "class not known"]


def test_long_labels_go_on_in_further_lines_and_above_the_grid() -> None:
    label = "Second principal component of the codes (13.1% of their variance)"
    x = Axis(label=label)
    for drawing in drawings(plot(Series(name="a", points=[(0, 1), (3, 2)]), x=x, y=x)):
        width = float(drawing.attrib["viewBox"].split()[2])
        lines = drawing.findall("text[@class='name']")
        assert " ".join(line.text or "" for line in lines) == f"{label} {label}"
        assert all(7 * len(line.text or "") <= width for line in lines)
        top, bottom = map(int, drawing.attrib["data-frame"].split()[2:])
        heights = [float(line.attrib["y"]) for line in lines]
        assert all(y < top or y > bottom + 18 for y in heights)
