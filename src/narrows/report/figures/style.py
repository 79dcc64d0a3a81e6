"""The look that all figures share, and how they become files.

Figures are built without pyplot and leave matplotlib's global state alone, so that drawing one
disturbs no program that draws its own. The same input and settings give the same bytes.
"""

import io
import os
from typing import TYPE_CHECKING, Any, Literal

from narrows.support.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 1200  # pixels, of every figure
DPI = 150

INK = "#1f2933"
MUTED = "#66707c"
LINES = "#dfe3e8"
BLUE, ORANGE, GREY = "#0077bb", "#ee7733", "#66707c"
# Paul Tol, Colour Schemes (SRON/EPS/TN/09-002), "muted": apart for colour-blind eyes as well. Its
# tenth, a pale grey for missing data, is a dark grey here.
CLASS_COLOURS = (
    "#88ccee",
    "#cc6677",
    "#117733",
    "#332288",
    "#ddcc77",
    "#aa4499",
    "#44aa99",
    "#882255",
    "#999933",
    "#555555",
)

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 13, 10, 9  # points

#: What all legends are given.
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": TEXT_SIZE, "labelcolor": INK}


def new_figure(height: int, *, constrained: bool = False) -> "Figure":
    """An empty white figure, ``WIDTH`` by ``height`` pixels, that draws with Agg.

    With ``constrained``, its axes are fitted to make room for their titles, ticks and legends.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(WIDTH / DPI, height / DPI),
        dpi=DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.16, h_pad=0.16) if constrained else None,
    )
    FigureCanvasAgg(figure)
    return figure


def axes_for(ax: "Axes | None", height: int) -> "Axes":
    """The axes to draw on: the caller's, or those of a new figure, which pyplot does not know."""
    return new_figure(height, constrained=True).subplots() if ax is None else ax


def save_figure(drawn: "Artist", path: str | os.PathLike[str]) -> None:
    """Write a figure, or that of some axes, as a PNG without date or version in it.

    Raises:
        OutputError: the file cannot be written.
    """
    png = png_of(drawn)
    with atomic_file(path) as stream:
        stream.write(png)


def png_of(drawn: "Artist") -> bytes:
    """The bytes of such a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure, stream = drawn.get_figure(root=True), io.BytesIO()
    assert figure is not None
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    # Figure.savefig would obey the user's savefig settings, which can change the size.
    canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def set_headings(axes: "Axes", title: str, subtitle: str = "") -> None:
    """A title at the left edge of the axes, and a quieter line under it."""
    axes.set_title(
        title, loc="left", pad=28 if subtitle else 12, fontsize=TITLE_SIZE, color=INK, weight="bold"
    )
    quieter = axes.annotate(
        subtitle,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 10),
        textcoords="offset points",
        fontsize=SMALL_SIZE,
        color=MUTED,
    )
    quieter.set_in_layout(False)  # a line wider than its axes may run on beside them


def tidy_axes(axes: "Axes", *, grid: Literal["both", "x", "y"] = "both") -> None:
    """Thin lines, quiet ticks, no box; ``grid`` is the axis that has grid lines."""
    axes.set_facecolor("white")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LINES)
    axes.tick_params(which="both", colors=MUTED, labelsize=SMALL_SIZE, length=0, pad=6)
    axes.set_axisbelow(True)
    axes.grid(visible=False)
    axes.grid(visible=True, axis=grid, color=LINES, linewidth=0.8, linestyle="-")
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=TEXT_SIZE, color=INK)
