"""Copies of a node in generated code: loops, lists, chains and numbered children."""

from __future__ import annotations

from pathlib import Path

import torch
from built_modules import built, close
from codegen_cases import N, Net, outputs
from torch import nn
from torch.nn import functional as F

from archgraph.codegen import source, to_torch
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Graph


def test_side_by_side_copies(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    inner = net.inner("branches")
    v = inner.input(N, 4)
    made = [inner(str(i), "linear", v, out_features=i + 1) for i in range(3)]
    call = net.build.call("branches", inner.finish(*made), [x], as_=CallSpec("map"))
    joined = net("join", "concat", *call.outputs)
    module = built(net.finish(joined), tmp_path)
    assert isinstance(module.branches, nn.ModuleList)
    x = torch.randn(2, 4)
    close(outputs(module, x)[0], torch.cat([branch(x) for branch in module.branches], dim=1))


def gated(net: Net, copies: int, name: str = "h") -> Graph:
    """Copies that each read what flows and a context, with a residual."""
    stage = net.inner(name)
    flow = stage.input(N, 4)
    context = stage.input(N, 3, name="context")
    for i in range(copies):
        inner = net.inner("unit")
        v, c = inner.input(N, 4), inner.input(N, 3, name="context")
        mixed = inner(
            "mixed", "add", inner("fc", "linear", v, out_features=4), inner("proj", "linear", c, out_features=4)
        )
        flow = stage.call(str(i), inner.finish(inner("act", "silu", mixed)), flow, context, kind="block", block="unit")
    return stage.finish(flow)


def test_copies_with_a_second_port_are_a_loop(tmp_path: Path) -> None:
    net = Net()
    x, context = net.input(N, 4), net.input(N, 3, name="context")
    graph = net.finish(net.call("h", gated(net, 4), x, context, kind="repeat"))
    module = built(graph, tmp_path)
    assert "for block in self.h:\n            x = block(x, context)" in source(graph)
    x, context = torch.randn(2, 4), torch.randn(2, 3)
    flow = x
    for unit in module.h:
        flow = F.silu(unit.fc(flow) + unit.proj(context))
    close(outputs(module, x, context)[0], flow)


def test_a_loop_leaves_a_value_alone_that_is_read_after_it(tmp_path: Path) -> None:
    net = Net()
    x, context = net.input(N, 4), net.input(N, 3, name="context")
    turned = net.call("h", gated(net, 3), x, context, kind="repeat")
    graph = net.finish(net("add", "add", turned, x))
    module = built(graph, tmp_path)
    x, context = torch.randn(2, 4), torch.randn(2, 3)
    flow = x
    for unit in module.h:
        flow = F.silu(unit.fc(flow) + unit.proj(context))
    close(outputs(module, x, context)[0], flow + x)


def test_copies_that_are_read_one_by_one_are_no_loop(tmp_path: Path) -> None:
    """A pyramid: each level's value is read outside too."""
    net = Net()
    x, context = net.input(N, 4), net.input(N, 4, name="context")
    stage = net.inner("levels")
    flow, given = stage.input(N, 4), stage.input(N, 4, name="context")
    levels = []
    for i in range(3):
        added = stage(f"add{i}", "add", flow, given)
        flow = stage(str(i), "linear", added, out_features=4)
        levels.append(flow)
    call = net.build.call("levels", stage.finish(*levels), [x, context], as_=CallSpec("repeat"))
    module = built(net.finish(*call.outputs), tmp_path)
    x, context = torch.randn(2, 4), torch.randn(2, 4)
    flow, wanted = x, []
    for level in module.levels:
        flow = level(flow + context)
        wanted.append(flow)
    for ours, theirs in zip(outputs(module, x, context), wanted, strict=True):
        close(ours, theirs)


def test_repetitions_of_different_length_share_a_class() -> None:
    """A transformer of depth 2 on one level and of depth 5 on another: the length is a number, not a structure."""
    net = Net()
    x, context = net.input(N, 4), net.input(N, 3, name="context")
    for i, depth in enumerate((2, 5)):
        inner = net.inner("stack")
        v, c = inner.input(N, 4), inner.input(N, 3, name="context")
        body = inner.finish(inner.call("h", gated(net, depth), v, c, kind="repeat"))
        x = net.call(f"stack{i}", body, x, context, kind="block", block="stack", arguments={"depth": depth})
    graph = net.finish(x)
    module = to_torch(graph)
    assert type(module.stack0) is type(module.stack1)
    assert (len(module.stack0.h), len(module.stack1.h)) == (2, 5)
    assert "for _ in range(depth)" in source(graph)


def test_numbered_children_without_a_chain_are_a_list(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    inner = net.inner("pair")
    v = inner.input(N, 4)
    both = inner("sum", "add", inner("0", "linear", v, out_features=4), inner("1", "linear", v, out_features=4))
    module = built(net.finish(net.call("pair", inner.finish(both), x, kind="block", block="pair")), tmp_path)
    assert isinstance(module.pair, nn.ModuleList)
    x = torch.randn(2, 4)
    close(outputs(module, x)[0], module.pair[0](x) + module.pair[1](x))


def test_numbers_with_gaps_and_levels_that_only_names_imply(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    h = net("net.0.proj", "linear", x, out_features=8)
    h = net("gate", "gelu", h)
    h = net("net.2", "linear", h, out_features=4)
    g = net("layers.a.gamma", "parameter", shape=[4], init="ones")
    module = built(net.finish(net("mul", "mul", h, g)), tmp_path)
    x = torch.randn(2, 4)
    reached = module.get_submodule
    close(outputs(module, x)[0], reached("net.2")(F.gelu(reached("net.0.proj")(x))) * reached("layers.a").gamma)


def test_a_chain_below_a_dotted_path_is_one_sequential(tmp_path: Path) -> None:
    net = Net()
    h = net.input(N, 4)
    for i in range(3):
        h = net(f"features.{i}", "linear", h, out_features=4)
    module = built(net.finish(net("act", "relu", h)), tmp_path)
    assert isinstance(module.features, nn.Sequential)
    assert isinstance(module.features[1:], nn.Sequential)
