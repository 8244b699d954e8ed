"""What a box is to a reader: a U only where sizes come back, a residual only where a value is added to its result."""

from __future__ import annotations

from typing import Any

import pytest

import archgraph as ag
from archgraph.diagram import View
from archgraph.diagram.broadcasts import noted
from archgraph.diagram.captions import Caption
from archgraph.diagram.default_depth import outline
from archgraph.diagram.unet import u_shape
from archgraph.graph import Graph

CONV = {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}


def network(nodes: dict[str, Any], **more: Any) -> Graph:
    last = list(nodes)[-1]
    spec = {"archgraph": 1, "name": "net", "inputs": {"image": ["N", 8, "H", "W"]}, "outputs": {"y": last}}
    return ag.load({**spec, "nodes": nodes, **more})


def is_u(graph: Graph) -> bool:
    picture = outline(graph, View(9))
    return u_shape(picture, noted(picture)[1]) is not None


def test_weights_of_channels_are_no_u() -> None:
    """Squeeze and excitation reads its input after a pool to 1×1, and nothing is enlarged."""
    excitation = {"op": "squeeze_excitation", "squeeze_channels": 2}
    assert not is_u(network({"stem": CONV, "se": excitation, "head": CONV}))


def test_a_pooled_value_that_is_spread_over_the_image_is_no_u() -> None:
    nodes = {
        "stem": CONV,
        "pool": {"op": "adaptive_avg_pool2d", "in": "stem", "output_size": 1},
        "spread": {"op": "interpolate", "size": ["=H", "=W"]},
        "join": {"op": "concat", "in": ["stem", "spread"], "dim": 1},
        "head": CONV,
    }
    assert not is_u(network(nodes))


def test_a_u_down_to_one_place_stays_one() -> None:
    """A transposed convolution reaches 2×2 again from 1×1, as at the bottom of pix2pix."""
    nodes = {
        "stem": CONV,
        "shrink": {"op": "conv2d", "in": "stem", "out_channels": 8, "kernel_size": 2, "stride": 2},
        "grow": {"op": "conv_transpose2d", "out_channels": 8, "kernel_size": 2, "stride": 2},
        "join": {"op": "concat", "in": ["stem", "grow"], "dim": 1},
        "head": CONV,
    }
    assert is_u(network(nodes, inputs={"image": ["N", 8, 2, 2]}))


def test_the_lookup_of_a_code_for_each_place_is_no_u() -> None:
    nodes = {
        "stem": CONV,
        "codes": {"op": "argmax", "in": "stem", "dim": 1},
        "table": {"op": "embedding", "num_embeddings": 8, "embedding_dim": 8},
        "lookup": {"op": "permute", "dims": [0, 3, 1, 2]},
        "straight": {"op": "add", "in": ["stem", "lookup"]},
        "head": CONV,
    }
    assert not is_u(network(nodes))


def caption(graph: Graph, title: str) -> Caption:
    (found,) = (box.caption for box in outline(graph, View(1)).boxes if box.caption.title == title)
    return found


def block(nodes: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": {"x": ["N", 8, "H", "W"]}, "nodes": nodes}


BLOCKS = {
    "identity": {"a": {**CONV, "in": "x"}, "relu": "relu", "add": {"op": "add", "in": ["relu", "x"]}},
    "projected": {
        "a": {**CONV, "in": "x", "stride": 2},
        "b": {**CONV, "in": "x", "stride": 2},
        "norm": "batch_norm2d",
        "add": {"op": "add", "in": ["norm", "a"]},
    },
    "gated": {
        "a": {**CONV, "in": "x"},
        "gate": {"op": "sigmoid", "in": "a"},
        "weighed": {"op": "mul", "in": ["gate", "a"]},
        "add": {"op": "add", "in": ["x", "weighed"]},
    },
}
"""Three ends of residual blocks: the input, its projection, and a weighed branch."""

NO_RESIDUAL = {
    "biased": {
        "bias": {"op": "parameter", "shape": [8, 1, 1]},
        "a": {**CONV, "in": "x"},
        "add": {"op": "add", "in": ["a", "bias"]},
    },
    "modulated": {
        "pool": {"op": "adaptive_avg_pool2d", "in": "x", "output_size": 1},
        "shift": {"op": "conv2d", "in": "pool", "out_channels": 8, "kernel_size": 1},
        "scale": {"op": "conv2d", "in": "pool", "out_channels": 8, "kernel_size": 1},
        "norm": {"op": "group_norm", "in": "x", "num_groups": 1},
        "weighed": {"op": "mul", "in": ["norm", "scale"]},
        "add": {"op": "add", "in": ["weighed", "shift"]},
    },
}
"""A bias that stands as a node, and a shift of each channel, are added but are no way past the block."""


@pytest.mark.parametrize("name", [*BLOCKS, *NO_RESIDUAL])
def test_what_a_residual_block_is(name: str) -> None:
    graph = network({"stem": CONV, "unit": name}, blocks={name: block({**BLOCKS, **NO_RESIDUAL}[name])})
    assert (caption(graph, "unit").role == "residual") == (name in BLOCKS)


def test_arithmetic_on_weights_is_not_what_a_box_is_about() -> None:
    """Weight norm sums squares of a weight; the box is a convolution that keeps the size."""
    nodes = {
        "v": {"op": "parameter", "shape": [8, 8, 3, 3]},
        "square": {"op": "square", "in": "v"},
        "energy": {"op": "sum", "dim": [1, 2, 3], "keepdim": True},
        "length": "sqrt",
        "w": {"op": "div", "in": ["v", "length"]},
        "conv": {**CONV, "in": {"input": "x", "weight": "w"}, "bias": False},
    }
    found = caption(network({"stem": CONV, "unit": "normed"}, blocks={"normed": block(nodes)}), "unit")
    assert (found.role, found.line) == ("convolution", "conv 3×3 · 8 channels · H×W")


def test_two_linears_side_by_side_are_no_chain() -> None:
    nodes = {
        "a": {"op": "linear", "in": "x", "out_features": 4},
        "b": {"op": "linear", "in": "x", "out_features": 4},
        "both": {"op": "mul", "in": ["a", "b"]},
    }
    blocks = {"pair": {"inputs": {"x": ["N", 8]}, "nodes": nodes}}
    graph = network({"unit": "pair"}, inputs={"image": ["N", 8]}, blocks=blocks)
    assert caption(graph, "unit").line == "4 features"


def test_a_stored_value_lists_what_it_is_computed_from() -> None:
    nodes = {
        "place": {"op": "arange", "end": 8},
        "curve": "cos",
        "held": "register_buffer",
        "pool": {"op": "mean", "in": "image", "dim": [2, 3]},
        "add": {"op": "add", "in": ["pool", "held"]},
    }
    assert caption(network(nodes), "curve, held").line == "stored arange, cos"
