"""Groups with copies that hand out several values: the next copy takes the one called as the group's input."""

from __future__ import annotations

import pytest
import yaml
from spec_samples import formula

import archgraph as ag
from archgraph.errors import ArchgraphError

GROUP = """
archgraph: 1
name: skips
inputs: {x: [N, 4, T]}
nodes:
  layers:
    repeat: 3
    chain: [before]
    inputs: {before: [N, C, L]}
    nodes:
      both: {op: conv1d, out_channels: =2 * C, kernel_size: 1, bias: false}
      halves: {op: chunk, chunks: 2, dim: 1}
      add: {op: add, in: [halves.0, before]}
    outputs: {skip: halves.1, before: add}
  total: {op: add, in: [layers.0.skip, "layers.{i + 1}.skip"], repeat: 2}
"""


def test_copies_of_a_group_take_the_output_of_its_inputs_name() -> None:
    graph = ag.load(yaml.safe_load(GROUP))
    assert [str(value.type) for value in graph.outputs.values()] == ["[N, 4, T]"]
    second = "conv1d:layers.1.both(add(chunk(conv1d:layers.0.both(x)), x))"
    total = "add(add(chunk(conv1d:layers.0.both(x))[1], chunk({0})[1]), chunk(conv1d:layers.2.both(add(chunk({0}), "
    assert formula(graph).startswith(total.format(second))


def test_torch_and_onnx_compute_a_chained_group(tmp_path: object) -> None:
    found = ag.to_onnx(ag.load(yaml.safe_load(GROUP)), f"{tmp_path}/skips.onnx")
    assert found.certificate is not None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"chain: [before]": "chain: [x]"}, "layers has no input 'x'"),
        ({"before: add}": "later: add}"}, "'layers.0' has no output 'before'"),
        ({"    inputs: {before: [N, C, L]}\n": "", "before]}": "x]}", "=2 * C": "8"}, "and this group has none"),
        ({"    repeat: 3\n": ""}, "'chain' goes with 'repeat' or 'for'"),
    ],
)
def test_what_no_copy_can_take(changes: dict[str, str], told: str) -> None:
    text = GROUP
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    with pytest.raises(ArchgraphError, match=told):
        ag.load(yaml.safe_load(text))
