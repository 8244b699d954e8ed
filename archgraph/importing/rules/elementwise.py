"""Functions of each element, or of two values, a number in the place of one of them included."""

from __future__ import annotations

from typing import Any

from archgraph.graph.types import Value
from archgraph.importing.forward_arguments import is_stochastic_depth, stochastic_depth_of
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_TWO = "add sub mul div pow eq ne lt le gt ge remainder fmod floor_divide bitwise_and bitwise_or bitwise_xor"


@rule(*_TWO.split())
def two_values(site: Site) -> Value:
    """`input ∘ other`, of two tensors or of a tensor and a number."""
    if site.given("alpha") and site.get("alpha") != 1:
        raise site.refuse("a factor alpha has no form here")
    first, second = _names(site)
    options = {"rounding_mode": site.get("rounding_mode")} if site.torch_name == "div" else {}
    if not site.is_tensor(first):
        return _number_first(site, site.get(first), site.tensor(second))
    if site.is_tensor(second):
        return site.emit(site.torch_name, site.tensor(first), site.tensor(second), **options)
    number = site.get(second)
    return site.emit(site.torch_name, site.tensor(first), value=number, **options)


def _names(site: Site) -> tuple[str, str]:
    return "self", "exponent" if site.torch_name == "pow" else "other"


def _number_first(site: Site, number: Any, value: Value) -> Value:
    constant = site.emit("constant", value=float(number) if value.dtype.startswith("float") else number)
    return site.emit(site.torch_name, constant, value)


@rule("rsub")
def reversed_difference(site: Site) -> Value:
    value, number = site.tensor("self"), site.raw("other")
    if site.is_tensor("other"):
        return site.emit("sub", site.tensor("other"), value)
    negative = site.emit("neg", value)
    return site.emit("add", negative, value=number)


@rule("clamp", "clamp_min", "clamp_max")
def clamp(site: Site) -> Value:
    for name in ("min", "max"):
        if site.is_tensor(name):
            raise site.refuse("bounds that are tensors have no form here")
    low, high = site.get("min"), site.get("max")
    return site.emit(
        "clamp",
        site.tensor("self"),
        min=None if low is None else float(low),
        max=None if high is None else float(high),
    )


@rule("hardtanh")
def hardtanh(site: Site) -> Value:
    low, high = float(site.get("min_val", -1)), float(site.get("max_val", 1))
    if (low, high) == (0.0, 6.0):
        return site.emit("relu6", site.tensor("self"))
    return site.emit("hardtanh", site.tensor("self"), min_val=low, max_val=high)


@rule("logical_and", "logical_or", "logical_xor", "maximum", "minimum", "atan2", "matmul", "bmm", "mv", "dot", "outer")
def two_tensors(site: Site) -> Value:
    names = [name for name in site.arguments if site.is_tensor(name)]
    return site.emit(site.torch_name, *(site.tensor(name) for name in names))


@rule("where")
def where(site: Site) -> Value:
    condition = site.tensor("condition")
    if site.is_tensor("self") and site.is_tensor("other"):
        return site.emit("where", condition, site.tensor("self"), site.tensor("other"))
    if site.is_tensor("self"):
        return site.emit("where", condition, site.tensor("self"), value=site.get("other"))
    raise site.refuse("a number where the condition is true has no form here")


@rule("masked_fill")
def masked_fill(site: Site) -> Value:
    if site.is_tensor("value"):
        raise site.refuse("a value from a tensor has no form here")
    return site.emit("masked_fill", site.tensor("self"), site.tensor("mask"), value=site.get("value"))


@rule("dropout", "feature_dropout", "alpha_dropout")
def dropout(site: Site) -> Value:
    value = site.main
    if site.leaf is not None and is_stochastic_depth(site.leaf.module):
        probability, mode = stochastic_depth_of(site.leaf.module)
        return site.emit("stochastic_depth", value, p=probability, mode=mode)
    name = "dropout" if site.torch_name == "dropout" else site.torch_name
    if name == "feature_dropout":
        name = f"dropout{max(value.type.rank - 2, 1)}d"
    return site.emit(name, value, p=site.get("p"))


@rule("to", "_to_copy", "type_as", "_assert_same")
def converted(site: Site) -> Value:
    value = site.tensor("self")
    dtype = str(site.node.meta["val"].dtype).removeprefix("torch.")
    return value if dtype == value.dtype else site.emit("to", value, dtype=dtype)
