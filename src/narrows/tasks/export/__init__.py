"""A model written into a page, which computes it without Python.

arrays      arrays as JSON: whole numbers of a few bits, or as they are
precision   how few bits show nobody a difference
model       spec, arrays and units, for `pages/scripts/net.js`
scorer      what tells odd items, for `scorer.js`
table       columns, for `table_cells.js`
page        the explore page with all of it, for `backend_export.js`
"""

from narrows.tasks.export.model import model_data
from narrows.tasks.export.page import ExportedPage, export_page
from narrows.tasks.export.precision import Precision, choose_precision

__all__ = ["ExportedPage", "Precision", "choose_precision", "export_page", "model_data"]
