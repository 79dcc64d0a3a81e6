"""Texts and lines stand out from the page, in the light and in the dark (WCAG 2.2, AA)."""

import re
from importlib.resources import files

import pytest

STYLE = files("narrows.pages").joinpath("style.css").read_text(encoding="utf-8")
LIGHT, DARK, *_ = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
DARK = {**LIGHT, **DARK}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_have_a_contrast_of_at_least_4_5(colours):
    for text in ("ink", "muted"):
        for ground in ("page", "tile"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text in ("ours", "other", "grey"):
        assert contrast(colours[text], colours["page"]) >= 4.5, text


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_have_a_contrast_of_at_least_3(colours):
    # The pale ones among the classes are told from a white page by their edges.
    drawn = [name for name in colours if name.startswith("series-")] + ["edge"]
    assert len(drawn) > 9
    for name in drawn:
        assert contrast(colours[name], colours["page"]) >= 3, name


def test_every_colour_that_is_named_is_there():
    named = set(re.findall(r"var\(--([\w-]+)\)", STYLE))
    assert named <= set(re.findall(r"--([\w-]+):", STYLE))
