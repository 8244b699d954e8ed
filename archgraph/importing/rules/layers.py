"""Layers with weights: convolutions, linear maps, norms, embeddings."""

from __future__ import annotations

from typing import Any

import torch

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_KERNEL = {"weight": "weight", "bias": "bias"}


@rule("conv1d", "conv2d", "conv3d")
def convolution(site: Site) -> Value:
    out_channels, _, *kernel = site.shape_of("weight")
    return site.emit_weighted(
        site.torch_name,
        {"input": site.tensor("input")},
        _KERNEL,
        out_channels=out_channels,
        kernel_size=kernel,
        **_window(site),
        groups=site.get("groups", 1),
        bias=site.given("bias"),
    )


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(site: Site) -> Value:
    _, out_channels, *kernel = site.shape_of("weight")
    groups = site.get("groups", 1)
    return site.emit_weighted(
        site.torch_name,
        {"input": site.tensor("input")},
        _KERNEL,
        out_channels=out_channels * groups,
        kernel_size=kernel,
        **_window(site),
        output_padding=site.get("output_padding"),
        groups=groups,
        bias=site.given("bias"),
    )


def _window(site: Site) -> dict[str, Any]:
    """Stride, padding and dilation, with a number for each dimension."""
    return {name: site.get(name) for name in ("stride", "padding", "dilation")}


@rule("linear")
def linear(site: Site) -> Value:
    out_features = site.shape_of("weight")[0]
    return site.emit_weighted(
        "linear", {"input": site.tensor("input")}, _KERNEL, out_features=out_features, bias=site.given("bias")
    )


@rule("batch_norm")
def batch_norm(site: Site) -> Value:
    """With its running statistics, or with those of the batch where the forward asks for these in evaluation too."""
    value = site.tensor("input")
    tracked = site.given("running_mean") and not site.get("training")
    affine = site.given("weight") and site.given("bias")
    if site.given("running_mean") and not tracked:
        raise site.refuse("statistics that evaluation would change have no form here")
    names = ("weight", "bias") * affine + ("running_mean", "running_var") * tracked
    made = site.emit_weighted(
        f"batch_norm{ {4: 2, 5: 3}.get(value.type.rank, 1) }d".replace(" ", ""),
        {"input": value},
        {name: name for name in names},
        eps=site.get("eps"),
        affine=affine,
        track_running_stats=tracked,
        **({"momentum": _momentum(site)} if tracked else {}),
    )
    return made if affine else _scaled(site, made, 1)


def _scaled(site: Site, value: Value, axis: int) -> Value:
    """A norm's value times its weight or plus its bias, where it has one of them only; they count along an axis."""
    for name, operation in (("weight", "mul"), ("bias", "add")):
        if site.given(name):
            number = site.tensor(name)
            behind = value.type.rank - axis - number.type.rank
            number = site.emit("unsqueeze", number, dim=[-1] * behind) if behind > 0 else number
            value = site.emit(operation, value, number)
    return value


def _momentum(site: Site) -> float | None:
    """The module's own, which is None where it keeps the means of all batches: evaluation is handed a number then."""
    module = (site.leaf or site.body.call).module
    found = module.momentum if isinstance(module, torch.nn.modules.batchnorm._NormBase) else site.get("momentum")
    return None if found is None else float(found)


@rule("layer_norm")
def layer_norm(site: Site) -> Value:
    shape = site.get("normalized_shape")
    affine = site.given("weight")
    made = site.emit_weighted(
        "layer_norm",
        {"input": site.tensor("input")},
        _KERNEL if affine else {},
        normalized_shape=shape if len(shape) > 1 else None,
        eps=site.get("eps"),
        elementwise_affine=affine,
        bias=site.given("bias") if affine else True,
    )
    return made if affine else _scaled(site, made, site.type("input").rank - len(shape))


@rule("rms_norm")
def rms_norm(site: Site) -> Value:
    shape = site.get("normalized_shape")
    return site.emit_weighted(
        "rms_norm",
        {"input": site.tensor("input")},
        {"weight": "weight"},
        normalized_shape=shape if len(shape) > 1 else None,
        eps=site.get("eps"),
        elementwise_affine=site.given("weight"),
    )


@rule("group_norm")
def group_norm(site: Site) -> Value:
    affine = site.given("weight") and site.given("bias")
    made = site.emit_weighted(
        "group_norm",
        {"input": site.tensor("input")},
        _KERNEL if affine else {},
        num_groups=site.get("num_groups"),
        eps=site.get("eps"),
        affine=affine,
    )
    return made if affine else _scaled(site, made, 1)


@rule("instance_norm")
def instance_norm(site: Site) -> Value:
    value = site.tensor("input")
    if site.given("running_mean"):
        raise site.refuse("running statistics of an instance norm are not kept")
    affine = site.given("weight") and site.given("bias")
    made = site.emit_weighted(
        f"instance_norm{value.type.rank - 2}d",
        {"input": value},
        _KERNEL if affine else {},
        eps=site.get("eps"),
        affine=affine,
    )
    return made if affine else _scaled(site, made, 1)


@rule("embedding")
def embedding(site: Site) -> Value:
    rows, columns = site.shape_of("weight")
    return site.emit_weighted(
        "embedding",
        {"input": site.tensor("indices")},
        {"weight": "weight"},
        num_embeddings=rows,
        embedding_dim=columns,
    )


@rule("prelu")
def prelu(site: Site) -> Value:
    (count,) = site.shape_of("weight")
    return site.emit_weighted("prelu", {"input": site.tensor("self")}, {"weight": "weight"}, num_parameters=count)


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def recurrent(site: Site) -> Value | tuple[Value, ...]:
    """Layers of a recurrent network. Initial states that are zeros are left out."""
    kind = site.torch_name.partition("_")[0]
    layers, directions = site.get("num_layers"), 2 if site.get("bidirectional") else 1
    per_layer = ["weight_ih", "weight_hh", *["bias_ih", "bias_hh"] * bool(site.get("has_biases"))]
    names = [
        f"{name}_l{layer}{way}"
        for layer in range(layers)
        for way in ("", "_reverse")[:directions]
        for name in per_layer
    ]
    raw = site.raw("params")
    if len(names) != len(raw):
        raise site.refuse("projections have no form here")
    states = site.raw("hx")
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    site.arguments |= dict(zip(names, raw, strict=True)) | {f"state_{place}": one for place, one in enumerate(states)}
    inputs = {"input": site.tensor("input")}
    if not all(_is_zero(one) for one in states):
        inputs |= {f"{name}_0": site.body.value(one) for name, one in zip("hc", states, strict=False)}
    width = site.shape_of("weight_hh_l0")[1]
    options = {"nonlinearity": "relu"} if site.torch_name == "rnn_relu" else {}
    return site.apply_weighted(
        kind,
        inputs,
        {name: name for name in names},
        hidden_size=width,
        num_layers=layers,
        bias=bool(site.get("has_biases")),
        batch_first=bool(site.get("batch_first")),
        bidirectional=directions == 2,
        dropout=float(site.get("dropout") or 0),
        **options,
    ).outputs


def _is_zero(node: Any) -> bool:
    return "zeros" in str(node.target)
