"""Whether classes lie apart."""

import numpy as np


def same_neighbour(points: np.ndarray, labels: np.ndarray) -> float | None:
    """The share of points (n, 2) whose nearest other point has the same label; None of a single
    point."""
    from scipy.spatial import KDTree

    if len(points) < 2:
        return None
    _, nearest = KDTree(points).query(points, k=2)
    # of points in one place either may come first
    other = np.where(nearest[:, 0] == np.arange(len(points)), nearest[:, 1], nearest[:, 0])
    return float((labels[other] == labels).mean())
