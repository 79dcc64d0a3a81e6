"""The losses of a training run, epoch by epoch."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from narrows.errors import DataError
from narrows.report.figures.style import (
    BLUE,
    GREY,
    LEGEND,
    ORANGE,
    axes_for,
    new_figure,
    save_figure,
    set_headings,
    tidy_axes,
)
from narrows.support.number_text import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 660  # pixels
_ENLARGED_FROM = 12  # epochs
_DASHES = (0, (4, 2))  # offset, and lengths on and off in line widths


def loss_figure(
    history: Sequence[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    pca_error: float | None = None,
    pca_label: str = "PCA",
) -> None:
    """Write what :func:`loss` draws; beside a longer run its second half again, enlarged.

    Args:
        path: the PNG file to write.
        history, pca_error, pca_label: as there.

    Raises:
        DataError: the history has no loss in it.
        OutputError: the file cannot be written.
    """
    figure = new_figure(_HEIGHT, constrained=True)
    widths = (3, 2) if len(history) >= _ENLARGED_FROM else (1,)
    axes, *beside = figure.subplots(ncols=len(widths), width_ratios=widths, squeeze=False)[0]
    loss(history, axes, pca_error=pca_error, pca_label=pca_label)
    for enlarged in beside:
        _draw_second_half(enlarged, _curves(history), pca_error)
    save_figure(figure, path)


def loss(
    history: Sequence[Mapping[str, Any]],
    ax: "Axes | None" = None,
    *,
    pca_error: float | None = None,
    pca_label: str = "PCA",
) -> "Axes":
    """Draw the loss of every epoch, and PCA's error with the same code as a line to beat.

    The first epochs would flatten all later ones: the loss axis is logarithmic where all losses are
    positive.

    Args:
        history: a row for each epoch with ``epoch``, ``loss`` and, where there is a validation set,
            ``val_loss``, both losses in the data's own units: ``history_`` of an estimator.
        ax: matplotlib axes to draw on; None for those of a new figure, ``ax.figure``.
        pca_error: PCA's error on the validation set, in the units of the loss.
        pca_label: what the legend calls it, such as ``PCA, 20 numbers``.

    Returns:
        The axes.

    Raises:
        DataError: the history has no loss in it.
    """
    curves = _curves(history)
    finals = [f"{curve.label.lower()} {readable(curve.losses[-1])}" for curve in curves]
    finals += [] if pca_error is None else [f"{pca_label} {readable(pca_error)}"]
    ax = axes_for(ax, _HEIGHT)
    _draw_losses(ax, curves)
    _scale_losses(ax, curves)
    # 0 has no place on a logarithmic axis; the heading tells it
    if pca_error is not None and (pca_error > 0 or ax.get_yscale() == "linear"):
        ax.axhline(pca_error, label=pca_label, color=GREY, linewidth=1.5, linestyle=_DASHES)
    ax.set(ylabel="Loss")
    ax.legend(**LEGEND, loc="upper right")
    set_headings(ax, "Training Loss vs Validation Loss", "at the end: " + " · ".join(finals))
    return ax


def _curves(history: Sequence[Mapping[str, Any]]) -> list["Curve"]:
    """The losses of a history, those of training first."""
    curves = [
        Curve(label, colour, *np.array([(row["epoch"], row[key]) for row in rows]).T)
        for key, label, colour in (("loss", "Train", BLUE), ("val_loss", "Val", ORANGE))
        if (rows := [row for row in history if key in row])
    ]
    if not curves:
        raise DataError(
            f"a history of {len(history)} epochs holds no loss to draw",
            hint="train for an epoch or more first",
        )
    return curves


class Curve(NamedTuple):
    """A loss over the epochs: what the legend calls it, its colour, and arrays of shape (n,)."""

    label: str
    colour: str
    epochs: np.ndarray
    losses: np.ndarray


def _draw_losses(axes: "Axes", curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for label, colour, epochs, losses in curves:
        marker = "o" if len(epochs) <= _ENLARGED_FROM else None
        axes.plot(epochs, losses, label=label, color=colour, linewidth=2, marker=marker)
    axes.set(xlabel="Epochs")
    axes.margins(x=0.02)
    if len(curves[0].epochs) == 1:
        axes.set_xlim(curves[0].epochs[0] - 1, curves[0].epochs[0] + 1)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, position: readable(value).replace("-", "−"))
    )
    tidy_axes(axes, grid="y")


def _scale_losses(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Make the loss axis logarithmic where it can be, with plain numbers for ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    losses = np.concatenate([curve.losses for curve in curves])
    losses = losses[np.isfinite(losses)]
    if losses.size == 0 or losses.min() <= 0:
        return
    formatter = axes.yaxis.get_major_formatter()
    axes.set_yscale("log")
    # Powers of ten are too far apart to read a curve that spans less than two of them.
    narrow = losses.max() < 30 * losses.min()
    ticks = MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]) if narrow else LogLocator(subs=(1.0, 2.0, 5.0))
    axes.yaxis.set_major_locator(ticks)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(formatter)


def _draw_second_half(axes: "Axes", curves: Sequence[Curve], pca_error: float | None) -> None:
    """Draw the later epochs again, on a loss axis that only just holds them."""
    middle = np.median(curves[0].epochs)
    _draw_losses(
        axes,
        [
            curve._replace(epochs=curve.epochs[later], losses=curve.losses[later])
            for curve in curves
            if (later := curve.epochs >= middle).any()
        ],
    )
    if pca_error is not None:
        limits = axes.get_ylim()
        axes.axhline(pca_error, color=GREY, linewidth=1.5, linestyle=_DASHES)
        axes.set_ylim(limits)  # the line is in sight only where the losses are near it
    set_headings(axes, "", "the second half, enlarged")
