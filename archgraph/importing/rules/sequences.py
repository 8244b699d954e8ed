"""What networks of text do with sequences and positions: one place of each, bounds, differences of neighbours."""

from __future__ import annotations

from archgraph.graph.types import Node, Value
from archgraph.importing.rules.registry import rule, special_case
from archgraph.importing.rules.shapes import joined
from archgraph.importing.rules.site import Site
from archgraph.ops.contract import INTEGER_TYPES


@special_case("index")
def one_of_each(site: Site) -> Value | None:
    """`x[arange(N), places]`: [N, L, ...] at one place of each batch element, [N, ...]."""
    items = site.raw("indices")
    if len(items) != 2 or None in items or items[1].meta["val"].ndim != 1:
        return None
    value, rows = site.tensor("self"), site.body.value(items[0])
    if rows.type.rank != 1 or not _counts(site.maker(rows), value, 0, site):
        return None
    rank = value.type.rank
    places = site.emit("unsqueeze", site.body.value(items[1]), dim=list(range(1, rank)) if rank > 2 else 1)
    return site.emit("squeeze", site.emit("take_along_dim", value, places, dim=1), dim=1)


@special_case("index")
def whole_grid(site: Site) -> Value | None:
    """`mask[arange(N)[:, None, None, None], arange(L)]`: everything, with dimensions of size 1 between."""
    items = site.raw("indices")
    if len(items) != 2 or None in items:
        return None
    value = site.tensor("self")
    found = [site.body.value(item) for item in items]
    axes = [_axis(index) for index in found]
    alike = all(_counts(site.maker(index), value, place, site) for place, index in enumerate(found))
    if not alike or None in axes or value.type.rank != 2:
        return None
    rank = max(index.type.rank for index in found)
    first, second = (rank - index.type.rank + (axis or 0) for index, axis in zip(found, axes, strict=True))
    if first >= second:
        return None
    added = [axis for axis in range(rank) if axis not in (first, second)]
    return site.emit("unsqueeze", value, dim=added if len(added) > 1 else added[0]) if added else value


def _axis(value: Value) -> int | None:
    """The one dimension that is not 1."""
    axes = [axis for axis, size in enumerate(value.shape) if size != 1]
    return axes[0] if len(axes) == 1 else None


def _counts(made: Node | None, value: Value, place: int, site: Site) -> bool:
    """Whether a node names all places of a dimension in turn."""
    while made is not None and (made.op.name == "unsqueeze" or _adds_nothing(made)):
        made = site.maker(made.inputs["input"])
    if made is None or made.op.name != "arange":
        return False
    start, step = (getattr(made.op, name) for name in ("start", "step"))
    return (start, step) == (0, 1) and made.output.shape == value.shape[place : place + 1]


def _adds_nothing(made: Node) -> bool:
    return made.op.name == "add" and "other" not in made.inputs and getattr(made.op, "value", None) == 0


@special_case("cat")
def without_nothing(site: Site) -> Value | None:
    """Parts that hold nothing are left out."""
    parts = site.raw("tensors")
    kept = [part for part in parts if not any(type(size) is int and size == 0 for size in part.meta["val"].shape)]
    if len(kept) == len(parts) or not kept:
        return None
    return joined(site, [site.body.value(part) for part in kept])


@special_case("clamp")
def bounded_numbers(site: Site) -> Value | None:
    """Whole numbers between whole numbers stay whole."""
    low, high = site.raw("min"), site.raw("max")
    if site.type().dtype not in INTEGER_TYPES or not all(
        type(bound) is int for bound in (low, high) if bound is not None
    ):
        return None
    return site.emit("clamp", site.tensor("self"), min=low, max=high)


@rule("diff")
def difference(site: Site) -> Value:
    """Of each value and the one before it."""
    value, dim = site.tensor("self"), site.get("dim", -1)
    if site.get("n", 1) != 1 or site.given("append"):
        raise site.refuse("repeated differences, and values appended, have no form here")
    if site.given("prepend"):
        value = site.apply("concat", [site.tensor("prepend"), value], {"dim": dim}).output
    later = site.emit("slice", value, dim=dim, start=1)
    earlier = site.emit("slice", value, dim=dim, end=-1)
    return site.emit("sub", later, earlier)


@special_case("repeat_interleave")
def repeated(site: Site) -> Value | None:
    """Each place so often in a row, where torch also names the size of the result, or the number is a size."""
    times, dim = site.get("repeats"), site.get("dim")
    if site.is_tensor("repeats") or dim is None:
        return None
    value = site.tensor("self")
    axis = dim % value.type.rank
    if isinstance(times, int):
        return site.emit("repeat_interleave", value, repeats=times, dim=axis)
    rows = site.emit("unsqueeze", value, dim=axis + 1)
    wanted = [-1] * rows.type.rank
    wanted[axis + 1] = times
    last = axis + 1 if axis + 1 < value.type.rank else -1
    return site.emit("flatten", site.emit("expand", rows, shape=wanted), start_dim=axis, end_dim=last)
