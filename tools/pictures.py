"""Makes README's first picture from a comparison page: its sentences and its gallery.

    python tools/pictures.py PAGE.html [docs/compare.png]

The page is what ``narrows demo`` writes. This needs Playwright and a Chromium, as the browser tests
do; CHROMIUM names the browser where Playwright's own is not installed.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_WIDTH = 940
_STYLE = """
header > :not(h1, .lead), footer > :not(.of), .screen { display: none !important }
main > :not(#gallery, #gallery + p, .galleries) { display: none !important }
#gallery { margin-block-start: 1rem !important }
header, main, footer { margin-block: 0 !important; padding-block: 0 !important }
footer { border: 0 !important }
body { padding-block: 1.5rem 1rem !important }
"""
_SAY_WHAT_IT_SHOWS = """of => {
    const line = document.createElement("p");
    line.className = "of quiet";
    line.textContent = of;
    document.querySelector("footer").append(line);
}"""


def make_picture(page: Path, picture: Path) -> None:
    """Write a PNG of a page's sentences and its gallery, 940 pixels wide, on a light ground."""
    browser_path = os.environ.get("CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": _WIDTH, "height": 600}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        data = tab.locator("#data + p").inner_text().partition(":")[0]
        version = tab.locator("footer p").first.inner_text().partition(",")[0]
        tab.evaluate(_SAY_WHAT_IT_SHOWS, f"{data}; {version}")
        tab.add_style_tag(content=_STYLE)
        tab.locator("body").screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    make_picture(Path(sys.argv[1]), Path(*sys.argv[2:] or ["docs/compare.png"]))
