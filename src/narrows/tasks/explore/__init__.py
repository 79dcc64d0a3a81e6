"""What the page of ``narrows explore`` needs of a model and of data, whoever shows it.

``explorer.py`` is the whole: codes to items and back, nearest items, and the page's data;
``latent_numbers.py`` says how far each latent number goes and what it moves; ``cells.py`` makes
cells of a table's features and features of cells; ``thumbnails.py`` one sheet of small pictures.
docs/explore.md describes the page's data.
"""

from narrows.tasks.explore.explorer import Encoded, Explorer

__all__ = ["Encoded", "Explorer"]
