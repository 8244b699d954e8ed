"""Reading and writing at places that a tensor names."""

from __future__ import annotations

from typing import Any

import torch

from archgraph.dims import Dim
from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_NOT_NEGATIVE = ("arange", "argmax", "argmin", "argsort", "constant")


@rule("index")
def index(site: Site) -> Value:
    """Whole numbers in one dimension, or in several as one index of all their places; all others whole."""
    value = site.tensor("self")
    places = {axis: item for axis, item in enumerate(site.raw("indices")) if item is not None}
    constants = {axis: site.constant(item) for axis, item in places.items()}
    if len(places) == 1:
        ((axis, item),) = places.items()
        found = constants[axis]
        if item.meta["val"].dtype == torch.bool:
            return _chosen(site, value, axis, found)
        if found is not None and found.shape == (1,) and not found.is_meta:  # x[:, [-1]] keeps the dimension
            start = int(found)
            return site.emit("slice", value, dim=axis, start=start, end=start + 1 or None)
        return site.emit("index", value, site.body.value(item), dim=axis)
    value, axes = in_front(site, value, list(places))
    sizes = [value.shape[axis] for axis in axes]
    joined = joined_axes(site, value, axes)
    return site.emit("index", joined, joint_index(site, list(places.values()), sizes), dim=axes[0])


def in_front(site: Site, value: Value, axes: list[int]) -> tuple[Value, list[int]]:
    """The value with these dimensions first, where others stand between them; and where they stand then."""
    if axes == list(range(axes[0], axes[-1] + 1)):
        return value, axes
    order = [*axes, *(axis for axis in range(value.type.rank) if axis not in axes)]
    return site.emit("permute", value, dims=order), list(range(len(axes)))


def joined_axes(site: Site, value: Value, axes: list[int]) -> Value:
    """The value with neighbouring dimensions as one."""
    first, last = axes[0], axes[-1]
    if first == last:
        return value
    return site.emit("flatten", value, start_dim=first, end_dim=last if last < value.type.rank - 1 else -1)


def _chosen(site: Site, value: Value, axis: int, mask: torch.Tensor | None) -> Value:
    """The places where a mask is true that is known now."""
    if mask is None or mask.ndim != 1:
        raise site.refuse("how many places a mask chooses depends on data", expected="whole numbers as index")
    return site.emit("index", value, site.hold("index", mask.nonzero()[:, 0]), dim=axis)


def joint_index(site: Site, items: list[Any], sizes: list[Dim]) -> Value:
    """The place in the joined dimensions: i · size + j, and so on."""
    constants = [site.constant(item) for item in items]
    if all(found is not None for found in constants) and all(isinstance(size, int) for size in sizes):
        whole = torch.zeros((), dtype=torch.int64)
        for found, size in zip(constants, sizes, strict=True):
            assert found is not None
            assert isinstance(size, int)
            whole = whole * size + found.long() % size
        return site.hold("index", whole)
    made: Value | None = None
    for item, size in zip(items, sizes, strict=True):
        here = _counted_from_start(site, site.body.value(item), size)
        if made is not None and not isinstance(size, int):
            raise site.refuse("an index in several dimensions, a later one of free size, has no form here")
        made = here if made is None else site.emit("add", site.emit("mul", made, value=size), here)
    assert made is not None
    return made


def _counted_from_start(site: Site, value: Value, size: Dim) -> Value:
    maker = site.maker(value)
    while maker is not None and maker.op.name in ("unsqueeze", "reshape", "flatten", "expand", "squeeze"):
        maker = site.maker(maker.inputs["input"])
    if maker is not None and maker.op.name in _NOT_NEGATIVE:
        return value
    if not isinstance(size, int):
        raise site.refuse("an index that may count from the end of a dimension of free size has no form here")
    return site.emit("remainder", value, value=size)


@rule("unfold")
def windows(site: Site) -> Value:
    """All windows along one dimension: [..., A, ...] → [..., windows, ..., size]."""
    value = site.tensor("self")
    axis = site.get("dimension") % value.type.rank
    size, step = site.get("size"), site.get("step")
    count = site.result_shape[axis]
    if size == step and count * size == value.shape[axis]:
        parted = site.emit("unflatten", value, dim=axis, sizes=[count if isinstance(count, int) else -1, size])
    else:
        starts = site.emit("unsqueeze", site.emit("arange", end=count), dim=-1)
        starts = site.emit("mul", starts, value=step) if step != 1 else starts
        parted = site.emit("index", value, site.emit("add", starts, site.emit("arange", end=size)), dim=axis)
    return site.emit("movedim", parted, source=axis + 1, destination=-1)
