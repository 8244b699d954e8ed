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
        return site.emit("index", value, site.body.value(item), dim=axis)
    axes = list(places)
    if axes != list(range(axes[0], axes[-1] + 1)):
        order = [*axes, *(axis for axis in range(value.type.rank) if axis not in axes)]
        value, axes = site.emit("permute", value, dims=order), list(range(len(axes)))
    first, last = axes[0], axes[-1]
    joined = site.emit("flatten", value, start_dim=first, end_dim=last if last < value.type.rank - 1 else -1)
    sizes = [value.shape[axis] for axis in axes]
    return site.emit("index", joined, _joint_index(site, list(places.values()), sizes), dim=first)


def _chosen(site: Site, value: Value, axis: int, mask: torch.Tensor | None) -> Value:
    """The places where a mask is true that is known now."""
    if mask is None or mask.ndim != 1:
        raise site.refuse("how many places a mask chooses depends on data", expected="whole numbers as index")
    return site.emit("index", value, site.hold("index", mask.nonzero()[:, 0]), dim=axis)


def _joint_index(site: Site, items: list[Any], sizes: list[Dim]) -> Value:
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
        if not isinstance(size, int):
            raise site.refuse("an index in several dimensions of which one has a free size has no form here")
        here = _counted_from_start(site, site.body.value(item), size)
        made = here if made is None else site.emit("add", site.emit("mul", made, value=size), here)
    assert made is not None
    return made


def _counted_from_start(site: Site, value: Value, size: int) -> Value:
    maker = site.maker(value)
    while maker is not None and maker.op.name in ("unsqueeze", "reshape", "flatten", "expand", "squeeze"):
        maker = site.maker(maker.inputs["input"])
    if maker is not None and maker.op.name in _NOT_NEGATIVE:
        return value
    return site.emit("remainder", value, value=size)


@rule("slice_scatter")
def with_slice(site: Site) -> Value:
    """The value with another part along one dimension: what stands before it, the part, what stands behind it."""
    value, part = site.tensor("self"), site.tensor("src")
    axis = site.get("dim", 0) % value.type.rank
    size, start, step = value.shape[axis], site.get("start", 0), site.get("step", 1)
    if isinstance(start, int) and start < 0:
        start = size + start
    if step != 1:
        places = site.emit("arange", start=start, end=start + (part.shape[axis] - 1) * step + 1, step=step)
        return site.emit("index_copy", value, places, part, dim=axis)
    return _replaced(site, value, part, axis, start)


@rule("select_scatter")
def with_place(site: Site) -> Value:
    """The value with one place along a dimension exchanged."""
    value, part = site.tensor("self"), site.tensor("src")
    axis = site.get("dim") % value.type.rank
    place = site.get("index")
    if isinstance(place, int) and place < 0:
        place = value.shape[axis] + place
    return _replaced(site, value, site.emit("unsqueeze", part, dim=axis), axis, place)


def _replaced(site: Site, value: Value, part: Value, axis: int, start: Dim) -> Value:
    end = start + part.shape[axis]
    pieces = [site.emit("slice", value, dim=axis, start=0, end=start)] if start != 0 else []
    pieces.append(part)
    if end != value.shape[axis]:
        pieces.append(site.emit("slice", value, dim=axis, start=end))
    return pieces[0] if len(pieces) == 1 else site.apply("concat", pieces, {"dim": axis}).output


@rule("copy")
def copied(site: Site) -> Value:
    """Another value in the shape and the element type of this one."""
    value = site.tensor("src")
    dtype = site.result_dtype
    if value.dtype != dtype:
        value = site.emit("to", value, dtype=dtype)
    return value if value.shape == site.result_shape else site.emit("expand", value, shape=list(site.result_shape))


@rule("fill", "zero")
def filled(site: Site) -> Value:
    number = site.get("value", 0) if not site.is_tensor("value") else None
    if number is None:
        return site.emit("expand", site.tensor("value"), shape=list(site.result_shape))
    return site.emit("full", shape=list(site.result_shape), dtype=site.result_dtype, fill_value=number)


@rule("index_put", "_unsafe_index_put")
def with_places(site: Site) -> Value:
    """Other numbers at the places of one dimension, or where a mask is true."""
    value, new = site.tensor("self"), site.tensor("values")
    places = [(axis, item) for axis, item in enumerate(site.raw("indices")) if item is not None]
    if len(places) != 1 or site.get("accumulate"):
        raise site.refuse("writing at places in several dimensions has no form here")
    axis, item = places[0]
    at = site.body.value(item)
    if at.dtype == "bool":
        if axis or new.type.rank:
            raise site.refuse("as many numbers as a mask has places have no form here")
        missing = value.type.rank - at.type.rank
        mask = site.emit("unsqueeze", at, dim=[-1] * missing) if missing else at
        return site.emit("where", mask, new, value)
    if at.type.rank != 1:
        raise site.refuse("an index of several dimensions has no form here")
    shape = [at.shape[0] if place == axis else size for place, size in enumerate(value.shape)]
    part = new if list(new.shape) == shape else site.emit("expand", new, shape=shape)
    return site.emit("index_copy", value, at, part, dim=axis)


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
