"""Values that are made of nothing but numbers and sizes."""

from __future__ import annotations

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site


def _dtype(site: Site) -> str:
    return str(site.node.meta["val"].dtype).removeprefix("torch.")


@rule("zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "empty")
def filled(site: Site) -> Value:
    name = site.torch_name.removeprefix("new_")
    shape, dtype = list(site.result_shape), _dtype(site)
    if name == "full":
        number = site.get("fill_value")
        return site.emit("full", shape=shape, dtype=dtype, fill_value=number)
    if name == "empty":
        raise site.refuse("its contents are what happens to lie in memory")
    return site.emit(name, shape=shape, dtype=dtype)


@rule("arange")
def arange(site: Site) -> Value:
    made = site.emit("arange", start=site.get("start", 0), end=site.get("end"), step=site.get("step", 1))
    return made if made.dtype == _dtype(site) else site.emit("to", made, dtype=_dtype(site))


@rule("scalar_tensor")
def scalar(site: Site) -> Value:
    return site.emit("constant", value=site.get("s"), dtype=_dtype(site))


@rule("index")
def index(site: Site) -> Value:
    """A tensor of whole numbers in one dimension, all others whole."""
    places = [(axis, item) for axis, item in enumerate(site.raw("indices")) if item is not None]
    if len(places) != 1:
        raise site.refuse("indices in several dimensions have no form here")
    axis, item = places[0]
    return site.emit("index", site.tensor("self"), site.body.value(item), dim=axis)


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


@rule("linalg_vector_norm", "norm")
def vector_norm(site: Site) -> Value:
    order = site.get("ord", site.get("p", 2))
    return site.emit("vector_norm", site.tensor("self"), ord=order, dim=site.get("dim"), keepdim=site.get("keepdim"))
