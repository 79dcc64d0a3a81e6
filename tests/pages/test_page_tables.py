"""Tables show rounded numbers, and hold them in full for the CSV file."""

import re

import pytest

from narrows.pages import building
from narrows.pages.tables import Table


@pytest.fixture
def page(monkeypatch):
    """Builds a page that holds nothing but a table."""
    from jinja2 import ChoiceLoader, DictLoader, PackageLoader

    page = (
        '{% extends "base.html" %}{% import "parts.html" as parts %}'
        "{% block body %}{{ parts.table(table) }}{% endblock %}"
    )
    loader = ChoiceLoader([DictLoader({"one.html": page}), PackageLoader("narrows.pages")])
    monkeypatch.setattr(building._environment(), "loader", loader)
    return lambda table: building.build_page("one.html", table=table)


def test_a_table_of_a_page(page):
    table = Table(
        name="errors",
        title="Errors <of> all",
        columns=["method", "numbers", "error"],
        rows=[["PCA", 20, 1530.6123], ['a "b"', None, 0.25]],
        ours=[1],
    )
    html = page(table)
    assert "Errors &lt;of&gt; all" in html and "<of>" not in html
    assert '<td data-value="1530.6123">1,530.61</td>' in html
    assert '<td data-value="">–</td>' in html
    assert '<tr class="ours"><th scope="row">a &#34;b&#34;</th>' in html
    assert re.search(r'<button[^>]*data-table="table-errors"', html)


def test_numbers_of_a_column_stand_with_their_points_below_each_other() -> None:
    def shown(*cells: float | str | None) -> list[tuple[str, str]]:
        table = Table(name="t", title="t", columns=["a", "b"], rows=[["x", each] for each in cells])
        pads = [re.search('data-pad="(.*?)"', held) for _, (_, held) in table.shown()]
        texts = [text for _, (text, _) in table.shown()]
        return [(text, pad[1] if pad else "") for text, pad in zip(texts, pads, strict=True)]

    # as many decimals; a zero that is exact has none
    assert shown(27.0, 14.72, 0.0) == [("27.0", ""), ("14.7", ""), ("0", ".0")]
    assert shown(0.5058, 10.0) == [("0.506", ""), ("10.000", "")]
    # what is very small has an exponent, and its point below the others
    assert shown(35.8, -3.781e-9, 0.0, 3) == [
        ("35.8", "0e-00"),
        ("-3.78e-09", ""),
        ("0", ".00e-00"),
        ("3", ".00e-00"),
    ]
    assert shown(1.234e-9, 2e-9) == [("1.23e-09", ""), ("2.00e-09", "")]
    # where that would be long, three digits each, and room for what they lack
    assert shown(0.00012, 1530.6, 3) == [("0.00012", ""), ("1,531", ".00000"), ("3", ".00000")]
    assert shown(20, 3, None) == [("20", ""), ("3", ""), ("–", "")]


def test_numbers_of_one_measure_have_the_decimals_that_are_asked_for() -> None:
    rows = [["x", 0.91666], ["y", -0.0000378], ["z", 0.0], ["u", None], ["v", 1]]
    table = Table(name="t", title="t", columns=["a", "R²"], rows=rows, decimals={"R²": 3})
    assert table.texts()[1] == ["0.917", "0.000", "0.000", "–", "1"]


def test_a_phone_has_rows_of_many_columns_as_lines(page) -> None:
    def built(columns: int) -> str:
        names = [f"<{number}>" for number in range(columns)]
        return page(Table(name="t", title="t", columns=names, rows=[["x", *[1] * (columns - 1)]]))

    assert 'class="stacked"' in built(5) and 'data-name="&lt;1&gt;"' in built(5)
    assert "data-name=" not in built(4)


def test_columns_of_texts_stand_to_the_left():
    table = Table(
        name="t", title="t", columns=["a", "b", "c"], rows=[["x", "y", None], ["z", 1, 2]]
    )
    assert [table.is_text(column) for column in range(3)] == [True, False, False]
