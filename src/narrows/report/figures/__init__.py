"""The pictures that narrows draws: on matplotlib axes, and as PNG files, one figure a file.

``narrows.figures`` has those on axes, which users draw with too.
"""

from narrows.report.figures.budgets import budget_figure
from narrows.report.figures.grid import grid_figure, require_grid
from narrows.report.figures.heat_maps import heat_map_figure
from narrows.report.figures.item_rows import COLUMNS
from narrows.report.figures.latent_space import codes_figure
from narrows.report.figures.loss_curves import loss_figure
from narrows.report.figures.reconstructions import (
    reconstructions_figure,
    rows_figure,
)

__all__ = [
    "COLUMNS",
    "budget_figure",
    "codes_figure",
    "grid_figure",
    "heat_map_figure",
    "loss_figure",
    "reconstructions_figure",
    "require_grid",
    "rows_figure",
]
