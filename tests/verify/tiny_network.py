"""A network with one of everything that goes wrong: norms, a time embedding, attention, a skip, upsampling."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

import archgraph
from archgraph.graph.types import Graph

SPEC = """
archgraph: 1
name: tiny
inputs: {image: [N, 4, H, W], timestep: {shape: [N], dtype: int64}}
nodes:
  waves:  {op: sinusoidal_embedding, in: timestep, dim: 8}
  temb:   {op: linear, out_features: 8}
  shift:  {op: unsqueeze, dim: [-1, -1]}
  stem:   {op: conv2d, in: image, out_channels: 8, kernel_size: 3, padding: 1}
  timed:  {op: add, in: [stem, shift]}
  norm:   {op: group_norm, num_groups: 2, eps: 1e-6}
  act:    silu
  down:   {op: conv2d, in: act, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
  bn:     batch_norm2d
  mid:
    nodes:
      rows:   {op: flatten, start_dim: 2}
      tokens: {op: transpose, dim0: 1, dim1: 2}
      q:      {op: linear, in: tokens, out_features: 8}
      k:      {op: linear, in: tokens, out_features: 8}
      v:      {op: linear, in: tokens, out_features: 8}
      mix:    {op: scaled_dot_product_attention, in: [q, k, v], num_heads: 2}
      back:   {op: transpose, dim0: 1, dim1: 2}
      field:  {op: reshape, shape: [=N, 8, =(H + 1) // 2, =(W + 1) // 2]}
  grow:   {op: interpolate, scale_factor: 2}
  join:   {op: concat, in: [grow, act]}
  final:  {op: conv2d, out_channels: 4, kernel_size: 1}
outputs: {noise: final}
"""


def network(folder: Path) -> Graph:
    """The graph, from a file, so that its nodes have lines."""
    (folder / "tiny.yaml").write_text(SPEC)
    return archgraph.load(folder / "tiny.yaml")


def altered(path: Path, change: Callable[[Any, dict[str, Any]], None]) -> None:
    """Changes a file; the change gets the model's graph and its nodes by name."""
    model = onnx.load(path)
    change(model.graph, {node.name: node for node in model.graph.node})
    path.write_bytes(model.SerializeToString())


def attribute(node: Any, name: str) -> Any:
    """An attribute of a node, to be changed."""
    return next(item for item in node.attribute if item.name == name)


def certificate(path: Path) -> dict[str, Any]:
    """What is stored beside a file."""
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".certificate.json").read_text())
    return found
