"""A method has one colour in all plots of a page; ours is that of the model to look at."""

from dataclasses import replace

import numpy as np

from helpers.comparisons import comparison, spent
from narrows.report.comparison.colours import colours_of
from narrows.report.comparison.plots import losses_plot
from narrows.report.comparison.result import BytesPoint, BytesSpent, Comparison

ITEMS = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)


def given() -> Comparison:
    """Two models that the user gave, the second one the best, and codes of it."""
    made = comparison(ITEMS, "image")
    names = ("digits <small>", "digits")
    first, best = (
        replace(model, kind="given", name=name)
        for model, name in zip(made.models, names, strict=True)
    )
    codes = [
        BytesPoint(
            name=f"codes of {name}",
            kind="given",
            setting="",
            layout="file",
            item_bytes=8.0,
            error=3.0,
        )
        for name in names
    ]
    part = BytesSpent(points=tuple(codes), count=1, raw_bytes=1.0, sentence="", facts="")
    return replace(made, models=(first, best), spent=part)


def test_what_is_compared_has_colours_that_differ() -> None:
    colours = colours_of(comparison(ITEMS, "image"))
    names = {"narrows", "the article's net", "PCA", *(point.name for point in spent().points)}
    assert colours["narrows"] == "ours" and colours["PCA"] == "grey"
    assert colours["the article's net"] == "other"
    others = [colours[name] for name in ("JPEG", "WebP", "AVIF", "PNG")]
    assert len({*others, "ours", "grey", "other"}) == 7 and names <= set(colours)


def test_the_best_of_given_models_is_ours_and_its_codes_too() -> None:
    made = given()
    colours = colours_of(made)
    first, best = made.models
    assert colours[best.name] == colours[f"codes of {best.name}"] == "ours"
    assert colours[first.name] == colours[f"codes of {first.name}"]
    assert colours[first.name] not in ("ours", "grey")


def test_pca_has_one_line_among_losses_where_it_is_the_same_for_all() -> None:
    made = comparison(ITEMS, "image")
    assert made.losses
    first, second = made.losses.curves
    parts = [
        replace(made.losses, curves=(replace(first, pca=5.0), replace(second, pca=error)))
        for error in (5.0, 7.0)
    ]
    names = [losses_plot(part, "", colours_of(made)).count("PCA") for part in parts]
    assert names == [1, 2]
