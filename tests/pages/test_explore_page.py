"""The explore page has what the model and the data allow, and nothing that they do not."""

import re

import pytest

from narrows.pages.explore import build_explore_page

PAGE = {
    "kind": "image",
    "title": "<digits> & co",
    "provenance": "made of 12 items",
    "notes": ["Some are <b>."],
    "shape": [8, 8],
    "dtype": "uint8",
    "limits": [0, 16],
    "latent": [{"index": 0, "low": -1, "high": 1, "median": 0, "effect": 3}],
    "start": [0.0],
    "items": 12,
    "thumbnails": None,
    "map": {"xy": "", "labels": None, "classes": None, "explained": 0.5, "axes": ["a", "b"]},
    "codes": None,
    "rows": None,
    "columns": None,
    "denoises": False,
    "detects": False,
    "backend": "server",
}


def ids(**changes: object) -> set[str]:
    html = build_explore_page({**PAGE, **changes}, server=True)
    return set(re.findall(r'\sid="([\w-]+)"', html))


def test_texts_of_files_are_escaped() -> None:
    html = build_explore_page(PAGE, server=True)
    assert "Explore &lt;digits&gt; &amp; co" in html and "Some are &lt;b&gt;." in html
    assert "<digits>" not in html


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        ({}, {"picture-item", "draw-centre", "upload", "map", "walk", "nearest"}, {"row"}),
        ({"latent": PAGE["latent"] * 30}, {"sliders-rest"}, {"row"}),
        ({"denoises": True}, {"picture-denoised"}, {"draw-colour"}),
        ({"shape": [8, 8, 3]}, {"draw-colour"}, {"draw-centre"}),
        ({"items": 0, "map": None}, {"draw", "upload"}, {"map", "walk", "nearest"}),
        ({"kind": "values", "shape": [100]}, {"draw", "picture-item"}, {"upload", "draw-brush"}),
        ({"kind": "table", "shape": [9], "columns": []}, {"row", "walk"}, {"draw", "upload"}),
        ({"latent": []}, {"picture-code"}, {"sliders"}),
    ],
)
def test_parts_follow_the_data(changes, there, absent) -> None:
    found = ids(**changes)
    assert there <= found
    assert not absent & found


def test_classes_of_the_map_have_a_legend_where_there_are_few() -> None:
    labelled = {**PAGE["map"], "labels": [2, 0, 2], "classes": ["cat", "cow", "dog & co"]}
    html = build_explore_page({**PAGE, "map": labelled}, server=True)
    assert re.findall(r"--class-(\d)\)\"></i>(.*?)</li>", html) == [
        ("0", "cat"),
        ("2", "dog &amp; co"),
    ]
    many = {**PAGE["map"], "labels": list(range(12)), "classes": None}
    assert 'class="legend"' not in build_explore_page({**PAGE, "map": many}, server=True)
