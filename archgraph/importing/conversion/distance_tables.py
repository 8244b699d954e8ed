"""Tables of distances between places as the steps that make them: their sides are their shape, and all numbers are
compared with those of the steps.

A module that made them in float32 has rounded a logarithm, and what it read of, a few times.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from archgraph.importing.conversion.written_tables import ROUNDING, FloatTable

DISTANCES = "relative_log_distances"
_PAIR = 2
_OPERATIONS = 4
"""So many roundings a number may have gone through, in units of its own size and of 1."""


def distance_tables(tensor: torch.Tensor) -> Iterator[FloatTable]:
    """The way in which a table [2 · height - 1, 2 · width - 1, 2] is one of logarithms of distances with their signs;
    none of another table."""
    if tensor.dtype not in ROUNDING or tensor.ndim != _PAIR + 1 or tensor.shape[-1] != _PAIR:
        return
    if any(side % 2 == 0 for side in tensor.shape[:-1]):
        return
    height, width = (side // 2 + 1 for side in tensor.shape[:-1])
    offsets = [torch.arange(1 - side, side, dtype=torch.float64) for side in (height, width)]
    pairs = torch.stack(torch.meshgrid(*offsets, indexing="ij"), -1)
    expected = pairs.sign() * pairs.abs().log1p()
    bound = ROUNDING[tensor.dtype] * _OPERATIONS * (1 + expected.abs())
    if bool(((expected - tensor.double()).abs() <= bound).all()):
        more = {"width": width} if width != height else {}
        yield FloatTable({"distances": {"op": DISTANCES, "height": height, **more}}, bound)
