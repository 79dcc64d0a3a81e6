"""A model written into a page, which computes it without Python.

arrays      arrays as JSON: whole numbers of a few bits, or as they are
precision   how few bits show nobody a difference
model       spec, arrays and units, for `pages/scripts/net.js`
"""

from narrows.tasks.export.model import model_data
from narrows.tasks.export.precision import Precision, choose_precision

__all__ = ["Precision", "choose_precision", "model_data"]
