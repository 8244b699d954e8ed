"""Values of which parts are exchanged: at slices, at places that a tensor names, where a mask is true."""

from __future__ import annotations

from typing import Any

import torch

from archgraph.dims import Dim
from archgraph.graph.types import Value
from archgraph.importing.rules.indexing import in_front, joined_axes, joint_index
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.shapes import reshaped
from archgraph.importing.rules.site import Site


@rule("slice_scatter")
def with_slice(site: Site) -> Value:
    """The value with another part along one dimension: what stands before it, the part, what stands behind it."""
    value = site.tensor("self")
    if site.is_empty("src"):
        return value
    part = site.tensor("src")
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
    behind = site.body.builder.facts.simplify(value.shape[axis] - end)  # W - 4*(W // 4) is 0 at multiples of 4
    pieces = [site.emit("slice", value, dim=axis, start=0, end=end - part.shape[axis])] if start != 0 else []
    pieces.append(part)
    if behind != 0:
        pieces.append(site.emit("slice", value, dim=axis, start=end))
    return pieces[0] if len(pieces) == 1 else site.apply("concat", pieces, {"dim": axis}).output


@rule("diagonal_scatter")
def with_diagonal(site: Site) -> Value:
    """The value with another diagonal: [..., A, ..., B, ...], [..., D] → same."""
    value, part = site.tensor("self"), site.tensor("src")
    rank = value.type.rank
    axes = [site.get(name, default) % rank for name, default in (("dim1", 0), ("dim2", 1))]
    offset, width = site.get("offset", 0), value.shape[axes[1]]
    first = offset if offset >= 0 else -offset * width
    order = [axis for axis in range(rank) if axis not in axes] + axes
    moved = value if order == list(range(rank)) else site.emit("permute", value, dims=order)
    flat = site.emit("flatten", moved, start_dim=rank - 2)
    places = site.emit("arange", start=first, end=first + (part.shape[-1] - 1) * (width + 1) + 1, step=width + 1)
    made = reshaped(site, site.emit("index_copy", flat, places, part, dim=rank - 2), moved.shape)
    back = [order.index(axis) for axis in range(rank)]
    return made if moved is value else site.emit("permute", made, dims=back)


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
    """Other numbers at places in one or several dimensions, or where a mask is true."""
    places = {axis: item for axis, item in enumerate(site.raw("indices")) if item is not None}
    masks = [item for item in places.values() if item.meta["val"].dtype == torch.bool]
    if not masks:
        return _at_places(site, list(places), list(places.values()))
    if len(places) != 1:
        raise site.refuse("a mask next to another index has no form here", expected="torch.where")
    ((axis, mask),) = places.items()
    known = site.constant(mask)
    if known is not None and known.ndim == 1:
        return _put(site, [axis], site.hold("index", known.nonzero()[:, 0]), site.tensor("values"))
    return _where(site, axis, site.body.value(mask))


def _where(site: Site, axis: int, mask: Value) -> Value:
    """The new numbers where a mask is true, which are the same ones for each of its places."""
    value, new = site.tensor("self"), site.tensor("values")
    behind = value.type.rank - axis - mask.type.rank
    if new.type.rank > behind or site.get("accumulate"):
        raise site.refuse(
            "as many numbers as a mask has places have no form here", expected="the same numbers for all places"
        )
    if behind:
        mask = site.emit("unsqueeze", mask, dim=list(range(-behind, 0)) if behind > 1 else -1)
    return site.emit("where", mask, new, value)


def _at_places(site: Site, axes: list[int], items: list[Any]) -> Value:
    value = site.tensor("self")
    if len(axes) == 1:
        return _put(site, axes, site.body.value(items[0]), site.tensor("values"))
    moved, there = in_front(site, value, axes)
    index = joint_index(site, items, [moved.shape[axis] for axis in there])
    return _put(site, axes, index, site.tensor("values"))


def _put(site: Site, axes: list[int], index: Value, new: Value) -> Value:
    """The value with other numbers at the places of an index in joined dimensions, or with the numbers added there."""
    value = site.tensor("self")
    moved, there = in_front(site, value, axes)
    flat = joined_axes(site, moved, there)
    first = there[0]
    before, behind = flat.shape[:first], flat.shape[first + 1 :]
    shape = [*before, *index.shape, *behind]
    part = new if list(new.shape) == shape else site.emit("expand", new, shape=shape)
    part, index = _as_row(site, part, first, index)
    made = site.emit("index_add" if site.get("accumulate") else "index_copy", flat, index, part, dim=first)
    made = reshaped(site, made, moved.shape)
    if moved is value:
        return made
    order = [*axes, *(axis for axis in range(value.type.rank) if axis not in axes)]
    return site.emit("permute", made, dims=[order.index(axis) for axis in range(len(order))])


def _as_row(site: Site, part: Value, axis: int, index: Value) -> tuple[Value, Value]:
    """A part and its index with the places of the index in one row."""
    rank = index.type.rank
    if rank == 1:
        return part, index
    if rank == 0:
        return site.emit("unsqueeze", part, dim=axis), site.emit("unsqueeze", index, dim=0)
    return joined_axes(site, part, list(range(axis, axis + rank))), site.emit("flatten", index, start_dim=0)


@rule("index_fill")
def filled_places(site: Site) -> Value:
    """One number at places of one dimension."""
    value, index = site.tensor("self"), site.tensor("index")
    axis = site.get("dim") % value.type.rank
    shape = [index.shape[0] if place == axis else size for place, size in enumerate(value.shape)]
    if site.is_tensor("value"):
        part = site.emit("expand", site.tensor("value"), shape=shape)
    else:
        part = site.emit("full", shape=shape, dtype=value.dtype, fill_value=site.get("value"))
    return site.emit("index_copy", value, index, part, dim=axis)
