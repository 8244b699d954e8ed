"""Whole networks under each profile: what ONNX Runtime makes of them, in numbers that follow from the architecture.

A change in either project that loses a fusion, or adds work between the layers, is seen here. Widths are multiples of
16, so that convolutions take the blocked layout that they take in the full networks.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest
from export_cases import optimised, random_weights

import archgraph as ag
from archgraph.export import ExportOptions, export
from archgraph.export.lowering.applications import LoweredStep, flatten
from archgraph.graph.input_sizes import input_symbols
from archgraph.graph.types import Graph

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet50": {"depths": [1, 1, 1, 1]},
    "vit_b_16": {"dim": 32, "depth": 2, "heads": 2},
    "ddpm@cifar10": {"channels": [32, 32], "attention": [False, True], "layers": 1, "groups": 8},
    "attention_unet": {"dim": 16, "dim_mults": [1, 2]},
    "sd_unet": {"channels": [32, 32], "depth": [1, 0], "heads": [2, 2], "layers": 1, "context_dim": 16, "groups": 8},
}
TIMED = ("ddpm@cifar10", "sd_unet")
"""Networks whose residual blocks add the time embedding before their second norm."""


@cache
def network(name: str) -> Graph:
    return ag.load(name, **NETWORKS[name])


@cache
def applications(name: str) -> tuple[LoweredStep, ...]:
    return flatten(network(name)).steps


@cache
def dumped(name: str, profile: str) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        return optimised(network(name), Path(folder), profile)


def steps(name: str, *kinds: str) -> list[LoweredStep]:
    return [step for step in applications(name) if step.node.op.name in kinds]


def number(name: str, *kinds: str) -> int:
    return len(steps(name, *kinds))


def split_attentions(name: str) -> int:
    """Attentions of several heads, which the plain form parts and joins."""
    return sum(step.node.op.num_heads > 1 for step in steps(name, "scaled_dot_product_attention"))  # type: ignore[attr-defined]


def layers_of_tokens(name: str, profile: str) -> list[LoweredStep]:
    """Linear layers over tokens that are a Gemm: all of these narrow networks that have a bias, on a CPU."""
    found = [step for step in steps(name, "linear") if len(step.inputs["input"].type.shape) > 2]
    return [step for step in found if step.node.op.bias and profile == "cpu"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("profile", ["portable", "cpu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_fused_on_the_cpu(name: str, profile: str) -> None:
    found = dumped(name, profile)
    convolutions, norms = number(name, "conv2d"), number(name, "group_norm")
    flash = profile == "cpu"
    assert found["Conv"] + found["FusedConv"] == convolutions
    rows = [step for step in steps(name, "linear") if len(step.inputs["input"].type.shape) == 2]
    assert found["Gemm"] == len(rows) + len(layers_of_tokens(name, profile))
    assert found["InstanceNormalization"] == norms
    assert found["BatchNormalization"] == (norms if flash else 0)  # the affine part of a group norm, in one pass
    assert found["QuickGelu"] == len({step.inputs["input"] for step in steps(name, "silu")})
    assert found["Gelu"] + found["BiasGelu"] == number(name, "gelu")
    assert found["LayerNormalization"] + found["SkipLayerNormalization"] == number(name, "layer_norm")
    assert found["MultiHeadAttention" if flash else "Softmax"] == number(name, "scaled_dot_product_attention")
    assert not found.keys() & {"Relu", "Sigmoid", "Erf", "Pad"}


@pytest.mark.parametrize("profile", ["portable", "cpu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_needless_stands_between_the_layers_on_the_cpu(name: str, profile: str) -> None:
    found = dumped(name, profile)
    norms, parted = number(name, "group_norm"), split_attentions(name) if profile == "portable" else 0
    joints = 4 * parted  # queries, keys and values apart, and the result together
    flattened = number(name, "flatten", "reshape") - found["Flatten"]
    tokens = layers_of_tokens(name, profile)
    rows = len(tokens) + len({id(step.inputs["input"]) for step in tokens})
    assert found["Reshape"] == 2 * norms + flattened + joints + rows
    assert found["Transpose"] <= number(name, "transpose") + joints
    angles = number(name, "sinusoidal_embedding")
    affine = norms if profile == "portable" else 0
    assert found["Mul"] == number(name, "mul") + angles + affine
    assert found["Unsqueeze"] == number(name, "unsqueeze") + angles
    assert found["Cast"] == angles
    assert found["Shape"] <= len(input_symbols(network(name)))  # each size is read once, however many reshapes use it
    assert max(found["ReorderInput"], found["ReorderOutput"]) <= number(name, "conv2d")


def test_a_residual_network_is_convolutions_alone() -> None:
    """Norms are folded, activations and sums are the convolutions' own, and one layout lasts from end to end."""
    found = Counter(dumped("resnet50", "cpu"))
    layers = {"MaxPool": 1, "ReduceMean": 1, "Flatten": 1, "Gemm": 1}
    convolutions = found.pop("Conv", 0) + found.pop("FusedConv", 0)
    assert convolutions == number("resnet50", "conv2d") == number("resnet50", "batch_norm2d")
    assert found.pop("ReorderOutput", 0) <= 1
    assert found == layers


@pytest.mark.parametrize("name", NETWORKS)
def test_group_norms_take_what_is_around_them_on_cuda(name: str, tmp_path: Path) -> None:
    """In the file itself: the joins are made at export."""
    export(network(name), random_weights(network(name)), tmp_path / "m.onnx", ExportOptions("cuda"))
    nodes = onnx.load(tmp_path / "m.onnx").graph.node
    found = Counter(node.op_type for node in nodes)
    norms = number(name, "group_norm")
    sums = number(name, "unsqueeze") if name in TIMED else 0
    assert (found["GroupNorm"], found["SkipGroupNorm"]) == (norms - sums, sums)
    active = sum(attribute.i for node in nodes for attribute in node.attribute if attribute.name == "activation")
    normed = {step.outputs[0] for step in steps(name, "group_norm")}
    assert active == sum(step.inputs["input"] in normed for step in steps(name, "silu"))
    assert found["Sigmoid"] == number(name, "silu") - active
    near = sum(step.inputs["input"] in normed for step in steps(name, "flatten"))
    around = norms + number(name, "interpolate", "expand") - near  # tokens are what the norm before them has left
    assert found["Transpose"] == 2 * around + number(name, "transpose")
    assert found["MultiHeadAttention"] == number(name, "scaled_dot_product_attention")
    assert not found.keys() & {"InstanceNormalization", "BatchNormalization", "Softmax"}


@pytest.mark.parametrize(
    "image",
    [{"op": "conv2d", "in": "x", "out_channels": 1, "kernel_size": 1}, {"op": "parameter", "shape": [1, 8, 4, 4]}],
)
def test_a_sum_that_stretches_the_image_is_no_skip(image: dict[str, Any], tmp_path: Path) -> None:
    """CUDA's operator stretches the skip [N, C] alone: its image has all channels and the whole batch."""
    nodes = {
        "time": {"op": "linear", "in": "t", "out_features": 8},
        "spread": {"op": "unsqueeze", "dim": [2, 3]},
        "image": image,
        "sum": {"op": "add", "in": ["image", "spread"]},
        "norm": {"op": "group_norm", "num_groups": 4},
    }
    inputs = {"t": ["N", 8], **({"x": ["N", 1, 4, 4]} if "in" in image else {})}
    graph = ag.load({"archgraph": 1, "name": "m", "inputs": inputs, "nodes": nodes})
    export(graph, random_weights(graph), tmp_path / "m.onnx", ExportOptions("cuda"))
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert (kinds.count("Add"), kinds.count("GroupNorm"), kinds.count("SkipGroupNorm")) == (1, 1, 0)
