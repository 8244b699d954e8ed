"""Values that are made of nothing but numbers and sizes."""

from __future__ import annotations

from archgraph.dims import Size
from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site


@rule("zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "empty", "new_empty")
def filled(site: Site) -> Value:
    name = site.torch_name.removeprefix("new_")
    shape, dtype = list(site.result_shape), site.result_dtype
    if name == "full":
        number = site.get("fill_value")
        return site.emit("full", shape=shape, dtype=dtype, fill_value=number)
    if name == "empty":  # whoever reads it has written all of it before
        return site.emit("zeros", shape=shape, dtype=dtype)
    return site.emit(name, shape=shape, dtype=dtype)


@rule("arange")
def arange(site: Site) -> Value:
    made = site.emit("arange", start=site.get("start", 0), end=site.get("end"), step=site.get("step", 1))
    return made if made.dtype == site.result_dtype else site.emit("to", made, dtype=site.result_dtype)


@rule("zeros_like", "ones_like", "full_like", "empty_like")
def like(site: Site) -> Value:
    number = site.get("fill_value", 1 if site.torch_name.startswith("ones") else 0)
    return site.emit("full_like", site.tensor("self"), fill_value=number, dtype=site.result_dtype)


@rule("linspace")
def linspace(site: Site) -> Value:
    ends = {name: float(site.get(name)) for name in ("start", "end")}
    return site.emit("linspace", **ends, steps=site.get("steps"))


@rule("eye")
def identity_matrix(site: Site) -> Value:
    made = site.emit("eye", n=site.get("n"), m=site.get("m"))
    return made if made.dtype == site.result_dtype else site.emit("to", made, dtype=site.result_dtype)


@rule("scalar_tensor")
def scalar(site: Site) -> Value:
    number = site.get("s")
    if not isinstance(number, Size):
        return site.emit("constant", value=number, dtype=site.result_dtype)
    made = site.emit("squeeze", site.emit("arange", start=number, end=number + 1), dim=0)
    return made if made.dtype == site.result_dtype else site.emit("to", made, dtype=site.result_dtype)


@rule("addmm", "baddbmm")
def added_product(site: Site) -> Value:
    names = ("self", "mat1", "mat2") if site.torch_name == "addmm" else ("self", "batch1", "batch2")
    return site.emit(
        site.torch_name, *(site.tensor(name) for name in names), beta=site.get("beta"), alpha=site.get("alpha")
    )


@rule("mm")
def product(site: Site) -> Value:
    return site.emit("matmul", site.tensor("self"), site.tensor("mat2"))


@rule("var", "std", "var_mean", "std_mean")
def variance(site: Site) -> Value | tuple[Value, ...]:
    correction = site.get("correction", 1)
    if site.raw("unbiased") is False:
        correction = 0
    node = site.apply(
        site.torch_name,
        [site.tensor("self")],
        {"dim": site.get("dim"), "correction": correction, "keepdim": site.get("keepdim")},
    )
    return node.outputs if len(node.outputs) > 1 else node.output


@rule("max", "min")
def extreme(site: Site) -> Value | tuple[Value, ...]:
    value = site.tensor("self")
    if site.is_tensor("other"):
        return site.emit(f"{site.torch_name}imum", value, site.tensor("other"))
    if not site.given("dim"):
        return site.emit(f"a{site.torch_name}", value)
    return site.apply(site.torch_name, [value], {"dim": site.get("dim"), "keepdim": site.get("keepdim")}).outputs


@rule("addcmul", "addcdiv")
def added_pair(site: Site) -> Value:
    """`self + value · tensor1 · tensor2`, or the quotient."""
    operation = "mul" if site.torch_name == "addcmul" else "div"
    pair = site.emit(operation, site.tensor("tensor1"), site.tensor("tensor2"))
    factor = site.get("value", 1)
    pair = pair if factor == 1 else site.emit("mul", pair, value=factor)
    return site.emit("add", site.tensor("self"), pair)


@rule("lerp")
def interpolated(site: Site) -> Value:
    """`self + weight · (end - self)`."""
    start = site.tensor("self")
    way = site.emit("sub", site.tensor("end"), start)
    if site.is_tensor("weight"):
        return site.emit("add", start, site.emit("mul", site.tensor("weight"), way))
    return site.emit("add", start, site.emit("mul", way, value=site.get("weight")))


@rule("_weight_norm", "_weight_norm_interface")
def normed_weight(site: Site) -> Value:
    """`g · v / ‖v‖`, with a norm for each place of `dim`."""
    value = site.tensor("v")
    axis = site.get("dim", 0)
    others = [place for place in range(value.type.rank) if place != axis % value.type.rank or axis == -1]
    length = site.emit("vector_norm", value, ord=2.0, dim=others, keepdim=True)
    return site.emit("mul", value, site.emit("div", site.tensor("g"), length))


@rule("linalg_vector_norm", "norm")
def vector_norm(site: Site) -> Value:
    order = site.get("ord", site.get("p", 2))
    return site.emit("vector_norm", site.tensor("self"), ord=order, dim=site.get("dim"), keepdim=site.get("keepdim"))
