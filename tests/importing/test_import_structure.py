"""Modules of torch become specs that read as if written by hand, with the module's keys, computing the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_networks import Auxiliary, Changing, Transformer, UNet

import archgraph as ag
from archgraph.graph.text import graph_text
from archgraph.graph.types import Graph


def spec(graph: Graph) -> dict[str, Any]:
    return dict(graph.info.spec)


@pytest.fixture(scope="module")
def unet() -> Graph:
    return ag.from_torch(UNet, {"x": "N,3,H,W", "t": "N"})


def test_a_u_net_is_as_short_as_by_hand(unet: Graph) -> None:
    assert (
        unet.spec()
        == """\
archgraph: 1
name: unet
about: "A U-Net of two levels. Imported from small_networks.UNet, torch VERSION."
inputs: {x: [N, 3, H, W], t: [N]}
nodes:
  unsqueeze: {op: unsqueeze, in: t, dim: 1}
  time:      {nodes: {0: {op: linear, out_features: 16}, 1: silu, 2: {op: linear, out_features: 16}}}
  stem:      {op: conv2d, in: x, out_channels: 8, kernel_size: 3, padding: 1}
  down:      {op: residual, in: [stem, time], repeat: 3, out: 8}
  pool:      {op: residual, in: [down, time], out: 16, stride: 2}
  mid:       {op: residual, in: [pool, time], repeat: 2, out: 16}
  up:        {op: conv_transpose2d, out_channels: 8, kernel_size: 2, stride: 2}
  concat:    {op: concat, in: [up, down]}
  out:       {op: residual, in: [concat, time], out: 8}
  head:      {op: conv2d, out_channels: 3, kernel_size: 1}
blocks:
  residual:
    params: {out: int, stride: 1}
    inputs: {x: [N, C, H, W], temb: [N, L]}
    nodes:
      norm:      {op: group_norm, num_groups: 4}
      silu:      silu
      conv:      {op: conv2d, out_channels: =out, kernel_size: 3, stride: =stride, padding: 1}
      emb:       {op: linear, in: temb, out_features: =out}
      unsqueeze: {op: unsqueeze, dim: [2, 3]}
      add:       {op: add, in: [conv, unsqueeze]}
      skip:
        op: conv2d
        in: x
        out_channels: =out
        kernel_size: 1
        stride: =stride
        when: =stride != 1 or C != out
      add2:      {op: add, in: [add, skip]}
""".replace("VERSION", torch.__version__)
    )


def test_sizes_stay_free_and_are_proved(unet: Graph) -> None:
    assert [str(value.type) for value in unet.inputs] == ["[N, 3, H, W]", "[N]"]
    assert [constraint.text for constraint in unet.constraints] == [
        "H must be a multiple of 2",
        "W must be a multiple of 2",
    ]


@pytest.fixture(scope="module")
def transformer() -> Graph:
    return ag.from_torch(Transformer, {"ids": "N,L:int64"})


def test_a_transformer_has_layers_heads_and_a_tied_table(transformer: Graph) -> None:
    nodes, blocks = spec(transformer)["nodes"], spec(transformer)["blocks"]
    assert nodes["layers"] == {"op": "layer", "repeat": 3}
    assert nodes["head"]["tie"] == {"weight": "embed.weight"}
    attention = blocks["layer"]["nodes"]["attn"]["nodes"]
    assert attention["attend"] == {
        "op": "scaled_dot_product_attention", "in": ["chunk.0", "chunk.1", "chunk.2"], "num_heads": 4,
    }  # fmt: skip
    assert len(attention) == 4
    module = Transformer()
    ours = ag.to_torch(transformer)
    ours.load_state_dict(module.state_dict())
    ids = torch.randint(20, (3, 7))
    torch.testing.assert_close(ours(ids), module(ids))


def test_what_only_training_needs_stands_in_training_only() -> None:
    graph = ag.from_torch(Auxiliary, {"x": "N,3,H,W"})
    nodes = spec(graph)["nodes"]
    assert nodes["drop"] == {"op": "stochastic_depth", "p": 0.2}
    assert nodes["unread"] == {"op": "parameter", "shape": [3], "init": "ones", "training": "only"}
    assert list(nodes)[:2] == ["a", "aux"]
    assert (nodes["aux"]["in"], nodes["aux"]["training"]) == ("a", "only")
    assert spec(graph)["outputs"] == {"output_0": "fc", "output_1": "aux"}
    ag.to_torch(graph).load_state_dict(Auxiliary().state_dict())


def block_default(data: dict[str, Any], block: str, parameter: str) -> Any:
    return data["blocks"][block]["params"][parameter]


def test_choices_of_activations_are_a_parameter_and_changes_in_place_are_followed() -> None:
    module = Changing()
    module(torch.zeros(1, 3, 12, 12))
    graph = ag.from_torch(module, {"x": torch.zeros(2, 3, 12, 14)})
    block = spec(graph)["blocks"]["conv_act"]
    assert block["nodes"]["act"] == "=activation"
    default = block_default(spec(graph), "conv_act", "activation")
    assert spec(graph)["nodes"]["features"]["for"]["activation"] == [default, "hardswish", "silu", default]


def test_the_module_stays_as_it_was() -> None:
    module = Auxiliary().train()
    module.aux.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    ag.from_torch(module, {"x": "N,3,H,W"})
    assert module.training
    assert module.drop.training
    assert not module.aux.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(not inner._forward_hooks and not inner._forward_pre_hooks for inner in module.modules())


def test_importing_twice_gives_the_same_text(transformer: Graph) -> None:
    assert ag.from_torch(Transformer, {"ids": "N,L:int64"}, verify=False).spec() == transformer.spec()


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "ddpm@cifar10", "bert_base_uncased"])
def test_the_text_of_a_spec_is_that_spec(name: str, tmp_path: Any) -> None:
    graph = ag.load(name)
    path = tmp_path / "copy.yaml"
    path.write_text(graph.spec(), encoding="utf-8")
    copied = ag.load(path, graph.info.preset or None)
    assert graph_text(copied) == graph_text(graph)
