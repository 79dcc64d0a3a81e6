"""``narrows explore --export``: the page as one file."""

from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command


@pytest.mark.slow
def test_a_page_is_written_and_described(narrows: Command, model_file: Path) -> None:
    page = model_file.with_name("a page.html")
    done = narrows("explore", model_file, "digits", "--export", page)
    assert done.code == 0
    assert f"wrote the page to {page}" in done.err and "grey level off" in done.err
    text = page.read_text(encoding="utf-8")
    assert "<title>" in text and '"export":' in text
    written = page.read_bytes()
    assert narrows("explore", model_file, "digits", "--export", page).code == 0
    assert page.read_bytes() == written  # nothing in it depends on the clock


@pytest.mark.parametrize(
    "option", [["--port", "8765"], ["--host", "127.0.0.1"], ["--no-browser"], ["--browser"]]
)
def test_a_file_has_no_server_to_say_anything_of(
    narrows: Command, model_file: Path, option: list[str]
) -> None:
    page = model_file.with_name("page.html")
    done = narrows("explore", model_file, "digits", "--export", page, *option)
    assert done.code == 2 and f"{option[0]} would have no effect" in done.err
    assert not page.exists()


def test_a_page_never_replaces_what_it_is_made_of(narrows: Command, model_file: Path) -> None:
    before = model_file.read_bytes()
    data = model_file.with_name("x.npy")
    np.save(data, np.zeros((3, 8, 8), np.uint8))
    for out in (model_file, data):
        done = narrows("explore", model_file, data, "--export", out)
        assert done.code == 2 and "--export" in done.err
    done = narrows("explore", model_file, data, "--export", data.with_name("page"))
    assert done.code == 2 and "give a name that ends in .html" in done.err
    assert model_file.read_bytes() == before
