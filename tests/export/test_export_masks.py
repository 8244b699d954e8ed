"""Masks of attention: rows that leave no token are 0, as in torch, in every profile and element type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import network, require_torchs, run
from torch.nn import functional as F

from archgraph.errors import ShapeError
from archgraph.export import ExportOptions, export

TOKENS = ["N", "L", 8]
SHAPES: list[list[Any]] = [["L", "L"], [1, "L"], ["L", 1], [2, "L", "L"], ["N", 1, 1, "L"], ["N", 2, "L", "L"], [1, 1]]
N, L = 2, 5


def attention(mask: list[Any], dtype: str, heads: int = 2) -> Any:
    node = {"op": "scaled_dot_product_attention", "num_heads": heads, "in": ["x", "x", "x", "m"]}
    return network({"a": node}, {"x": TOKENS, "m": {"shape": mask, "dtype": dtype}})


def masks(shape: list[Any], dtype: str) -> list[np.ndarray[Any, Any]]:
    """At random, with some rows empty, with all of them, and with none."""
    rng = np.random.default_rng(len(shape))
    sizes = [{"N": N, "L": L}.get(size, size) for size in shape]
    seen = rng.integers(0, 2, sizes).astype(bool)
    some = seen.copy()
    some[..., : (sizes[-2] + 1) // 2, :] = False
    found = [seen, some, np.zeros(sizes, bool), np.ones(sizes, bool)]
    if dtype == "bool":
        return found
    return [np.where(one, rng.standard_normal(sizes), -np.inf).astype(np.float32) for one in found]


@pytest.mark.parametrize("dtype", ["float32", "bool"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_without_tokens(shape: list[Any], dtype: str, tmp_path: Path) -> None:
    graph = attention(shape, dtype)
    x = np.random.default_rng(0).standard_normal((N, L, 8)).astype(np.float32)
    require_torchs(graph, tmp_path, [{"x": x, "m": mask} for mask in masks(shape, dtype)], ["portable", "cpu", "cuda"])


def test_one_head(tmp_path: Path) -> None:
    """Scores without a dimension of heads."""
    x = np.random.default_rng(0).standard_normal((N, L, 8)).astype(np.float32)
    for shape in (["L", "L"], [1, "L", "L"], ["N", 1, "L", "L"]):
        graph = attention(shape, "float32", heads=1)
        require_torchs(graph, tmp_path, [{"x": x, "m": mask} for mask in masks(shape, "float32")])


def test_a_row_of_nothing_over_ones(tmp_path: Path) -> None:
    """By hand: the row that sees nothing is 0, the one that sees both is their mean."""
    graph = network(
        {"a": {"op": "scaled_dot_product_attention", "in": ["x", "x", "x", "m"]}}, {"x": [1, 2, 4], "m": [2, 2]}
    )
    export(graph, {}, tmp_path / "m.onnx")
    mask = np.array([[-np.inf, -np.inf], [0, 0]], np.float32)
    (found,) = run(tmp_path / "m.onnx", {"x": np.ones((1, 2, 4), np.float32), "m": mask})
    np.testing.assert_allclose(found[0], [[0] * 4, [1] * 4])


@pytest.mark.parametrize("low", ["float16", "bfloat16"])
@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_low_precision(low: str, dtype: str, tmp_path: Path) -> None:
    graph = attention(["L", "L"], dtype)
    x = np.random.default_rng(0).standard_normal((N, L, 8)).astype(np.float32)
    mask = masks(["L", "L"], dtype)[1]
    expected = _torchs(x, mask)
    assert not expected[:, 0].any()
    export(graph, {}, tmp_path / "m.onnx", ExportOptions(dtype=low))
    if low == "float16":
        (found,) = run(tmp_path / "m.onnx", {"x": x, "m": mask})
        np.testing.assert_allclose(found, expected, atol=5e-3)
    else:  # a CPU computes in no bfloat16: see how `verify` runs such a file
        onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)


def _torchs(x: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    heads = torch.from_numpy(x).unflatten(-1, (2, -1)).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(heads, heads, heads, attn_mask=torch.from_numpy(mask))
    return np.asarray(mixed.transpose(1, 2).flatten(2).numpy())


def test_what_is_known_of_a_mask_is_computed_once(tmp_path: Path) -> None:
    node = {"op": "scaled_dot_product_attention", "num_heads": 2}
    nodes = {"a": {**node, "in": ["x", "x", "x", "m"]}, "b": {**node, "in": ["a", "a", "a", "m"]}}
    graph = network(nodes, {"x": TOKENS, "m": {"shape": ["N", 1, 1, "L"], "dtype": "bool"}})
    export(graph, {}, tmp_path / "m.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert (kinds.count("ReduceMin"), kinds.count("Where"), kinds.count("Softmax")) == (1, 3, 2)


def test_a_mask_in_the_spec_that_leaves_tokens_in_every_row_costs_a_sum(tmp_path: Path) -> None:
    nodes = {
        "m": {"op": "constant", "value": [[0.0, 1.0], [0.5, 0.0]]},
        "a": {"op": "scaled_dot_product_attention", "in": ["x", "x", "x", "m"]},
    }
    graph = network(nodes, {"x": [1, 2, 4]})
    export(graph, {}, tmp_path / "m.onnx")
    assert "Where" not in {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    require_torchs(graph, tmp_path, [{"x": np.ones((1, 2, 4), np.float32)}])


def test_without_a_mask_the_fused_kernel_stays(tmp_path: Path) -> None:
    graph = network({"a": {"op": "scaled_dot_product_attention", "in": ["x", "x", "x"]}}, {"x": TOKENS})
    export(graph, {}, tmp_path / "m.onnx", ExportOptions("cpu"))
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == ["MultiHeadAttention"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
@pytest.mark.parametrize(
    "shape", [(), (1,), (5,), (5, 5), (1, 5), (5, 1), (2, 5, 5), (1, 5, 5), (3, 5, 5), (2, 2, 5, 5), (1, 1, 1, 1, 5)]
)
def test_masks_are_refused_where_torch_raises(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    heads = torch.ones(N, 2, L, 4)
    try:
        F.scaled_dot_product_attention(heads, heads, heads, attn_mask=torch.ones(shape, dtype=dtype))
        accepted = True
    except (RuntimeError, IndexError):
        accepted = False
    node = {"op": "scaled_dot_product_attention", "num_heads": 2, "in": ["x", "x", "x", "m"]}
    kind = {"shape": list(shape), "dtype": str(dtype).removeprefix("torch.")}
    if accepted:
        network({"a": node}, {"x": [N, L, 8], "m": kind})
    else:
        with pytest.raises(ShapeError, match="must broadcast to the scores"):
            network({"a": node}, {"x": [N, L, 8], "m": kind})
