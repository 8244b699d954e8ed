"""Resampling a grid as two matrices, one for each side: bicubic as torch computes it, and linear at uneven places."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from archgraph.artifact.arrays import Array

Matrix: TypeAlias = npt.NDArray[np.float64]

CUBIC: Final = -0.75
"""The free coefficient of cubic convolution in `torch.nn.functional.interpolate`."""
ANTIALIASED_CUBIC: Final = -0.5
"""The same with `antialias=True`, where torch computes what Pillow does."""


def resampled(grid: Array, rows: Matrix, columns: Matrix) -> Array:
    """[h, w, channels] → [height, width, channels] in the grid's own type, by [height, h] and [width, w].

    Computed in float64 and rounded once.
    """
    found: Matrix = np.einsum("ah,bw,hwc->abc", rows, columns, grid.astype(np.float64), optimize=True)
    rounded: Array = found.astype(grid.dtype)
    return rounded


def cubic_matrix(old: int, new: int, *, align_corners: bool, antialias: bool) -> Matrix:
    """[new, old]: how much of each old cell is in each new one, by cubic convolution (Keys 1981)."""
    scale = (old - 1) / max(new - 1, 1) if align_corners else old / new
    return _antialiased(old, new, scale) if antialias else _interpolating(old, new, scale, align_corners)


def _interpolating(old: int, new: int, scale: float, align_corners: bool) -> Matrix:
    """Four old cells around each place; beyond the border stands the border's cell."""
    at = np.arange(new) * scale if align_corners else (np.arange(new) + 0.5) * scale - 0.5
    before = np.floor(at)
    found = np.zeros((new, old))
    for tap in (-1, 0, 1, 2):
        cells = np.clip(before + tap, 0, old - 1).astype(int)
        np.add.at(found, (np.arange(new), cells), _cubic(at - before - tap, CUBIC))
    return found


def _antialiased(old: int, new: int, scale: float) -> Matrix:
    """Where there are fewer new cells, the kernel is as wide as they are; weights within the border sum to 1."""
    wide = max(scale, 1.0)
    centre = (np.arange(new)[:, None] + 0.5) * scale
    start = np.maximum(np.floor(centre - 2 * wide + 0.5), 0)
    stop = np.minimum(np.floor(centre + 2 * wide + 0.5), old)
    cells = np.arange(old)[None]
    inside = (cells >= start) & (cells < stop)
    found = np.where(inside, _cubic((cells + 0.5 - centre) / wide, ANTIALIASED_CUBIC), 0.0)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _cubic(distance: Matrix, a: float) -> Matrix:
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def uneven_linear_matrix(places: Matrix, wanted: Matrix) -> Matrix:
    """[wanted, places]: linear interpolation between ascending places; outside of them the value at the border."""
    right = np.clip(np.searchsorted(places, wanted), 1, len(places) - 1)
    left = right - 1
    share = np.clip((wanted - places[left]) / (places[right] - places[left]), 0.0, 1.0)
    found = np.zeros((len(wanted), len(places)))
    rows = np.arange(len(wanted))
    found[rows, left] += 1 - share
    found[rows, right] += share
    return found
