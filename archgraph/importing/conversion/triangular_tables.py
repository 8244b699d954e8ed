"""Tables that are triangles, as the masks that let a token see those before it: one number on one side of a diagonal,
0 (or false) on the other."""

from __future__ import annotations

import torch

from archgraph.importing.conversion.written_tables import Nodes


def triangle(tensor: torch.Tensor) -> Nodes | None:
    """The steps of matrices that are all this triangle. None for another table, and for one that is full."""
    if tensor.ndim < 2 or not tensor.numel():
        return None
    there = tensor != 0
    numbers = tensor[there]
    if not numbers.numel() or numbers.numel() == tensor.numel() or not bool((numbers == numbers[0]).all()):
        return None
    offsets = torch.arange(tensor.shape[-1]) - torch.arange(tensor.shape[-2])[:, None]
    seen = offsets.expand(tensor.shape)[there]
    for word, diagonal, expected in (
        ("tril", int(seen.max()), offsets <= seen.max()),
        ("triu", int(seen.min()), offsets >= seen.min()),
    ):
        if torch.equal(expected.expand(tensor.shape), there):
            dtype = "float32" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
            filled = {"shape": list(tensor.shape), "fill_value": numbers[0].item(), "dtype": dtype}
            return {
                "all": {"op": "full", **filled},
                "triangle": {"op": word, **({"diagonal": diagonal} if diagonal else {})},
            }
    return None
