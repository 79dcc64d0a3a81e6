"""What the site is made of. That it builds, without a warning, ``.ci/run`` makes sure of."""

import json
import logging
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytest.importorskip("griffe", reason="the extra docs is not installed")

import griffe

from site_docstrings import NAMES, as_markdown  # in tools/
from site_pages import ROOT, list_of_records, loaded_from_elsewhere, page_of_notebook
from site_pages import repository_files as files


def test_every_page_and_picture_of_the_docs_is_taken() -> None:
    taken = {path.relative_to(ROOT).as_posix() for path in files(ROOT)}
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.*")}
    assert kept | {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md"} <= taken


def test_a_record_is_listed_with_the_targets_that_it_met(tmp_path: Path) -> None:
    record = tmp_path / "2026-01-02-speed" / "README.md"
    record.parent.mkdir()
    record.write_text(
        "# How fast, 2026-01-02\n\n"
        "| target | limit | measured | met |\n| --- | --- | --- | ---: |\n"
        "| a | 1 | 2 | yes |\n| b | 1 | 0 | no |\n\n| aim | met |\n| --- | --- |\n| c | yes |\n",
        "utf-8",
    )
    row = list_of_records([record]).splitlines()[-1]
    assert row == "| 2026-01-02 | [How fast](2026-01-02-speed/README.md) | 1 of 2 |"


def test_what_a_page_loads_from_elsewhere_is_found_and_what_it_links_to_is_not() -> None:
    loads = '<img src="https://a.org/x.png"><script src="//b.org/x.js"></script>'
    styles = '<link rel="stylesheet" href="http://c.org/x.css"><link rel="icon" href="x.png">'
    links = '<a href="https://d.org">d</a><link rel="canonical" href="https://e.org">'
    own = '<img src="x.png"><img src="data:image/png;base64,AAAA">'
    found = loaded_from_elsewhere(loads + styles + links + own)
    assert found == ["https://a.org/x.png", "//b.org/x.js", "http://c.org/x.css"]


def test_a_notebook_becomes_its_texts_its_code_and_its_results() -> None:
    png = {"output_type": "display_data", "data": {"image/png": "QUJD\n", "text/plain": "<Figure>"}}
    table = {"output_type": "execute_result", "data": {"text/html": ["<b>", "1</b>"]}}
    said = {"output_type": "stream", "name": "stdout", "text": ["one\n", "two\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": ["f()"], "outputs": [said, png, table]},
    ]
    page = page_of_notebook(json.dumps({"cells": cells}))
    assert page.startswith("# Title\nwords\n\n```python\nf()\n```\n\n```text\none\ntwo\n```\n\n![")
    assert "](data:image/png;base64,QUJD)" in page and "<Figure>" not in page
    assert "<b>1</b>" in page


def test_names_in_docstrings_become_links_where_the_reference_has_them() -> None:
    text = (
        "a :class:`narrows.Dataset`, by :func:`~narrows.data.load_data`, of :mod:`narrows.learnt`"
    )
    assert as_markdown(text) == (
        "a [`Dataset`][narrows.Dataset], by [`load_data`][narrows.load_data], of `narrows.learnt`"
    )


def test_the_reference_tells_of_arguments_that_are_there(caplog: pytest.LogCaptureFixture) -> None:
    package = griffe.load("narrows", search_paths=[ROOT / "src"], resolve_aliases=True)
    shown = [
        package[name].final_target if package[name].is_alias else package[name] for name in NAMES
    ]
    members = [each for one in shown if one.is_class for each in one.all_members.values()]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "griffe"):
        for each in (*shown, *members):
            if each.docstring and not each.name.startswith("_"):
                each.docstring.parse("google")
    assert not caplog.messages
    assert len(members) > 20
