"""Levels, groups, orders and lists of outputs: the keys, in order, and the numbers of torch modules written by hand."""

from __future__ import annotations

from pathlib import Path

import torch
from parity import assert_equal_runs, assert_same_keys
from torch import Tensor, nn
from torch.nn import functional as F

import archgraph as ag
from archgraph.runtime import Session

SPEC = """
archgraph: 1
name: levels
params: {widths: [2, 5]}
inputs: {x: [N, 4, L]}
order: [late, body.1.second]
nodes:
  stem:  {op: causal_conv, channels: 4}
  norm:  norm_act
  body:
    repeat: 2
    inputs: {y: [N, C, L]}
    nodes:
      conv:   {op: conv1d, out_channels: =C + 2, kernel_size: 1}
      second: {op: conv1d, out_channels: =C, kernel_size: 1}
      add:    {op: add, in: [second, y]}
  again: {share: stem, in: body}
  late:  {op: causal_conv, in: again, channels: 4, dilation: 2}
  heads: {op: conv1d, in: late, for: {w: =widths}, map: true, out_channels: =w, kernel_size: 1}
outputs: {maps: [body, heads], last: late}
blocks:
  causal_conv:
    params: {channels: int, dilation: 1}
    inputs: {x: [N, C, L]}
    nodes:
      pad:  {op: pad, pad: [=2 * dilation, 0]}
      conv: {op: conv1d, path: ., out_channels: =channels, kernel_size: 3, dilation: =dilation}
  norm_act:
    inputs: {x: [N, C, L]}
    nodes: {norm: {op: batch_norm1d, path: ., momentum: null}, act: silu}
"""


class CausalConv(nn.Conv1d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (2 * self.dilation[0], 0)))


class NormAct(nn.BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        return F.silu(super().forward(x))


class Residual(nn.Module):
    def __init__(self, names: tuple[str, str]) -> None:
        super().__init__()
        made = {"conv": nn.Conv1d(4, 6, 1), "second": nn.Conv1d(6, 4, 1)}
        for name in names:
            self.add_module(name, made[name])

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.conv(x)) + x


class Levels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.late = CausalConv(4, 4, 3, dilation=2)
        self.body = nn.Sequential(Residual(("conv", "second")), Residual(("second", "conv")))
        self.stem, self.norm = CausalConv(4, 4, 3), NormAct(4, momentum=None)
        self.heads = nn.ModuleList(nn.Conv1d(4, width, 1) for width in (2, 5))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        body = self.body(self.norm(self.stem(x)))
        late = self.late(self.stem(body))
        return (body, *(head(late) for head in self.heads), late)


def test_levels_against_torch(tmp_path: Path) -> None:
    file = tmp_path / "levels.yaml"
    file.write_text(SPEC, encoding="utf-8")
    graph = ag.load(file)
    assert list(graph.outputs) == ["maps_0", "maps_1", "maps_2", "last"]
    reference = Levels()
    assert_same_keys(graph, reference)
    module = ag.to_torch(graph)
    assert list(module.state_dict()) == list(reference.state_dict())
    module.load_state_dict(reference.state_dict())
    assert_equal_runs(module, reference, [(3, 4, 7)])  # in training, twice: the statistics are means of all batches
    assert_equal_runs(module, reference, [(2, 4, 5)])
    assert_equal_runs(module.eval(), reference.eval(), [(1, 4, 1)])
    fresh, other = ag.to_torch(graph, seed=1).state_dict(), Levels().state_dict()
    for key in ("stem.weight", "stem.bias"):  # drawn from torch's interval: its mean square is a third of the bound's
        assert float(fresh[key].abs().max()) <= 12**-0.5
        assert float(other[key].abs().max()) <= 12**-0.5
    ag.to_onnx(module, tmp_path / "levels.onnx")
    sample = torch.randn(2, 4, 9)
    with Session(tmp_path / "levels.onnx", "cpu") as session:
        found = session.run(x=sample.numpy())
    for name, theirs in zip(graph.outputs, reference(sample), strict=True):
        torch.testing.assert_close(torch.from_numpy(found[name]), theirs, rtol=1e-4, atol=1e-5)


def test_written_code_of_a_hidden_operation(tmp_path: Path) -> None:
    graph = ag.load(
        {
            "archgraph": 1,
            "name": "one",
            "inputs": {"x": ["N", 4]},
            "nodes": {"fc": {"op": "linear", "path": ".", "out_features": 2}},
        }
    )
    code = ag.code(graph)
    assert "return F.linear(x, self.weight, self.bias)" in code
