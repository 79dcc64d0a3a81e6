"""Figures of models and their results, on matplotlib axes: the caller's, or new ones.

Each takes plain arrays, draws on ``ax`` and returns it; without one, on the axes of a new figure,
``ax.figure``, which pyplot does not know. None touches matplotlib's settings or current figure.
"""

from narrows.report.figures.budgets import rate
from narrows.report.figures.latent_space import codes
from narrows.report.figures.loss_curves import loss
from narrows.report.figures.reconstructions import reconstructions
from narrows.report.figures.traversals import traversal

__all__ = ["codes", "loss", "rate", "reconstructions", "traversal"]
