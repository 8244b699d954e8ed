"""The standard blocks that count places or turn them into angles, against timm's functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from torch import Tensor

import archgraph as ag
from archgraph.graph.types import Graph


def table(op: str, **arguments: Any) -> Graph:
    """A network that adds a block's table to what it reads."""
    nodes = {"table": {"op": op, **arguments}, "sum": {"op": "add", "in": ["x", "table"]}}
    dtype = "int64" if op == "relative_position_index" else "float32"
    return ag.load(
        {"archgraph": 1, "name": "single", "inputs": {"x": {"shape": [1, 1], "dtype": dtype}}, "nodes": nodes}
    )


def made(graph: Graph) -> Tensor:
    return ag.to_torch(graph)(torch.zeros(1, 1, dtype=getattr(torch, graph.inputs[0].dtype)))


@pytest.mark.parametrize(("height", "width", "token"), [(3, 3, False), (3, 4, False), (1, 5, False), (2, 3, True)])
def test_offsets_are_numbered_as_timm_numbers_them(height: int, width: int, token: bool, tmp_path: Path) -> None:
    expected = references.timm().layers.pos_embed_rel.gen_relative_position_index((height, width), class_token=token)
    graph = table("relative_position_index", height=height, width=width, class_token=token)
    assert torch.equal(made(graph), expected)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "block.onnx").certificate is not None


@pytest.mark.parametrize(("height", "width"), [(3, 3), (3, 4), (1, 5)])
def test_logarithms_of_distances_are_those_of_timm(height: int, width: int, tmp_path: Path) -> None:
    expected = references.timm().layers.pos_embed_rel.gen_relative_log_coords((height, width), mode="cr")
    graph = table("relative_log_distances", height=height, width=width)
    assert torch.allclose(made(graph), expected, rtol=0, atol=1e-6)
    assert made(graph).shape == expected.shape
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "block.onnx").certificate is not None


@pytest.mark.parametrize(
    ("height", "width", "step", "period"), [(3, 3, 1.0, 1e4), (3, 5, 0.5, 1e4), (4, 2, 1.0, 100.0)]
)
def test_rotations_of_a_plane_are_those_of_timm(
    height: int, width: int, step: float, period: float, tmp_path: Path
) -> None:
    build = references.timm().layers.pos_embed_sincos.build_rotary_pos_embed
    shape = [height * step, width * step]
    sines, cosines = build([height, width], dim=16, in_pixels=False, ref_feat_shape=shape, temperature=period)
    graph = table("rotary_position", height=height, width=width, dim=16, step=step, max_period=period)
    assert torch.allclose(made(graph), torch.cat([sines[:, ::2], cosines[:, ::2]], 1), atol=1e-6)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "block.onnx").certificate is not None
