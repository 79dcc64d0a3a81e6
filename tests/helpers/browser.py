"""Pages in a real browser: the Chromium on PATH, driven by Playwright and watched by tests."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

#: What pages are looked at in: how wide the window is, and what the reader's system prefers.
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]

# A browser asks for nothing by itself, and no name leads anywhere.
_ARGUMENTS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


def chromium() -> str | None:
    """The browser on PATH; nothing is downloaded."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def running(program: str) -> Iterator["Browser"]:
    """A browser without a window, closed at the end."""
    from playwright.sync_api import sync_playwright

    arguments = [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What the pages of a test asked for, and what went wrong in them.

    Attributes:
        requests: every address that was asked for, in order; not what the page's own policy held
            back, which is an error.
        errors: what was written to the console as an error, and what no script caught.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def of(self, context: "BrowserContext") -> None:
        """Watch all pages of a context, from before they load."""
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("requestfailed", self._hear_failure)
        context.on("console", self._hear)
        context.on("weberror", lambda fault: self.errors.append(str(fault.error)))

    def _hear_failure(self, request: "Request") -> None:
        if request.failure == "csp":
            self.requests.remove(request.url)

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def expect(self, pattern: str) -> None:
        """An error that belongs to the test, and must come: a request that the server refuses is
        one to the browser."""
        self._expected.append(re.compile(pattern))

    def outside(self) -> list[str]:
        """The requests that were for somebody else than this machine."""
        return [address for address in self.requests if not _is_here(address)]

    def check(self) -> None:
        """Make sure that nothing went wrong but what was expected, and nobody else was asked."""
        assert self.outside() == []
        wrong = [text for text in self.errors if not any(p.search(text) for p in self._expected)]
        assert wrong == []
        for pattern in self._expected:
            assert any(map(pattern.search, self.errors)), f"there was no error {pattern.pattern!r}"


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname == "127.0.0.1"


def faults(page: "Page") -> list[str]:
    """What axe finds serious or critical for readers with disabilities: rules, and the elements
    that break them."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{found['id']} ({found['impact']}): {found['help']}: {node['html'][:200]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
