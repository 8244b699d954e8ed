"""Operations whose names and arguments are torch's own: tensors go to the ports in order, all else by name."""

from __future__ import annotations

from typing import Any

from torch import fx

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site
from archgraph.ops.contract import Operation, lookup

_SAME = """
    relu relu6 sigmoid tanh silu hardswish hardsigmoid gelu elu leaky_relu softplus mish selu celu softsign hardshrink
    softshrink tanhshrink threshold log_sigmoid log_softmax softmax glu rrelu
    sin cos tan asin acos atan sinh cosh asinh acosh atanh square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10
    log1p erf erfc abs neg sign floor ceil round trunc frac isnan isinf isfinite logical_not bitwise_not nan_to_num
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d meshgrid repeat_interleave
    mean sum amax amin prod all any argmax argmin logsumexp cumsum cumprod
    transpose permute roll flip tril triu stack unbind movedim pixel_shuffle pixel_unshuffle channel_shuffle
    gather index_select index_add scatter_add take_along_dim topk sort argsort einsum tile repeat diagonal diag_embed
    cosine_similarity cdist one_hot index_copy scatter scatter_reduce
"""
_OTHER_NAMES = {
    "log_sigmoid": "logsigmoid", "negative": "neg", "absolute": "abs", "swapaxes": "transpose", "swapdims": "transpose",
    "moveaxis": "movedim", "native_channel_shuffle": "channel_shuffle", "special_expm1": "expm1", "special_erf": "erf",
}  # fmt: skip
"""Torch's further names of an operation."""
_ATTRIBUTES = {"axis0": "dim0", "axis1": "dim1"}
_UNSAID = frozenset(
    {"dtype", "layout", "device", "pin_memory", "memory_format", "inplace", "half_to_float", "training"}
)
_UNSAID_DEFAULTS = {"generator": None, "out": None, "sparse_grad": False}


@rule(*_SAME.split(), *sorted(_OTHER_NAMES.keys() - set(_SAME.split())))
def same(site: Site) -> Value | tuple[Value, ...]:
    kind = lookup(_OTHER_NAMES.get(site.torch_name, site.torch_name))
    values: list[Value] = []
    attributes: dict[str, Any] = {}
    for name, raw in site.arguments.items():
        if site.is_tensor(name):
            values.append(site.tensor(name))
        elif isinstance(raw, (list, tuple)) and raw and isinstance(raw[0], fx.Node) and _holds_tensors(raw):
            values += site.tensors(name)
        elif raw is not None:
            _attribute(site, kind, name, raw, attributes)
    if site.given("dtype") and "dtype" not in kind.model_fields and values[0].dtype != site.get("dtype"):
        values[0] = site.emit("to", values[0], dtype=site.get("dtype"))  # torch converts what it reads
    node = site.apply(kind.name, values, attributes)
    wanted = site.node.meta["val"]
    return node.outputs if isinstance(wanted, (list, tuple)) else node.output


def _holds_tensors(raw: Any) -> bool:
    import torch

    return all(isinstance(item.meta.get("val"), torch.Tensor) for item in raw)


def _attribute(site: Site, kind: type[Operation], name: str, raw: Any, attributes: dict[str, Any]) -> None:
    ours = _ATTRIBUTES.get(name, name)
    if ours in kind.model_fields:
        attributes[ours] = _fitting(kind, ours, site.plain(raw))
    elif name not in _UNSAID and not _is_default(site, name, raw):
        raise site.refuse(f"the argument {name} has no form here", expected=", ".join(kind.model_fields))


def _fitting(kind: type[Operation], name: str, value: Any) -> Any:
    """Whole numbers where a number is wanted become one; an empty list of windows or dimensions is none."""
    if value == []:
        return None
    annotation = str(kind.model_fields[name].annotation)
    if type(value) is int and "float" in annotation and "int" not in annotation:
        return float(value)
    return value


def _is_default(site: Site, name: str, raw: Any) -> bool:
    if name in _UNSAID_DEFAULTS:
        return bool(raw == _UNSAID_DEFAULTS[name])
    schema = site.node.target._schema  # type: ignore[union-attr]
    return any(
        argument.name == name and argument.has_default_value() and argument.default_value == raw
        for argument in schema.arguments
    )


@rule("broadcast_tensors")
def broadcast(site: Site) -> tuple[Value, ...]:
    """What they read, where all have one shape, as torch's losses ask for."""
    values = site.tensors("tensors")
    if len({value.shape for value in values}) == 1:
        return tuple(values)
    return site.apply("broadcast_tensors", values, {}).outputs


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(site: Site) -> tuple[Value, ...]:
    """The values; their places where they are read."""
    places = any(reader.args[1] == 1 for reader in site.node.users)
    size = site.get("output_size")
    return site.apply(
        site.torch_name, [site.tensor("self")], {"output_size": size, "return_indices": places or None}
    ).outputs
