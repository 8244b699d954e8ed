"""Tables of whole numbers that follow from counting: offsets between the places of a window, numbers of places."""

from __future__ import annotations

import torch

from archgraph.importing.conversion.written_tables import Nodes

INDEX = "relative_position_index"


def offsets_between_places(tensor: torch.Tensor) -> Nodes | None:
    """Numbers of the offsets between all places of a window, with or without a token in front: those of Swin, CoAtNet
    and BEiT. None for another table."""
    if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1] or tensor.shape[0] < 2:
        return None
    for token in (False, True):
        inner = tensor[1:, 1:] if token else tensor
        sides = _sides(inner)
        if sides is not None and torch.equal(_offset_numbers(*sides, token), tensor):
            height, width = sides
            more = {"width": width} if width != height else {}
            return {INDEX: {"op": INDEX, "height": height, **more, **({"class_token": True} if token else {})}}
    return None


def _sides(inner: torch.Tensor) -> tuple[int, int] | None:
    """Height and width of the window, by how far the first row counts down."""
    count = inner.shape[0]
    steps = inner[0, :-1] - inner[0, 1:]
    jumps = (steps != 1).nonzero()
    width = int(jumps[0]) + 1 if jumps.numel() else count
    return (count // width, width) if not count % width and count > 1 else None


def _offset_numbers(height: int, width: int, token: bool) -> torch.Tensor:
    across, offsets = 2 * width - 1, (2 * height - 1) * (2 * width - 1)
    place = (torch.arange(height)[:, None] * across + torch.arange(width)).flatten()
    between = place[:, None] - place + (height - 1) * across + width - 1
    if not token:
        return between
    whole = torch.full((place.numel() + 1, place.numel() + 1), offsets)
    whole[1:, 0], whole[0, 0], whole[1:, 1:] = offsets + 1, offsets + 2, between
    return whole


def numbers_of_places(tensor: torch.Tensor) -> Nodes | None:
    """A row that counts in one step within groups of the same length, in another from group to group: the numbers of
    some places of a grid. None for another row."""
    count = tensor.numel()
    if tensor.ndim != 1 or count < 2:
        return None
    first, step = int(tensor[0]), int(tensor[1] - tensor[0])
    jumps = (tensor[1:] - tensor[:-1] != step).nonzero()
    width = int(jumps[0]) + 1 if jumps.numel() else count
    if step and width == count:
        return {"places": _counted(first, step, count)}
    further = int(tensor[width] - first) if width < count else 0
    expected = first + torch.arange(-(-count // width))[:, None] * further + torch.arange(width) * step
    if not (step and further) or count % width or not torch.equal(expected.flatten(), tensor):
        return None
    return {
        "rows": _counted(first, further, count // width),
        "row": {"op": "unsqueeze", "in": "rows", "dim": 1},
        "columns": _counted(0, step, width),
        "grid": {"op": "add", "in": ["row", "columns"]},
        "places": {"op": "flatten", "in": "grid", "start_dim": 0},
    }


def _counted(start: int, step: int, count: int) -> dict[str, object]:
    more = {"start": start} if start else {}
    return {"op": "arange", **more, "end": start + count * step, **({"step": step} if step != 1 else {})}
