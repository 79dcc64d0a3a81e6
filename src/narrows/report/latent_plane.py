"""Latent codes in two dimensions."""

from dataclasses import dataclass

import numpy as np

from narrows.learnt.pca import fit_pca
from narrows.support.number_text import share


@dataclass(frozen=True, eq=False)
class LatentPlane:
    """Codes as points of a plane.

    Attributes:
        points: (n, 2).
        axes: what the two directions are.
        explained: the share of the codes' variance that lies in the plane, from 0 to 1.
    """

    points: np.ndarray
    axes: tuple[str, str]
    explained: float


def latent_plane(codes: np.ndarray) -> LatentPlane:
    """Codes (n, k) as points: of two numbers as they are, of more along the two principal
    components of the codes; a single number is the first coordinate, and the second is 0."""
    if codes.shape[1] == 1:
        points = np.column_stack([codes[:, 0], np.zeros(len(codes), codes.dtype)])
        return LatentPlane(points, ("The number of the code", ""), 1.0)
    if codes.shape[1] == 2:
        return LatentPlane(codes, ("First number of the code", "Second number of the code"), 1.0)
    points = fit_pca(codes, 2).encode(codes)
    if points.shape[1] < 2:  # a single code spans no second direction
        points = np.column_stack([points, np.zeros(len(points))])
    total = codes.var(axis=0, dtype=np.float64).sum()
    shares = points.var(axis=0, dtype=np.float64) / total if total else np.zeros(2)
    first, second = (
        f"{name} principal component of the codes ({share(part)} of their variance)"
        for name, part in zip(("First", "Second"), shares, strict=True)
    )
    return LatentPlane(points, (first, second), float(shares.sum()))
