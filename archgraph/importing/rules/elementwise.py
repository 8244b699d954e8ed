"""Functions of each element, or of two values, a number in the place of one of them included."""

from __future__ import annotations

from typing import Any

from archgraph.dims import Size
from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_TWO = "add sub mul div pow eq ne lt le gt ge remainder fmod floor_divide bitwise_and bitwise_or bitwise_xor"
_OTHER_NAMES = {
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__xor__": "bitwise_xor", "not_equal": "ne", "less": "lt", "less_equal": "le",
    "greater": "gt", "greater_equal": "ge", "float_power": "pow",
}  # fmt: skip


@rule(*_TWO.split(), *_OTHER_NAMES)
def two_values(site: Site) -> Value:
    """`input ∘ other`, of two tensors or of a tensor and a number."""
    name = _OTHER_NAMES.get(site.torch_name, site.torch_name)
    first, second = _names(site)
    options = {"rounding_mode": site.get("rounding_mode")} if name == "div" else {}
    if not site.is_tensor(first):
        return _number_first(site, name, site.get(first), site.tensor(second))
    if site.is_tensor(second):
        return site.emit(name, site.tensor(first), _times_alpha(site, site.tensor(second)), **options)
    number = _times(site.get(second), site.get("alpha"))
    if isinstance(number, complex):
        raise site.refuse("there are no complex numbers", expected="the real and the imaginary part as two tensors")
    if isinstance(number, Size):
        return site.emit(name, site.tensor(first), _value_of(site, number, site.tensor(first).dtype), **options)
    return site.emit(name, site.tensor(first), value=number, **options)


def _value_of(site: Site, size: Size, dtype: str) -> Value:
    """A size as a value of one entry; torch's numbers change no element type but that of truth values."""
    value = site.emit("arange", start=size, end=size + 1)
    return value if dtype in ("bool", value.dtype) else site.emit("to", value, dtype=dtype)


def _times_alpha(site: Site, value: Value) -> Value:
    """`alpha · other`, where torch is given a factor."""
    factor = site.get("alpha", 1)
    return value if factor == 1 else site.emit("mul", value, value=factor)


def _times(number: Any, factor: Any) -> Any:
    return number if factor in (None, 1) else number * factor


def _names(site: Site) -> tuple[str, str]:
    return "self", "exponent" if site.torch_name == "pow" else "other"


def _number_first(site: Site, name: str, number: Any, value: Value) -> Value:
    constant = site.emit("constant", value=float(number) if value.dtype.startswith("float") else number)
    return site.emit(name, constant, value)


@rule("rsub")
def reversed_difference(site: Site) -> Value:
    value, number = site.tensor("self"), site.raw("other")
    if site.is_tensor("other"):
        return site.emit("sub", site.tensor("other"), value)
    negative = site.emit("neg", value)
    return site.emit("add", negative, value=number)


@rule("clamp", "clamp_min", "clamp_max", "clip")
def clamp(site: Site) -> Value:
    value = site.tensor("self")
    for name, operation in (("min", "maximum"), ("max", "minimum")):
        if site.is_tensor(name):
            value = site.emit(operation, value, site.tensor(name))
    low, high = (None if site.is_tensor(name) else site.get(name) for name in ("min", "max"))
    if low is None and high is None:
        return value
    bounds = {"min": low, "max": high}
    return site.emit("clamp", value, **{name: None if one is None else float(one) for name, one in bounds.items()})


@rule("hardtanh")
def hardtanh(site: Site) -> Value:
    low, high = float(site.get("min_val", -1)), float(site.get("max_val", 1))
    if (low, high) == (0.0, 6.0):
        return site.emit("relu6", site.tensor("self"))
    return site.emit("hardtanh", site.tensor("self"), min_val=low, max_val=high)


@rule("logical_and", "logical_or", "logical_xor", "maximum", "minimum", "atan2", "bmm", "mv", "dot", "vdot", "outer")
def two_tensors(site: Site) -> Value:
    names = [name for name in site.arguments if site.is_tensor(name)]
    name = "dot" if site.torch_name == "vdot" else site.torch_name  # there are no complex numbers
    return site.emit(name, *(site.tensor(name) for name in names))


@rule("matmul")
def product(site: Site) -> Value:
    """Of matrices; a vector is a matrix of one row before the other, of one column behind it."""
    first, second = site.tensor("self"), site.tensor("other")
    row, column = first.type.rank == 1, second.type.rank == 1
    if row and column:
        return site.emit("dot", first, second)
    first = site.emit("unsqueeze", first, dim=0) if row else first
    second = site.emit("unsqueeze", second, dim=-1) if column else second
    made = site.emit("matmul", first, second)
    return site.emit("squeeze", made, dim=-2 if row else -1) if row or column else made


@rule("where")
def where(site: Site) -> Value:
    condition = site.tensor("condition")
    names = [name for name in ("self", "other") if site.is_tensor(name)]
    if len(names) == 2:
        return site.emit("where", condition, site.tensor("self"), site.tensor("other"))
    if names == ["self"]:
        return site.emit("where", condition, site.tensor("self"), value=site.get("other"))
    if names == ["other"]:
        return site.emit("where", site.emit("logical_not", condition), site.tensor("other"), value=site.get("self"))
    chosen = site.emit("full_like", condition, fill_value=site.get("self"), dtype=site.result_dtype)
    return site.emit("where", condition, chosen, value=site.get("other"))


@rule("masked_fill")
def masked_fill(site: Site) -> Value:
    if site.is_tensor("value"):
        return site.emit("where", site.tensor("mask"), site.tensor("value"), site.tensor("self"))
    return site.emit("masked_fill", site.tensor("self"), site.tensor("mask"), value=site.get("value"))


@rule("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(site: Site) -> Value:
    value = site.main
    if site.get("train") and site.get("p") and not site.body.translation.capture.module.training:
        raise site.refuse(
            "evaluation drops values by chance", expected="dropout in training only: training=self.training"
        )
    name = "dropout" if site.torch_name == "dropout" else site.torch_name
    if name == "feature_dropout":
        name = f"dropout{max(value.type.rank - 2, 1)}d"
    return site.emit(name, value, p=site.get("p"))


@rule("stochastic_depth")
def stochastic_depth(site: Site) -> Value:
    return site.emit("stochastic_depth", site.main, p=site.get("p"), mode=site.get("mode"))


@rule("to", "_to_copy", "type_as", "_assert_same")
def converted(site: Site) -> Value:
    value = site.tensor("self")
    dtype = str(site.node.meta["val"].dtype).removeprefix("torch.")
    return value if dtype == value.dtype else site.emit("to", value, dtype=dtype)


@rule("detach")
def detached(site: Site) -> Value:
    """Nothing where no gradient comes: in front of what no parameter reaches."""
    value = site.tensor("self")
    maker = site.maker(value)
    known = site.node.args[0] not in site.body.translation.trained or (maker and maker.op.name == "detach")
    return value if known else site.emit("detach", value)
