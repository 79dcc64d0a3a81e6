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
    assert '<td data-value="1530.6123">1,531</td>' in html
    assert '<td data-value="">–</td>' in html
    assert '<tr class="ours"><th scope="row">a &#34;b&#34;</th>' in html
    assert re.search(r'<button[^>]*data-table="table-errors"', html)


def test_columns_of_texts_stand_to_the_left():
    table = Table(
        name="t", title="t", columns=["a", "b", "c"], rows=[["x", "y", None], ["z", 1, 2]]
    )
    assert [table.is_text(column) for column in range(3)] == [True, False, False]
