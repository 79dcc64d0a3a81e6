"""Whether classes lie apart, and what stands for an item's class where it is not known."""

import numpy as np

#: The number of an item's class where it is not known.
NO_CLASS = -1
#: Labels beyond so many different ones are no classes.
MOST_CLASSES = 100


def same_neighbour(points: np.ndarray, labels: np.ndarray) -> float | None:
    """The share of points (n, 2) whose nearest other point has the same label, among those whose
    label is known; None of a single point."""
    from scipy.spatial import KDTree

    points, labels = points[labels != NO_CLASS], labels[labels != NO_CLASS]
    if len(points) < 2:
        return None
    _, nearest = KDTree(points).query(points, k=2)
    # of points in one place either may come first
    other = np.where(nearest[:, 0] == np.arange(len(points)), nearest[:, 1], nearest[:, 0])
    return float((labels[other] == labels).mean())
