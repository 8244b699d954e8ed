"""What masks are made of: logic on booleans, differences of neighbours, numbers in the place of a branch."""

from __future__ import annotations

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_WORDS = {"__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor"}


@rule(*_WORDS)
def logic(site: Site) -> Value:
    """`a & b` of booleans or whole numbers."""
    word = _WORDS[site.torch_name]
    first = site.tensor("self")
    if not site.is_tensor("other"):
        return site.emit(word, first, value=site.get("other"))
    if first.dtype == "bool":
        word = word.replace("bitwise", "logical")
    return site.emit(word, first, site.tensor("other"))


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
