"""Reading at places that tensors of whole numbers name, or at those where booleans hold."""

from __future__ import annotations

from archgraph.graph.types import Node, Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site


@rule("index")
def index(site: Site) -> Value:
    """One dimension by a tensor of whole numbers, or the first two, each batch element at a place of its own."""
    value = site.tensor("self")
    places = [(axis, site.body.value(item)) for axis, item in enumerate(site.raw("indices")) if item is not None]
    if any(found.dtype == "bool" for _, found in places):
        raise site.refuse("the number of places where booleans hold is no size")
    if len(places) == 1:
        axis, found = places[0]
        return site.emit("index", value, found, dim=axis)
    if [axis for axis, _ in places] == [0, 1]:
        rows, columns = (found for _, found in places)
        if columns.type.rank == 1 and _counts(site.maker(rows), value):
            return _one_of_each(site, value, columns)
    raise site.refuse("indices in several dimensions have no form here")


def _counts(made: Node | None, value: Value) -> bool:
    """Whether a node names every batch element in turn."""
    return (
        made is not None
        and made.op.name == "arange"
        and made.op.start == 0  # type: ignore[attr-defined]
        and made.op.step == 1  # type: ignore[attr-defined]
        and made.output.shape == value.shape[:1]
    )


def _one_of_each(site: Site, value: Value, places: Value) -> Value:
    """[N, L, ...] at one place of each batch element: [N, ...]."""
    rank = value.type.rank
    indices = site.emit("unsqueeze", places, dim=list(range(1, rank)) if rank > 2 else 1)
    return site.emit("squeeze", site.emit("take_along_dim", value, indices, dim=1), dim=1)

