"""What networks of text do with sequences: one place of each, differences of neighbours."""

from __future__ import annotations

from archgraph.graph.types import Node, Value
from archgraph.importing.rules.registry import rule, special_case
from archgraph.importing.rules.site import Site


@special_case("index")
def one_of_each(site: Site) -> Value | None:
    """`x[arange(N), places]`: [N, L, ...] at one place of each batch element, [N, ...]."""
    items = site.raw("indices")
    if len(items) != 2 or None in items or items[1].meta["val"].ndim != 1:
        return None
    value, rows = site.tensor("self"), site.body.value(items[0])
    if not _counts(site.maker(rows), value):
        return None
    rank = value.type.rank
    places = site.emit("unsqueeze", site.body.value(items[1]), dim=list(range(1, rank)) if rank > 2 else 1)
    return site.emit("squeeze", site.emit("take_along_dim", value, places, dim=1), dim=1)


def _counts(made: Node | None, value: Value) -> bool:
    """Whether a node names every batch element in turn."""
    if made is None or made.op.name != "arange":
        return False
    start, step = (getattr(made.op, name) for name in ("start", "step"))
    return (start, step) == (0, 1) and made.output.shape == value.shape[:1]


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
