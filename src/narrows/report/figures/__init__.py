"""The pictures that narrows draws: on matplotlib axes, and as PNG files, one figure a file.

``narrows.figures`` has those on axes, which users draw with too.
"""

from narrows.report.figures.grid import grid_figure, require_grid
from narrows.report.figures.heat_maps import heat_map_figure
from narrows.report.figures.item_rows import COLUMNS

__all__ = ["COLUMNS", "grid_figure", "heat_map_figure", "require_grid"]
