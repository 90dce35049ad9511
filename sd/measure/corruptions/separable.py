"""Linear maps of an image that act on rows and columns one after the other, each as a matrix."""

import math
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]
Border = Literal["nearest", "reflect"]
"""How an image goes on beyond its edge: its last pixel again, or mirrored at the edge (d c b a | a b c d | d c b a)."""


def apply(matrix: Matrix, x: Tensor) -> Tensor:
    """A matrix (m, side) on the columns and rows of images (…, side, side): (…, m, m)."""
    along = torch.from_numpy(matrix).to(x.device)
    return along @ x @ along.T


@cache
def gaussian(side: int, sigma: float, truncate: float, border: Border) -> Matrix:
    """Smoothing by a Gaussian that is cut off at ``truncate`` deviations (``scipy.ndimage.gaussian_filter``)."""
    radius = int(truncate * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2) if radius else np.ones(1)
    weights /= weights.sum()
    matrix = np.zeros((side, side))
    for offset, weight in zip(offsets, weights, strict=True):
        at = np.arange(side) + offset
        if border == "nearest":
            at = at.clip(0, side - 1)
        else:
            at = np.where((at := at % (2 * side)) < side, at, 2 * side - 1 - at)
        np.add.at(matrix, (np.arange(side), at), weight)
    return matrix


@cache
def zoom(side: int, factor: float) -> Matrix:
    """The middle, enlarged linearly by ``factor`` to ``side`` pixels: corner on corner, then cut to size."""
    crop = math.ceil(side / factor)
    enlarged = round(crop * factor)
    places = np.arange(enlarged) * (crop - 1) / max(enlarged - 1, 1)
    left = np.minimum(places.astype(int), max(crop - 2, 0))
    matrix = np.zeros((enlarged, side))
    start = (side - crop) // 2
    matrix[np.arange(enlarged), start + left] += 1 - (places - left)
    matrix[np.arange(enlarged), start + np.minimum(left + 1, crop - 1)] += places - left
    trim = (enlarged - side) // 2
    return matrix[trim : trim + side]


@cache
def box(side: int, to: int) -> Matrix:
    """Resizing by the mean over the pixels whose centres lie within half a (wider) pixel: Pillow's ``BOX``."""
    ratio = side / to
    support = max(ratio, 1.0)
    centres = (np.arange(to) + 0.5) * ratio
    distance = (np.arange(side) + 0.5 - centres[:, None]) / support
    matrix = ((distance > -0.5) & (distance <= 0.5)).astype(np.float64)
    matrix /= matrix.sum(1, keepdims=True)
    return matrix
