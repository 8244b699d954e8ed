"""What ONNX Runtime makes of the forms that are emitted: its fused operators are counted in the optimised graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_cases import optimised, random_inputs, run, torch_results
from operation_tests import single

from archgraph.dims import symbol
from archgraph.graph.builder import Builder
from archgraph.ops import REGISTRY, TensorType, make

N, H, W, L = (symbol(name) for name in "NHWL")
IMAGE, TOKENS = TensorType((N, 8, H, W)), TensorType((N, L, 16))
ATTENTION = {"query": TOKENS, "key": TOKENS, "value": TOKENS}


@pytest.mark.parametrize(
    ("name", "attributes", "kind", "fused"),
    [
        ("silu", {}, IMAGE, {"QuickGelu": 1}),
        ("gelu", {}, TOKENS, {"Gelu": 1}),
        ("layer_norm", {}, TOKENS, {"LayerNormalization": 1}),
        ("rms_norm", {}, TOKENS, {"SimplifiedLayerNormalization": 1}),
    ],
)
def test_patterns_are_fused(
    name: str, attributes: dict[str, Any], kind: TensorType, fused: dict[str, int], tmp_path: Path
) -> None:
    assert optimised(single(make(REGISTRY[name], attributes), {"input": kind}), tmp_path) == fused


def test_the_scale_of_attention_becomes_part_of_the_product(tmp_path: Path) -> None:
    graph = single(make(REGISTRY["scaled_dot_product_attention"], {}), ATTENTION)
    assert optimised(graph, tmp_path) == {"FusedMatMul": 1, "Softmax": 1, "MatMul": 1}


def test_a_convolution_takes_its_norm_activation_and_sum(tmp_path: Path) -> None:
    build = Builder("m")
    layer = make(REGISTRY["conv2d"], {"out_channels": 16, "kernel_size": 3, "padding": 1})
    stem = build.apply("stem", layer, build.input("x", (N, 16, H, W)))
    norm = build.apply("bn", make(REGISTRY["batch_norm2d"], {}), build.apply("conv", layer, stem.output).output)
    total = build.apply("add", make(REGISTRY["add"], {}), [norm.output, stem.output])
    graph = build.finish({"y": build.apply("relu", make(REGISTRY["relu"], {}), total.output).output})
    assert optimised(graph, tmp_path).keys() <= {"Conv", "FusedConv", "ReorderInput", "ReorderOutput"}


@pytest.mark.parametrize(
    "attributes", [{"num_heads": 2}, {"num_heads": 2, "is_causal": True}, {"num_heads": 1, "scale": 0.3}]
)
def test_the_cpu_profile_uses_the_flash_kernel(attributes: dict[str, Any], tmp_path: Path) -> None:
    op = make(REGISTRY["scaled_dot_product_attention"], attributes)
    graph = single(op, ATTENTION)
    assert optimised(graph, tmp_path, "cpu") == {"MultiHeadAttention": 1}
    for sizes in ({"N": 1, "L": 1}, {"N": 3, "L": 70}):
        inputs = random_inputs(graph, sizes)
        (expected,) = torch_results(op, list(inputs.values()), {})
        np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("heads", "kernel"), [(2, "MultiHeadAttention"), (4, "Softmax")])
def test_narrow_heads_take_the_plain_form(heads: int, kernel: str, tmp_path: Path) -> None:
    op = make(REGISTRY["scaled_dot_product_attention"], {"num_heads": heads})
    assert optimised(single(op, ATTENTION), tmp_path, "cpu")[kernel] == 1


def test_the_cpu_profile_keeps_the_plain_form_where_it_is_better(tmp_path: Path) -> None:
    kinds = ATTENTION | {"mask": TensorType((L, L))}
    op = make(REGISTRY["scaled_dot_product_attention"], {"num_heads": 2})
    assert "MultiHeadAttention" not in optimised(single(op, kinds), tmp_path, "cpu")
