"""A built page runs from disk, and lets nothing out."""

from pathlib import Path

import pytest

from narrows.pages import building
from narrows.pages.tables import Table

pytestmark = pytest.mark.slow

_TABLE = Table(
    name="errors",
    title="Errors",
    columns=["method", "numbers", "error"],
    rows=[["PCA", 20, 1530.6123], ['a "b", c', None, 0.25]],
    ours=[1],
)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a page that holds a table and runs the scripts that tables need."""
    from jinja2 import ChoiceLoader, DictLoader, PackageLoader

    template = (
        '{% extends "base.html" %}{% import "parts.html" as parts %}'
        "{% block title %}One page{% endblock %}"
        "{% block body %}<main><h1>One page</h1>{{ parts.table(table) }}</main>{% endblock %}"
    )
    loader = ChoiceLoader([DictLoader({"one.html": template}), PackageLoader("narrows.pages")])
    monkeypatch.setattr(building._environment(), "loader", loader)
    script = """
        import { bytesOf, pageData } from "./page_data.js";
        import { startDownloads } from "./tables.js";
        startDownloads();
        document.title = `${pageData().name} ${bytesOf(pageData().bytes).join()}`;
    """
    texts = building._resource
    monkeypatch.setattr(
        building, "_resource", lambda name: script if name == "scripts/one.js" else texts(name)
    )
    data = {"name": "</script>", "bytes": "AAH/"}
    path = tmp_path / "a page.html"
    path.write_text(
        building.build_page("one.html", scripts=["one.js"], data=data, table=_TABLE), "utf-8"
    )
    return path.as_uri()


def test_scripts_and_their_imports_run_from_disk(page, expect, watch, built):
    page.goto(built)
    expect(page).to_have_title("</script> 0,1,255")
    assert {address.partition(":")[0] for address in watch.requests} <= {"file", "data"}


def test_a_table_is_saved_as_csv(page, built):
    page.goto(built)
    with page.expect_download() as begun:
        page.get_by_role("button", name="CSV").click()
    assert begun.value.suggested_filename == "errors.csv"
    text = Path(begun.value.path()).read_bytes().decode()
    assert text == 'method,numbers,error\r\nPCA,20,1530.6123\r\n"a ""b"", c",,0.25\r\n'


@pytest.mark.parametrize(
    "ask",
    [
        "fetch('http://127.0.0.1:9/').then(() => 'let out', () => 'held')",
        "fetch('https://narrows.invalid/').then(() => 'let out', () => 'held')",
        "new Promise((done) => { const image = new Image(); image.onload = () => done('let out');"
        " image.onerror = () => done('held'); image.src = 'https://narrows.invalid/a.png'; })",
    ],
    ids=["this-machine", "another", "picture"],
)
def test_nothing_gets_out_of_a_page(page, watch, built, ask):
    watch.expect("Content Security Policy")
    page.goto(built)
    assert page.evaluate(ask) == "held"
    assert [address for address in watch.requests if address.startswith("http")] == []


def test_readers_with_disabilities_can_use_it(any_page, axe, built):
    any_page.goto(built)
    axe(any_page)
    width, content = any_page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert content <= width


@pytest.mark.parametrize(
    "do",
    [
        "console.error('oh')",
        "setTimeout(() => { throw new Error('oh'); })",
        "new Image().src = 'http://narrows.invalid/'",
    ],
    ids=["console", "script", "request"],
)
def test_the_watch_hears_what_goes_wrong(page, watch, do):
    page.goto("data:text/html,<title>empty</title>")
    page.evaluate(do)
    page.wait_for_timeout(100)
    with pytest.raises(AssertionError):
        watch.check()
    watch.errors.clear()
    watch.requests.clear()
