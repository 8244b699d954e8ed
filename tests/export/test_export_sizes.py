"""Sizes that are known at run time only: one file is right for all of them, and computes none that it does not need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import concrete, random_inputs, random_weights, run, session, torch_results
from operation_tests import single
from torch.nn import functional as F

from archgraph.dims import Dim, evaluate, symbol
from archgraph.errors import ExportError
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, TensorType, make

N, H, W, L = (symbol(name) for name in "NHWL")
IMAGE = TensorType((N, 6, H, W))
TOKENS = TensorType((N, L, 8))
SIZES = [{"N": 1, "H": 8, "W": 8}, {"N": 3, "H": 24, "W": 8}, {"N": 2, "H": 16, "W": 40}]
LENGTHS = [{"N": 1, "L": 1}, {"N": 3, "L": 7}, {"N": 2, "L": 130}]


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("seed", range(25))
def test_any_size_is_computed_as_it_is_written(seed: int, tmp_path: Path) -> None:
    """Random polynomials with floor divisions, against their own value."""
    rng = Random(seed)

    def expression(depth: int) -> Dim:
        if depth == 0:
            return rng.choice([N, H, W, H, W, rng.randint(1, 9)])
        a, b = expression(depth - 1), expression(depth - 1)
        return rng.choice([a + b, a * rng.randint(1, 4), (a + rng.randint(0, 5)) // rng.randint(2, 5), a * b + 1])

    size = expression(rng.randint(1, 3)) + H
    build = Builder("sizes")
    build.input("x", (N, 1, H, W))
    graph = build.finish({"y": build.apply("count", make(REGISTRY["arange"], {"end": size})).output})
    export(graph, {}, tmp_path / "m.onnx")
    loaded = session(tmp_path / "m.onnx", optimise=False)
    for n, h, w in [(1, 1, 1), (2, 7, 5), (3, 32, 31)]:
        (found,) = loaded.run(None, {"x": np.zeros((n, 1, h, w), np.float32)})
        assert found.tolist() == list(range(evaluate(size, {"N": n, "H": h, "W": w})))


def fixed(attributes: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """The attributes with sizes as numbers."""
    return {
        key: [evaluate(item, sizes) if not isinstance(item, float) else item for item in value]
        if isinstance(value, list)
        else value
        for key, value in attributes.items()
    }


SYMBOLIC = [
    ("reshape", {"shape": [N, 6, H // 4, 4, W // 8, 8]}, {"input": IMAGE}),
    ("reshape", {"shape": [N * H, 6 * W]}, {"input": IMAGE}),
    ("reshape", {"shape": [-1, 6]}, {"input": IMAGE}),
    ("reshape", {"shape": [W, N, H, 2, 3]}, {"input": IMAGE}),
    ("flatten", {"start_dim": 2}, {"input": IMAGE}),
    ("flatten", {"start_dim": 1, "end_dim": 2}, {"input": IMAGE}),
    ("flatten", {}, {"input": IMAGE}),
    ("expand", {"shape": [2 * W, N, -1, W // 2, W]}, {"input": TensorType((N, 6, 1, W))}),
    ("split", {"split_size": [H // 2, H // 2], "dim": 2}, {"input": IMAGE}),
    ("chunk", {"chunks": 4, "dim": 3}, {"input": IMAGE}),
    ("roll", {"shifts": [3, -5], "dims": [2, 3]}, {"input": IMAGE}),
    ("roll", {"shifts": [100], "dims": [2]}, {"input": IMAGE}),
    ("slice", {"dim": 2, "start": 1, "end": -1, "step": 2}, {"input": IMAGE}),
    ("select", {"dim": 3, "index": -2}, {"input": IMAGE}),
    ("interpolate", {"scale_factor": 2}, {"input": IMAGE}),
    ("interpolate", {"scale_factor": [0.5, 1.25]}, {"input": IMAGE}),
    ("interpolate", {"size": [H // 3 + 1, 2 * W + 1]}, {"input": IMAGE}),
    ("interpolate", {"size": [13, 5]}, {"input": IMAGE}),
    ("interpolate", {"size": [H // 3 + 1, 2 * W + 1], "mode": "bilinear"}, {"input": IMAGE}),
    ("interpolate", {"size": [7, 2 * W], "mode": "bilinear", "align_corners": True}, {"input": IMAGE}),
    ("interpolate", {"scale_factor": [1.5, 0.25], "mode": "bilinear"}, {"input": IMAGE}),
    ("interpolate", {"scale_factor": 1.5, "mode": "bilinear", "align_corners": True}, {"input": IMAGE}),
    ("pixel_shuffle", {"upscale_factor": 2}, {"input": TensorType((N, 8, H, W))}),
    ("pixel_unshuffle", {"downscale_factor": 4}, {"input": IMAGE}),
    ("pad", {"pad": [1, 2, 3, 0], "mode": "circular"}, {"input": IMAGE}),
    ("adaptive_avg_pool2d", {"output_size": 1}, {"input": IMAGE}),
    ("adaptive_avg_pool2d", {"output_size": [4, None]}, {"input": IMAGE}),
    ("adaptive_avg_pool2d", {"output_size": [1, 2]}, {"input": IMAGE}),
    ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"input": IMAGE}),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"input": IMAGE}),
    ("group_norm", {"num_groups": 3}, {"input": IMAGE}),
    ("group_norm", {"num_groups": 6}, {"input": IMAGE}),
    ("instance_norm2d", {"affine": True}, {"input": IMAGE}),
    ("conv2d", {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}, {"input": IMAGE}),
]


@pytest.mark.parametrize(("name", "attributes", "types"), SYMBOLIC, ids=[f"{c[0]}-{i}" for i, c in enumerate(SYMBOLIC)])
def test_one_file_serves_every_size(
    name: str, attributes: dict[str, Any], types: dict[str, TensorType], tmp_path: Path
) -> None:
    graph = single(make(REGISTRY[name], attributes), types)
    state = random_weights(graph)
    export(graph, state, tmp_path / "m.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)
    loaded = session(tmp_path / "m.onnx", optimise=False)
    for sizes in SIZES:
        inputs = random_inputs(graph, sizes)
        op = make(REGISTRY[name], fixed(attributes, sizes))
        expected = torch_results(op, list(inputs.values()), {k.removeprefix("it."): v for k, v in state.items()})
        for ours, torchs, value in zip(loaded.run(None, inputs), expected, graph.outputs.values(), strict=True):
            assert ours.shape == concrete(value.shape, sizes)
            np.testing.assert_allclose(ours, torchs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_over_any_number_of_tokens(heads: int, causal: bool, tmp_path: Path) -> None:
    op = make(REGISTRY["scaled_dot_product_attention"], {"num_heads": heads, "is_causal": causal})
    graph = single(op, {"query": TOKENS, "key": TOKENS, "value": TOKENS})
    export(graph, {}, tmp_path / "m.onnx")
    assert kinds(tmp_path / "m.onnx")["Shape"] == (1 if causal else 0)
    for sizes in LENGTHS:
        inputs = random_inputs(graph, sizes)
        (expected,) = torch_results(op, list(inputs.values()), {})
        np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-4, atol=1e-4)


def test_rows_that_a_bool_mask_hides_are_zero_as_in_torch(tmp_path: Path) -> None:
    op = make(REGISTRY["scaled_dot_product_attention"], {"num_heads": 2})
    kind = TensorType((2, 4, 8))
    graph = single(op, {"query": kind, "key": kind, "value": kind, "mask": TensorType((4, 4), "bool")})
    export(graph, {}, tmp_path / "m.onnx")
    inputs = random_inputs(graph)
    inputs["in_mask"][1] = False
    (expected,) = torch_results(op, list(inputs.values()), {})
    (found,) = run(tmp_path / "m.onnx", inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert not found[:, 1].any()


def chain(*steps: tuple[str, dict[str, Any]], shape: Sequence[Dim] = (N, 64, H, W)) -> Graph:
    build = Builder("chain")
    value = build.input("x", shape)
    for i, (name, attributes) in enumerate(steps):
        value = build.apply(f"s{i}", make(REGISTRY[name], attributes), value).output
    return build.finish({"y": value})


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("flatten", {"start_dim": 2})], {"Reshape": 1}),
        ([("reshape", {"shape": [N, 64, H, W]})], {"Identity": 1}),
        ([("flatten", {})], {"Flatten": 1}),
        ([("permute", {"dims": [0, 1, 2, 3]}), ("relu", {})], {"Relu": 1}),
        ([("dropout", {}), ("relu", {}), ("identity", {})], {"Relu": 1}),
        # H is read once and the shape made once for both norms; N and W need nothing.
        (
            [("group_norm", {"num_groups": 8, "affine": False})] * 2,
            {"Reshape": 4, "InstanceNormalization": 2, "Shape": 1, "Concat": 1},
        ),
        # Tokens and back: only H has to be known.
        (
            [
                ("flatten", {"start_dim": 2}),
                ("transpose", {"dim0": 1, "dim1": 2}),
                ("transpose", {"dim0": 1, "dim1": 2}),
                ("reshape", {"shape": [N, 64, H, W]}),
            ],
            {"Reshape": 2, "Transpose": 2, "Shape": 1, "Concat": 1},
        ),
    ],
)
def test_nothing_is_emitted_that_is_not_needed(
    steps: list[tuple[str, dict[str, Any]]], expected: dict[str, int], tmp_path: Path
) -> None:
    export(chain(*steps), {}, tmp_path / "m.onnx")
    assert kinds(tmp_path / "m.onnx") == expected


def test_equal_constants_are_stored_once(tmp_path: Path) -> None:
    export(chain(*[("add", {"value": 1.5})] * 3, ("mul", {"value": 1.5})), {}, tmp_path / "m.onnx")
    assert len(onnx.load(tmp_path / "m.onnx").graph.initializer) == 1


def test_a_size_that_no_input_shows_is_refused(tmp_path: Path) -> None:
    build = Builder("m")
    build.input("x", (2 * H,))
    graph = build.finish(build.apply("count", make(REGISTRY["arange"], {"end": H + 1})).output)
    with pytest.raises(ExportError, match=r"the size H cannot be computed[\s\S]*an input with a dimension H"):
        export(graph, {}, tmp_path / "m.onnx")


@pytest.mark.parametrize("scale", [3, 5, 7, 0.2, 0.7, 1.1, 2.3, 1 / 3])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_any_scale_of_a_known_size(scale: float, mode: str, tmp_path: Path) -> None:
    graph = single(
        make(REGISTRY["interpolate"], {"scale_factor": scale, "mode": mode}), {"input": TensorType((1, 2, 10, 21))}
    )
    export(graph, {}, tmp_path / "m.onnx")
    inputs = random_inputs(graph)
    expected = F.interpolate(torch.from_numpy(inputs["in_input"]), scale_factor=scale, mode=mode)
    np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-4, atol=1e-4)


Compute = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


@pytest.mark.parametrize(
    ("name", "attributes", "compute"),
    [
        ("clamp", {"max": 0.5}, lambda x: np.minimum(x, 0.5)),
        ("hardswish", {}, lambda x: x * np.clip(x + 3, 0, 6) / 6),
        ("mean", {"dim": [2, 3], "keepdim": True}, lambda x: x.mean((2, 3), keepdims=True)),
        ("pixel_unshuffle", {"downscale_factor": 2}, None),
        ("group_norm", {"num_groups": 2, "affine": False}, None),
        ("roll", {"shifts": 1, "dims": 2}, lambda x: np.roll(x, 1, 2)),
    ],
)
def test_the_reference_evaluator_agrees(
    name: str, attributes: dict[str, Any], compute: Compute | None, tmp_path: Path
) -> None:
    """ONNX's own evaluator, written from the standard, computes what the file means without ONNX Runtime."""
    from onnx.reference import ReferenceEvaluator

    op = make(REGISTRY[name], attributes)
    graph = single(op, {"input": IMAGE})
    export(graph, {}, tmp_path / "m.onnx")
    inputs = random_inputs(graph, SIZES[1])
    expected = compute(inputs["in_input"]) if compute else torch_results(op, list(inputs.values()), {})[0]
    (found,) = ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [[W, 6 * N * H], [6 * N * H, W], [W, H, 6 * N]])
def test_a_reshape_infers_what_would_be_hardest_to_compute(shape: list[Dim], tmp_path: Path) -> None:
    """Sizes of inputs are read; a product is left to the runtime, so that nothing is multiplied."""
    graph = single(make(REGISTRY["reshape"], {"shape": shape}), {"input": IMAGE})
    export(graph, {}, tmp_path / "m.onnx")
    assert kinds(tmp_path / "m.onnx")["Mul"] == 0
    for sizes in SIZES:
        given = random_inputs(graph, sizes)
        (x,) = given.values()
        np.testing.assert_array_equal(run(tmp_path / "m.onnx", given)[0], x.reshape(concrete(shape, sizes)))


@pytest.mark.parametrize(
    ("have", "want", "kinds_of_nodes"),
    [
        ((1, 4), [N, 4], {"Transpose": 2, "Shape": 1, "Expand": 1}),
        ((4, 1), [4, N], {"Shape": 1, "Expand": 1}),
        ((2, 1, 4), [2, L, 4], {"Transpose": 2, "Shape": 1, "Expand": 1}),
        ((2, 1, 4), [-1, L, -1], {"Transpose": 2, "Shape": 1, "Expand": 1}),
        ((1, 1, 4), [N, L, 4], {"Shape": 2, "Concat": 1, "Expand": 1}),
        ((4,), [N, 4], {"Shape": 1, "Concat": 1, "Expand": 1}),
        ((1, 4), [3, 4], {"Expand": 1}),
        ((3, 4), [3, 4], {}),
    ],
)
@pytest.mark.parametrize("profile", ["portable", "cuda"])
def test_growing_to_a_size_of_another_input(
    have: tuple[int, ...], want: list[Dim], kinds_of_nodes: dict[str, int], profile: str, tmp_path: Path
) -> None:
    """For CUDA a single size goes last, and no shape is put together of several; the values are numpy's."""
    build = Builder("m")
    x, like = build.input("x", have), build.input("like", (N, L))
    grown = build.apply("grown", make(REGISTRY["expand"], {"shape": want}), x)
    graph = build.finish({"y": grown.output, "same": build.apply("same", make(REGISTRY["relu"], {}), like).output})
    export(graph, {}, tmp_path / "m.onnx", ExportOptions(profile))
    if profile == "cuda":
        found = kinds(tmp_path / "m.onnx")
        assert {name: count for name, count in found.items() if name not in ("Relu", "Identity")} == kinds_of_nodes
    for sizes in LENGTHS:
        given = random_inputs(graph, sizes)
        expected = np.broadcast_to(given["x"], concrete(grown.output.shape, sizes))
        np.testing.assert_array_equal(run(tmp_path / "m.onnx", given)[0], expected)


@pytest.mark.parametrize(("size", "areas"), [((7, 8), (3, 4)), ((8, 9), (2, 3)), ((5, 6), (4, None)), ((4, 4), (4, 4))])
def test_areas_of_adaptive_pooling_are_those_of_torch(size: Any, areas: Any, tmp_path: Path) -> None:
    """One window for all where the areas are equal, else each dimension by itself."""
    op = make(REGISTRY["adaptive_avg_pool2d"], {"output_size": list(areas)})
    graph = single(op, {"input": TensorType((N, 2, *size))})
    export(graph, {}, tmp_path / "m.onnx")
    equal = all(area is None or whole % area == 0 for whole, area in zip(size, areas, strict=True))
    assert (kinds(tmp_path / "m.onnx")["AveragePool"] == 1) is equal
    given = random_inputs(graph, {"N": 3})
    (x,) = given.values()
    expected = F.adaptive_avg_pool2d(torch.from_numpy(x), areas)
    np.testing.assert_allclose(run(tmp_path / "m.onnx", given)[0], expected, atol=1e-6)
