"""Values that a module computes once and stores: `register_buffer` under published keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
import yaml
from built_modules import built

import archgraph as ag
from archgraph.codegen import source, to_torch
from archgraph.errors import ShapeError, WiringError
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph

WINDOWS = """
archgraph: 1
name: windows
inputs: {x: [N, 9, C], y: [N, 4, C]}
nodes:
  one: {op: bias, window: 3}
  two: {op: bias, window: 2}
  a: {op: matmul, in: [one, x]}
  b: {op: matmul, in: [two, y]}
outputs: {a: a, b: b}
blocks:
  bias:
    params: {window: int}
    let: {offsets: =2 * window - 1}
    nodes:
      table:  {op: parameter, shape: [=offsets ** 2], init: normal}
      place:  {op: arange, end: =window ** 2}
      row:    {op: floor_divide, in: place, value: =window}
      column: {op: remainder, in: place, value: =window}
      line:   {op: mul, in: row, value: =offsets}
      code:   {op: add, in: [line, column]}
      key:    {op: unsqueeze, in: code, dim: 0}
      query:  {op: unsqueeze, in: code, dim: 1}
      offset: {op: sub, in: [query, key]}
      moved:  {op: add, value: =2 * window * (window - 1)}
      index:  {op: register_buffer, path: relative_position_index}
      rows:   {op: unsqueeze, in: table, dim: 1}
      pairs:  {op: embedding, in: {input: index, weight: rows}, num_embeddings: =offsets ** 2, embedding_dim: 1}
      bias:   {op: squeeze, dim: 2}
"""


def net(text: str) -> Graph:
    return ag.load(yaml.safe_load(text))


def relative_positions(window: int) -> torch.Tensor:
    """As Swin computes them (Liu et al. 2021): rows and columns apart."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    offsets = places[:, :, None] - places[:, None, :] + window - 1
    return offsets[0] * (2 * window - 1) + offsets[1]


def test_stored_values_are_computed_by_the_constructor(tmp_path: Path) -> None:
    graph = net(WINDOWS)
    module = to_torch(graph)
    assert torch.equal(module.one.relative_position_index, relative_positions(3))
    assert torch.equal(module.two.relative_position_index, relative_positions(2))
    assert [key for key, _ in module.named_buffers()] == [
        "one.relative_position_index",
        "two.relative_position_index",
    ]
    text = source(graph)
    assert text.count("torch.arange") == 1
    assert text.index("torch.arange") < text.index("def forward")
    ns: dict[str, type[torch.nn.Module]] = {}
    exec(text, ns)
    written = ns["Windows"]()
    written.load_state_dict(module.state_dict(), strict=True)
    x, y = torch.randn(2, 9, 4), torch.randn(2, 4, 4)
    for ours, theirs in zip(module(x, y), written(x, y), strict=True):
        assert torch.equal(ours, theirs)
    table = module.one.table.detach()
    assert torch.allclose(module(x, y)[0], table[relative_positions(3)] @ x, atol=1e-6)


def test_files_hold_the_values_and_not_the_work(tmp_path: Path) -> None:
    assert ag.to_onnx(to_torch(net(WINDOWS)), tmp_path / "m.onnx").certificate.equal
    file = onnx.load(tmp_path / "m.onnx")
    assert not {"Range", "Div", "Mod"} & {node.op_type for node in file.graph.node}
    assert "one.relative_position_index" in {tensor.name for tensor in file.graph.initializer}


def test_loaded_values_take_the_place_of_computed_ones() -> None:
    graph = net(WINDOWS)
    state = to_torch(graph).state_dict()
    state["one.relative_position_index"] = state["one.relative_position_index"].flip(0)
    module = to_torch(graph, weights=state)
    assert torch.equal(module.one.relative_position_index, relative_positions(3).flip(0))


def single(nodes: str) -> Graph:
    return net(f"archgraph: 1\nname: net\ninputs: {{x: [N, 4]}}\nnodes:\n{nodes}")


def test_floats_parts_and_names_of_arguments(tmp_path: Path) -> None:
    graph = single(
        """
  in_features: {op: constant, value: [[1.5, 2.0], [3.0, 4.0]]}
  halves: {op: chunk, chunks: 2, dim: 1}
  joined: {op: concat, in: [halves.1, halves.0], dim: 0}
  flat:   {op: reshape, shape: [4]}
  scale:  {op: register_buffer}
  y:      {op: mul, in: [x, scale]}
  z:      {op: linear, out_features: 4}
"""
    )
    module = built(graph, tmp_path)
    assert to_torch(graph).scale.tolist() == [2.0, 4.0, 1.5, 3.0]
    assert list(module.state_dict()) == ["scale", "z.weight", "z.bias"]


def test_a_tensor_at_the_path_of_a_layer_without_bias_is_not_its_bias(tmp_path: Path) -> None:
    graph = single(
        """
  layer: {op: linear, out_features: 4, bias: false}
  bias:  {op: parameter, shape: [4], init: normal, path: layer.bias}
  y:     {op: mul, in: [layer, bias]}
"""
    )
    module = built(graph, tmp_path)
    assert list(module.state_dict()) == ["layer.weight", "layer.bias"]
    x = torch.randn(2, 4)
    for made in (module, to_torch(graph, seed=0)):
        weight, bias = made.state_dict().values()
        torch.testing.assert_close(made(x), x @ weight.T * bias)


def test_whole_numbers_become_floats_before_they_are_stored(tmp_path: Path) -> None:
    graph = single(
        """
  places: {op: arange, end: 4}
  floats: {op: to, dtype: float32}
  scale:  {op: register_buffer}
  y:      {op: mul, in: [x, scale]}
"""
    )
    assert torch.equal(to_torch(graph).scale, torch.arange(4).float())
    assert {to_torch(graph).scale.dtype, built(graph, tmp_path).scale.dtype} == {torch.float32}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("w: {op: parameter, shape: [4]}", "'w', which has weights"),
        ("w: {op: mean, in: x, dim: [0, 1]}", "'x', which is an input"),
        ("w: {nodes: {a: {op: ones, shape: [4]}}}", "'w', which is a body of its own"),
    ],
)
def test_only_what_follows_from_constants_is_stored(value: str, said: str) -> None:
    with pytest.raises(WiringError, match=said):
        single(f"  {value}\n  b: register_buffer\n  y: {{op: add, in: [x, b]}}")


def test_sizes_that_are_free_are_refused() -> None:
    with pytest.raises(ShapeError, match="what is stored has one shape, and N follows from the inputs"):
        single("  w: {op: ones, shape: [=N, 4]}\n  b: register_buffer\n  y: {op: add, in: [x, b]}")


@pytest.mark.parametrize("paths", [("p.one", "p.q.two"), ("p.q.two", "p.one"), ("p.q.r.one", "p.two")], ids=str)
def test_a_module_that_holds_a_tensor_may_hold_one_that_holds_another(paths: tuple[str, str]) -> None:
    nodes: dict[str, Any] = {
        f"n{place}": {"op": "parameter", "shape": [2], "path": path} for place, path in enumerate(paths)
    }
    ends = {"sum": {"op": "add", "in": [*nodes]}, "all": {"op": "add", "in": ["sum", "x"]}}
    graph = ag.load({"archgraph": 1, "name": "n", "inputs": {"x": [2]}, "nodes": {**nodes, **ends}})
    assert list(to_torch(graph, seed=0).state_dict()) == [item.key for item in weights(graph)]
