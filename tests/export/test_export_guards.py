"""Right files that ONNX Runtime's optimiser would spoil: with all optimisations on they load, and compute what torch
computes at every size."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import network, optimised, random_inputs, require_torchs, run

from archgraph.errors import ArchgraphError
from archgraph.export import ExportOptions, export

IMAGE = {"x": ["N", 4, "H", "W"]}
TOKENS = {"x": ["N", "L", 8]}
SIZES = ({"N": 1, "H": 6, "W": 7}, {"N": 2, "H": 9, "W": 5})
ZEROS = {"op": "pad", "pad": [1, 1, 0, 1]}
POOLS: dict[str, dict[str, Any]] = {
    "max": {"op": "max_pool2d", "kernel_size": 2},
    "max, rounded up": {"op": "max_pool2d", "kernel_size": 2, "ceil_mode": True},
    "max, padded": {"op": "max_pool2d", "kernel_size": 3, "padding": 1, "stride": 1},
    "mean": {"op": "avg_pool2d", "kernel_size": 2},
    "mean, rounded up": {"op": "avg_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    "mean without the padding": {"op": "avg_pool2d", "kernel_size": 3, "padding": 1, "count_include_pad": False},
}
PADS: dict[str, dict[str, Any]] = {
    "zeros": ZEROS,
    "a number": {**ZEROS, "value": -0.5},
    "reflect": {**ZEROS, "mode": "reflect"},
    "replicate": {**ZEROS, "mode": "replicate"},
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("pad", PADS.values(), ids=PADS)
def test_padding_before_a_pool(pad: dict[str, Any], pool: dict[str, Any], tmp_path: Path) -> None:
    """Of negative values, where zeros beside them are the largest."""
    graph = network({"pad": pad, "pool": pool}, IMAGE)
    given = [{"x": -np.abs(random_inputs(graph, sizes)["x"])} for sizes in SIZES]
    require_torchs(graph, tmp_path, given)


def test_padding_before_a_pool_of_a_cast_value(tmp_path: Path) -> None:
    """ONNX Runtime looks through a cast; in float16 it puts one there."""
    graph = network({"pad": ZEROS, "pool": POOLS["max"]}, IMAGE)
    export(graph, {}, tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    x = np.full((1, 4, 3, 3), -1, np.float32)
    (found,) = run(tmp_path / "m.onnx", {"x": x})
    assert found.max() == 0


def test_zeros_before_a_convolution_still_become_its_own(tmp_path: Path) -> None:
    graph = network({"pad": ZEROS, "conv": {"op": "conv2d", "out_channels": 3, "kernel_size": 3}}, IMAGE)
    assert "Pad" not in optimised(graph, tmp_path)
    require_torchs(graph, tmp_path, [random_inputs(graph, sizes) for sizes in SIZES])


SCALES: dict[str, dict[str, Any]] = {
    "product": {"scaled": {"op": "mul", "value": 0.5, "in": "x"}},
    "quotient": {"scaled": {"op": "div", "value": 3.0, "in": "x"}},
    "two in a row": {"once": {"op": "mul", "value": 0.5, "in": "x"}, "scaled": {"op": "div", "value": 3.0}},
    "a weight": {
        "factor": {"op": "parameter", "shape": [1], "init": 0.5},
        "scaled": {"op": "mul", "in": ["factor", "x"]},
    },
}


PARTS = 4
"""Each form of scale takes every fourth of the places of a scaled value, with two heads others; the rest is slow."""


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("heads", [1, 2])
def test_attention_of_a_scaled_value(scale: str, heads: int, part: int, tmp_path: Path) -> None:
    """On each of query, key and value, with the scale of attention itself and without one."""
    places = list(product(("sss", "sxs", "xss", "ssx", "xxs"), (None, 1.0)))
    first = (part + list(SCALES).index(scale) + heads) % PARTS
    for number, (ports, own) in enumerate(places[first::PARTS]):
        read = [{"s": "scaled", "x": "x"}[sign] for sign in ports]
        chosen = dict(zip(("query", "key", "value"), read, strict=True))
        attention = {"op": "scaled_dot_product_attention", "num_heads": heads, "scale": own, "in": chosen}
        graph = network({**SCALES[scale], "attention": attention}, TOKENS)
        folder = tmp_path / str(number)
        folder.mkdir()
        given = [random_inputs(graph, {"N": 1, "L": 1}), random_inputs(graph, {"N": 2, "L": 5})]
        require_torchs(graph, folder, given, ["portable"])


def test_products_of_values_scaled_in_several_ways(tmp_path: Path) -> None:
    nodes: dict[str, Any] = {
        "a": {"op": "mul", "value": 0.5, "in": "x"},
        "b": {"op": "div", "value": 3.0, "in": "a"},
        "c": {"op": "mul", "value": 2, "in": "b"},
        "turned": {"op": "transpose", "dim0": 1, "dim1": 2, "in": "a"},
        "scores": {"op": "matmul", "in": ["c", "turned"]},
        "d": {"op": "matmul", "in": ["scores", "a"]},
        "e": {"op": "matmul", "in": ["scores", "b"]},
        "sum": {"op": "add", "in": ["d", "e"]},
    }
    graph = network(nodes, TOKENS)
    require_torchs(graph, tmp_path, [random_inputs(graph, {"N": 2, "L": 5})])


EQUAL_SCALES: dict[str, dict[str, Any]] = {
    "the scale of attention": {
        "a": {"op": "mul", "value": 0.25, "in": "x"},
        "d": {"op": "scaled_dot_product_attention", "scale": 0.25, "in": ["a", "a", "a"]},
    },
    "two quotients": {
        "a": {"op": "div", "value": 3.0, "in": "x"},
        "b": {"op": "div", "value": 3.0, "in": "a"},
        "turned": {"op": "transpose", "dim0": 1, "dim1": 2, "in": "a"},
        "scores": {"op": "matmul", "in": ["b", "turned"]},
        "d": {"op": "matmul", "in": ["scores", "a"]},
    },
    "a scale of another reader": {
        "a": {"op": "mul", "value": 0.5, "in": "x"},
        "b": {"op": "mul", "value": 0.25, "in": "a"},
        "same": {"op": "mul", "value": 0.25, "in": "x"},
        "turned": {"op": "transpose", "dim0": 1, "dim1": 2, "in": "a"},
        "scores": {"op": "matmul", "in": ["b", "turned"]},
        "d": {"op": "matmul", "in": ["scores", "same"]},
    },
}


@pytest.mark.parametrize("name", EQUAL_SCALES)
def test_products_of_values_scaled_by_equal_numbers(name: str, tmp_path: Path) -> None:
    """ONNX Runtime makes equal operators one before it moves their factors."""
    graph = network(EQUAL_SCALES[name], TOKENS)
    require_torchs(graph, tmp_path, [random_inputs(graph, {"N": 2, "L": 5})], ["portable"])


def test_scales_that_no_product_reads_stay_as_they_are(tmp_path: Path) -> None:
    nodes = {
        "a": {"op": "mul", "value": 0.5},
        "b": {"op": "mul", "value": 3.0, "in": "a"},
        "sum": {"op": "add", "in": ["a", "b"]},
    }
    graph = network(nodes, TOKENS)
    export(graph, {}, tmp_path / "m.onnx")
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == ["Mul", "Mul", "Add"]


LAST, FIRST = {"op": "permute", "dims": [0, 2, 3, 1]}, {"op": "permute", "dims": [0, 3, 1, 2]}
NORM = {"op": "layer_norm", "elementwise_affine": False}
WITH_SIZES: dict[str, dict[str, Any]] = {
    "bilinear": {"op": "interpolate", "size": ["=H // 2", "=W // 2"], "mode": "bilinear", "align_corners": True},
    "nearest": {"op": "interpolate", "size": ["=H + 1", "=2 * W"]},
    "bilinear, factor": {"op": "interpolate", "scale_factor": [1.25, 2], "mode": "bilinear"},
    "reshape": {"op": "reshape", "shape": ["=N", 2, "=2 * H", "=W"]},
    "pad": {"op": "pad", "pad": [0, 1, 2, 0], "mode": "reflect"},
    "slice": {"op": "slice", "dim": 2, "start": 1, "end": "=H - 1"},
    "split": {"op": "slice", "dim": 3, "start": "=W // 2"},
    "roll": {"op": "roll", "shifts": [1, -1], "dims": [2, 3]},
    "max pool": {"op": "max_pool2d", "kernel_size": 2, "ceil_mode": True},
}


@pytest.mark.parametrize("node", WITH_SIZES.values(), ids=WITH_SIZES)
def test_sizes_between_transposes(node: dict[str, Any], tmp_path: Path) -> None:
    """ONNX Runtime moves the transposes around the norms over what stands between them."""
    before = {"p": {**LAST, "in": "x"}, "norm": NORM, "q": FIRST}
    after = {"s": LAST, "norm2": NORM, "t": FIRST}
    graph = network({**before, "middle": node, **after}, IMAGE)
    require_torchs(graph, tmp_path, [random_inputs(graph, sizes) for sizes in SIZES])


def test_a_value_resized_to_another_between_transposes(tmp_path: Path) -> None:
    nodes: dict[str, Any] = {
        "pooled": {"op": "avg_pool2d", "in": "x", "kernel_size": 2},
        "p": {**LAST, "in": "z"},
        "norm": NORM,
        "q": FIRST,
        "r": WITH_SIZES["bilinear"],
        "a": {"op": "add", "in": ["pooled", "r"]},
        "s": LAST,
        "norm2": NORM,
        "t": FIRST,
    }
    graph = network(nodes, {**IMAGE, "z": ["N", 4, "A", "B"]})
    require_torchs(graph, tmp_path, [random_inputs(graph, {**sizes, "A": 3, "B": 4}) for sizes in SIZES])


CHAINED: list[Any] = [
    *("relu", "gelu", "silu", "batch_norm2d", "instance_norm2d", LAST, FIRST, "layer_norm", "rms_norm"),
    *POOLS.values(),
    *PADS.values(),
    *WITH_SIZES.values(),
    {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
    {"op": "conv2d", "out_channels": 4, "kernel_size": 2, "padding": 1, "padding_mode": "circular"},
    {"op": "group_norm", "num_groups": 2},
    {"op": "linear", "out_features": 4},
    {"op": "mul", "value": 0.5},
    {"op": "clamp", "min": -0.3},
    {"op": "mean", "dim": 2, "keepdim": True},
    {"op": "softmax", "dim": 1},
    {"op": "transpose", "dim0": -1, "dim1": 1},
    {"op": "flatten", "start_dim": 2},
    {"op": "unsqueeze", "dim": 1},
    {"op": "select", "dim": 1, "index": 0},
]


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 24))])
def test_random_chains(seed: int, tmp_path: Path) -> None:
    rng = Random(f"chain {seed}")
    while True:
        chain = [rng.choice(CHAINED) for _ in range(rng.randint(3, 7))]
        nodes = {f"n{i}": {"op": one} if isinstance(one, str) else dict(one) for i, one in enumerate(chain)}
        try:
            graph = network(nodes, IMAGE)
        except ArchgraphError:
            continue
        rules = {rule.symbol: rule for rule in graph.constraints}
        fitting = [s for s in SIZES if all(name not in rules or rules[name].allows(size) for name, size in s.items())]
        if fitting:
            break
    given = [random_inputs(graph, sizes) for sizes in fitting]
    require_torchs(graph, tmp_path, given, [rng.choice(["portable", "cpu"])])


def test_whole_sizes_keep_their_order(tmp_path: Path) -> None:
    """2 · ⌊H / 3⌋ is no ⌊2H / 3⌋: scales change places among fractions only."""
    graph = network(
        {
            "pool": {"op": "avg_pool2d", "kernel_size": 3},
            "wide": {"op": "pixel_shuffle", "upscale_factor": 2},
            "down": {"op": "conv2d", "out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1},
            "up": {"op": "interpolate", "size": ["=2 * (H // 3)", "=2 * (W // 3)"]},
        },
        IMAGE,
    )
    sizes = [{"N": 1, "H": height, "W": 11 - height} for height in range(3, 9)]
    require_torchs(graph, tmp_path, [random_inputs(graph, each) for each in sizes])


@pytest.mark.parametrize(
    "product", [{"op": "mul", "value": 0.5}, {"op": "mul", "in": ["number", "x"]}], ids=["x · ½", "½ · x"]
)
def test_half_of_what_a_gelu_reads(product: dict[str, Any], tmp_path: Path) -> None:
    """ONNX Runtime unites equal products and then removes one with its FastGelu, whoever reads it besides."""
    nodes = {
        "number": {"op": "constant", "value": 0.5},
        "gelu": {"op": "gelu", "in": "x", "approximate": "tanh"},
        "act": "relu",
        "product": {"in": "x", **product},
        "other": "relu",
    }
    graph = network(nodes, TOKENS, {"act": "act", "other": "other"})
    require_torchs(graph, tmp_path, [random_inputs(graph, {"N": 1, "L": 3})])
    assert optimised(graph, tmp_path)["FastGelu"] == 1
