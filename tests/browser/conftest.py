"""A browser for the tests here, and pages in it that are watched.

They skip, saying so, where there is no Chromium on PATH, or no Playwright. A test asks for ``page``
(1280 pixels wide, light), for ``any_page`` to run at every one of :data:`helpers.browser.LOOKS`, or
for ``new_page`` to make what it wants; when it ends, no page of its may have written an error to
the console, or have asked another machine for anything (:class:`helpers.browser.Watch`).

To wait, take a locator or ``expect``: ``wait_for_function`` has the page evaluate texts, which the
page's own policy forbids.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from helpers.browser import LOOKS, Watch, chromium, faults, running
from helpers.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from narrows.tasks.explore import Explorer

NewPage = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One for a file: Playwright's event loop would be in the way of other tests' own."""
    if find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    program = chromium()
    if program is None:
        pytest.skip("needs a browser, and there is no chromium on PATH")
    with running(program) as started:
        yield started


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What the test's pages ask for and complain of, which is looked at when it ends."""
    watch = Watch()
    yield watch
    watch.check()


@pytest.fixture
def serve() -> Iterator[Callable[["Explorer"], str]]:
    """Serves an explorer's page to the test, and gives its address. Pages are closed before it
    ends: one that asks for something then would write an error to the console."""
    with ExitStack() as stack:
        yield lambda explorer: stack.enter_context(served(explorer))


@pytest.fixture
def new_page(browser: "Browser", watch: Watch, serve: object) -> Iterator[NewPage]:
    """Makes an empty page in a context of its own, ``width`` pixels wide, ``scheme`` light or dark;
    more keywords are those of Playwright's ``new_context``."""
    contexts = []

    def make(width: int = 1280, scheme: str = "light", **given: object) -> "Page":
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **given
        )
        context.set_default_timeout(20_000)
        watch.of(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> "Page":
    return new_page()


@pytest.fixture(params=LOOKS, ids=[f"{width}-{scheme}" for width, scheme in LOOKS])
def any_page(request: pytest.FixtureRequest, new_page: NewPage) -> "Page":
    """A page at each width, in the light and in the dark."""
    width, scheme = request.param
    return new_page(width, scheme)


@pytest.fixture
def expect(browser: "Browser") -> Callable[..., Any]:
    """Playwright's, which waits until something holds."""
    from playwright.sync_api import expect

    return expect


@pytest.fixture
def axe() -> Callable[["Page"], None]:
    """Makes sure that a page has no serious or critical fault for readers with disabilities."""
    if find_spec("axe_playwright_python") is None:
        pytest.skip("axe-playwright-python is not installed")

    def check(page: "Page") -> None:
        assert faults(page) == []

    return check
