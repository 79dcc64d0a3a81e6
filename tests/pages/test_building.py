"""A page is one file: it holds all that it needs, and nothing in its data gets out of its place."""

import json
import re

import pytest

from narrows.pages import building


@pytest.fixture
def page(monkeypatch):
    """Builds a page of two scripts, one of which imports another module."""
    texts = {
        "scripts/view.js": 'import { one } from "./one.js";\nshow(one);',
        "scripts/one.js": 'import { two } from "./two.js";\nexport const one = two;',
        "scripts/two.js": "export const two = 2;",
        "style.css": "body { margin: 0 }",
    }
    monkeypatch.setattr(building, "_resource", texts.__getitem__)
    return lambda **given: building.build_page("base.html", scripts=["view.js"], **given)


def test_every_imported_module_comes_along(page):
    found = json.loads(re.search(r'"importmap">(.*?)</script>', page(), re.DOTALL)[1])["imports"]
    assert sorted(found) == ["narrows/one.js", "narrows/two.js"]
    assert 'from "narrows/one.js"' in page() and '"./' not in page()


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "\u2028"])
def test_data_cannot_end_their_element(page, text):
    html = page(data={"name": text})
    held = re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)[1]
    assert json.loads(held) == {"name": text}


def test_nan_is_refused(page):
    with pytest.raises(ValueError, match="not JSON compliant"):
        page(data={"x": float("nan")})


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    kept = '<script>"5 s"</script><pre>5 s</pre><code>-n 5 s</code><a title="5 s">'
    assert building._unbroken(f"{kept}5 s, 47.5 %, 20 numbers</a> 5 sets 5 of") == (
        f"{kept}5\u00a0s, 47.5\u00a0%, 20\u00a0numbers</a> 5 sets 5 of"
    )


def test_no_line_ends_within_an_option() -> None:
    kept = '<script>"--n"</script><title>--n</title><svg><text>--n</text></svg><a title="--n">a--n '
    assert building._unbroken(f"{kept}(--keep-models x</a><code>fit --n 5 s</code>") == (
        f'{kept}(<span class="option">--keep-models</span> x</a>'
        '<code>fit <span class="option">--n</span> 5 s</code>'
    )


def test_only_a_page_with_a_server_may_ask_it(page):
    assert "connect-src 'none'" in page().replace("&#39;", "'")
    assert "connect-src 'self'" in page(server=True).replace("&#39;", "'")
