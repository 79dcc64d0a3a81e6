"""A comparison as one HTML file that needs no network."""

import math
import os
from typing import Any

from narrows.pages.building import build_page, write_page
from narrows.report.comparison import plots, views
from narrows.report.comparison.colours import colours_of
from narrows.report.comparison.in_short import size_before
from narrows.report.comparison.pictures import Curves, Drawings, drawings_of
from narrows.report.comparison.result import Comparison, ModelFacts
from narrows.report.comparison.tables import denoising_table, errors_table, tables_of
from narrows.report.comparison.wording import are_alike
from narrows.support.number_text import count_of, share, three_digits

# Pictures of up to so many pixels each way are still read where they are shown small.
_SMALL = 40


def write_comparison(path: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write a comparison as one HTML file, which holds all that it shows.

    Args:
        path: the file to write, whose name ends in .html.
        comparison: what to show; a part that is None is left out.

    Raises:
        UsageError: the name does not.
        OutputError: the file cannot be written.
    """
    write_page(path, comparison_page(comparison))


def comparison_page(comparison: Comparison) -> str:
    """The page of :func:`write_comparison` as one text."""
    unit = comparison.data.unit
    words = comparison.data.words
    colours = colours_of(comparison)
    large, small = (_drawings(comparison, name) for name in ("pictures", "thumbnails"))
    context: dict[str, Any] = {
        "c": comparison,
        "tiles": _tiles(comparison),
        "tables": tables_of(comparison, [name for name in colours if colours[name] == "ours"]),
        "plots": {"numbers": plots.numbers_plot(comparison.numbers, unit, colours)},
        "names": [],
        "groups": [],
        "values": math.prod(comparison.data.item_shape),
        "one_in": large.one_in if isinstance(large, Curves) else 1,
        "compact": max(comparison.data.item_shape) <= _SMALL,
        "rows": [],
        "features": [],
        "features_shown": views.FEATURES_SHOWN,
        "jpeg": None,
        "latent": [],
        "errors": [],
        "denoising": [],
    }
    data: dict[str, Any] = {"gallery": None, "jpeg": None, "latent": []}
    if comparison.spent:
        best = comparison.models[comparison.best].name
        context["plots"]["spent"], context["plots"]["all_spent"] = plots.bytes_plots(
            comparison.spent, words, colours, best
        )
    if comparison.losses:
        context["plots"]["losses"] = plots.losses_plot(comparison.losses, unit, colours)
    if comparison.jpeg:
        context["jpeg"], data["jpeg"] = views.jpeg_view(comparison.jpeg, words.unit)
    _add_items(comparison, context, data, large, small)
    if comparison.table:
        context["errors"] = [
            errors_table(name, number, scores)
            for number, (name, scores) in enumerate(comparison.table.errors, 1)
        ]
    context["sheets"] = [large.definition(), small.definition()]
    data["thumbnails"] = small.facts()
    return build_page("compare.html", scripts=["compare.js"], data=data, **context)


def _drawings(comparison: Comparison, name: str) -> Drawings:
    facts = comparison.data
    return drawings_of(facts.item_shape, facts.limits, name, pictures=facts.form == "image")


def _add_items(
    comparison: Comparison,
    context: dict[str, Any],
    data: dict[str, Any],
    large: Drawings,
    small: Drawings,
) -> None:
    """What is drawn of items; tables show rows instead."""
    is_table = comparison.data.form == "table"
    gallery = comparison.gallery
    if gallery and gallery.items and is_table:
        scores = comparison.table.errors[0][1] if comparison.table else ()
        categories = {score.name for score in scores if score.is_category}
        context["rows"] = views.rows_view(gallery, comparison.data.columns, categories)
    elif gallery and gallery.items:
        context["names"] = ["original", *(version.name for version in gallery.items[0].versions)]
        context["groups"], data["gallery"] = views.gallery_view(
            gallery, large, comparison.data.unit
        )
    if comparison.features and not is_table:
        context["features"] = views.features_view(comparison.features, small)
    for number, part in enumerate(comparison.latent, 1):
        context["latent"].append((part, plots.latent_plot(part, number)))
        data["latent"].append(views.latent_data(part, small, comparison.data.words.thing))
    for number, noisy in enumerate(comparison.denoising, 1):
        pictures = [] if is_table else views.denoising_view(noisy, small)
        context["denoising"].append((noisy, denoising_table(noisy, number), pictures))


def _tiles(comparison: Comparison) -> list[tuple[str, str]]:
    """The best model in a few figures."""
    model, facts = comparison.models[comparison.best], comparison.data
    words = facts.words
    size, written = size_before(comparison)
    numbers = count_of(model.latent, "numbers")
    tiles = [
        (
            three_digits(model.error),
            f"mean squared error of {model.name} in {facts.unit}{_quality(model, words.thing)}",
        ),
        (
            _beside(model.error, model.pca_error),
            f"{'as' if are_alike(model.error, model.pca_error) else 'than'} {model.pca_name} with "
            f"{numbers}, {three_digits(model.pca_error)}",
        ),
        (
            f"{three_digits(size)} → {4 * model.latent:,} bytes",
            f"{words.a_thing}{written}, and its code of {numbers} of 4 bytes"
            + (", which takes more" if 4 * model.latent > size else ""),
        ),
        (
            f"{model.parameters:,} parameters",
            f"in a file of {model.file_bytes:,} bytes"
            + ("" if model.detects else ", to which fit adds what detect needs"),
        ),
    ]
    if model.seconds is not None:
        trained = "to train the net that PCA replaced" if model.is_pca else "to train"
        tiles.append((f"{three_digits(model.seconds)} s", trained))
    return tiles


def _quality(model: ModelFacts, thing: str) -> str:
    if model.psnr is not None:
        return f", PSNR {three_digits(model.psnr)} dB"
    return "" if model.relative is None else f", RMSE {share(model.relative)} of the mean {thing}'s"


def _beside(error: float, baseline: float) -> str:
    """How much less or more an error is than the baseline's."""
    if are_alike(error, baseline):
        return "the same error"
    if baseline == 0:
        return "more error"
    change = error / baseline - 1
    return f"{share(abs(change))} {'more' if change > 0 else 'less'} error"
