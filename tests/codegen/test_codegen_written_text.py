"""The written text reads as a person writes it: names of variables, one line for what belongs together, docstrings."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from codegen_cases import H, N, Net, W

import archgraph
from archgraph.codegen import source
from archgraph.codegen.printing.layout import WIDTH, Bracket, lines
from archgraph.graph.types import Graph


def block_of(net: Net, *shape: Any, act: str = "relu", second: bool = False) -> Graph:
    """A block of one layer, with a second input where asked."""
    inner = net.inner("unit")
    flow = inner.input(*shape)
    given = inner.input(*shape, name="context") if second else None
    flow = inner("fc", "linear", flow, out_features=shape[-1])
    if given is not None:
        flow = inner("mix", "add", flow, given)
    return inner.finish(inner("act", act, flow))


def copies(*acts: str) -> str:
    """Blocks in a list that a loop walks."""
    net = Net()
    x, context = net.input(N, 4), net.input(N, 4, name="context")
    stage = net.inner("h")
    flow, given = stage.input(N, 4), stage.input(N, 4, name="context")
    for i, act in enumerate(acts):
        body = block_of(net, N, 4, act=act, second=True)
        flow = stage.call(str(i), body, flow, given, kind="block", block="unit")
    return source(net.finish(net.call("h", stage.finish(flow), x, context, kind="repeat")))


def test_equal_modules_in_a_row_are_counted() -> None:
    assert "self.h = nn.ModuleList([Unit() for _ in range(3)])" in copies(*["relu"] * 3)
    assert "self.h = nn.ModuleList([*[Unit() for _ in range(3)], Unit2()])" in copies(*["relu"] * 3, "gelu")


def test_names_that_only_count_are_counted() -> None:
    """As torchvision writes its encoder; names with dots are modules within modules."""
    net = Net()
    x = net.input(N, 4)
    inner = net.inner("layers")
    flow = inner.input(N, 4)
    for i in range(3):
        flow = inner.call(f"layer_{i}", block_of(net, N, 4), flow, kind="block", block="unit")
    text = source(net.finish(net.call("layers", inner.finish(flow), x)))
    assert 'self.layers = nn.Sequential(OrderedDict((f"layer_{i}", Unit()) for i in range(3)))' in text
    assert "class Unit" in text
    assert "class Layers" not in text  # a group that is a chain is constructed where it stands


@pytest.mark.parametrize("before", [0, 9])
@pytest.mark.parametrize(("between", "named"), [(1, False), (2, False), (6, True), (9, True)])
def test_what_is_read_again_long_after_has_a_name_of_its_own(before: int, between: int, named: bool) -> None:
    """Wherever in the flow it is made."""
    net = Net()
    flow = net.input(N, 4)
    for i in range(before):
        flow = net(f"b{i}", "linear", flow, out_features=4)
    flow = first = net("first", "linear", flow, out_features=4)
    for i in range(between):
        flow = net(f"l{i}", "linear", flow, out_features=4)
    text = source(net.finish(net("sum", "add", flow, first)))
    assert ("first = self.first(x)" in text) is named
    assert ("x = self.first(x)" in text) is not named


def test_a_side_input_lends_its_name_to_what_is_made_of_it() -> None:
    """`e = self.e2(e)`; the inputs of the whole network keep their names."""
    net = Net()
    x, t = net.input(N, 4), net.input(N, 3, name="t")
    side = net("e2", "linear", net("e", "linear", t, out_features=4), out_features=4)
    text = source(net.finish(net("sum", "add", net("a", "linear", x, out_features=4), side)))
    assert "        e = self.e(t)\n        e = self.e2(e)\n" in text


def test_an_activation_stands_on_the_line_of_what_it_reads() -> None:
    net = Net()
    x = net.input(N, 4)
    flow = net("act", "relu", net("fc", "linear", x, out_features=4))
    text = source(net.finish(net("last", "gelu", net("sum", "add", flow, x))))
    assert "h = F.relu(self.fc(x))\n        return F.gelu(h + x)\n" in text


def test_a_docstring_names_several_inputs_and_leaves_a_single_one_out() -> None:
    text = copies("relu")
    assert text.count('"""x [N, 4], context [N, 4] → [N, 4]."""') == 2
    net = Net()
    body = block_of(net, N, 4)
    call = {"kind": "block", "block": "unit", "symbols": {"C": 4, "not a name": N, "B": N}}
    text = source(net.finish(net.call("u", body, net.input(N, 4), **call)))
    assert '"""[B, 4] → [B, 4]."""' in text


def test_the_last_dimension_behind_channels_is_a_length() -> None:
    net = Net()
    inner = net.inner("unit")
    layer = inner("conv", "conv1d", inner.input(N, 4, W), out_channels=4, kernel_size=3, padding=1)
    body = inner.finish(inner("act", "relu", layer))
    text = source(net.finish(net.call("u", body, net.input(N, 4, W), kind="block", block="unit")))
    assert '"""[N, 4, L] → [N, 4, L]."""' in text


def test_the_sizes_of_a_map_come_from_the_map_where_they_are_its_own() -> None:
    """Attention over places, in two widths: `h.reshape(n, channels, height, width)`."""
    net = Net()
    flow = net.input(N, 4, H, W)
    for i, width in enumerate((4, 6)):
        flow = net(f"widen{i}", "conv2d", flow, out_channels=width, kernel_size=1)
        inner = net.inner("attention")
        given = inner.input(N, width, H, W)
        rows = inner("turn", "transpose", inner("rows", "flatten", given, start_dim=2), dim0=1, dim1=2)
        rows = inner("back", "transpose", inner("fc", "linear", rows, out_features=width), dim0=1, dim1=2)
        image = inner("image", "reshape", rows, shape=[N, width, H, W])
        body = inner.finish(inner("last", "softmax", inner("sum", "add", image, given), dim=1))
        flow = net.call(f"a{i}", body, flow, kind="block", block="attention", arguments={"width": width})
    text = source(net.finish(flow))
    assert text.count("class Attention") == 1
    assert "n, channels, height, width = x.shape" in text
    assert ".reshape(n, channels, height, width)" in text
    assert "return (h + x).softmax(dim=1)" in text or "return F.softmax(h + x, dim=1)" in text


def turns(*acts: str) -> Graph:
    """Copies that stand in the forward around them: each adds, and applies a function and a layer of a list."""
    inside = {
        "s": {"op": "add", "in": ["prev", "c"]},
        "a": {"op": f"={list(acts)}[i]"},
        "f": {"op": "flatten", "start_dim": 0, "end_dim": 1},
        "b": {"op": "reshape", "shape": ["=N", "=L", 4]},
        "l": {"op": "linear", "out_features": 4, "path": "layers.{i}"},
    }
    inputs = {"c": ["N", "L", 4], "x": ["N", "L", 4]}
    nodes = {"g": {"repeat": len(acts), "in": "x", "path": ".", "nodes": inside}}
    return archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes})


@pytest.mark.parametrize(("acts", "looped"), [(("relu", "relu", "relu"), True), (("relu", "gelu", "relu"), False)])
def test_turns_that_do_the_same_are_a_loop(acts: tuple[str, ...], looped: bool) -> None:
    graph = turns(*acts)
    assert ("for layer in self.layers:" in source(graph)) is looped
    module = archgraph.to_torch(graph)
    generator = torch.Generator().manual_seed(0)
    c, x = (torch.randn(2, 3, 4, generator=generator) for _ in range(2))
    expected = x
    layers: Any = module.layers
    for act, layer in zip(acts, layers, strict=True):
        expected = layer(getattr(torch.nn.functional, act)(expected + c))
    torch.testing.assert_close(module(c, x), expected)


@pytest.mark.parametrize(("slopes", "looped"), [((0.1, 0.1, 0.1), True), ((0.1, 0.2, 0.1), False)])
def test_turns_with_other_numbers_are_no_loop(slopes: tuple[float, ...], looped: bool) -> None:
    inside = {
        "s": {"op": "add", "in": ["prev", "c"]},
        "a": {"op": "leaky_relu", "negative_slope": f"={list(slopes)}[i]"},
        "l": {"op": "linear", "out_features": 4, "path": "layers.{i}"},
    }
    nodes = {"g": {"repeat": len(slopes), "in": "x", "path": ".", "nodes": inside}}
    inputs = {"x": ["N", 4], "c": ["N", 4]}
    graph = archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes})
    assert ("for layer in self.layers:" in source(graph)) is looped


@pytest.mark.parametrize(
    "doc",
    [
        ("x = f", Bracket("(", (("a" * 60,), ("b" * 60,)), ")")),
        ("x = f", Bracket("(", (("a" * 94,),), ")")),
        ("x = f", Bracket("(", (("a" * 40,), ("b" * 40,), ("c" * 10,)), ")")),
        ("x = f", Bracket("(", (("g", Bracket("(", (("a" * 60,), ("b" * 60,)), ")")), ("1",)), ")")),
        ("x = f", Bracket("(", (("g", Bracket("(", (("a" * 60,), ("b" * 60,)), ")")),), ")")),
        ("x = ", Bracket("[", (("a" * 85 + " for _ in y",),), "]", comma=False)),
    ],
    ids=["two", "one", "on one line", "nested", "one that breaks", "comprehension"],
)
def test_lines_break_as_those_of_ruff(doc: Any) -> None:
    whole = "\n".join(lines(doc)) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--line-length", str(WIDTH), "--isolated", "-"]
    ruff = subprocess.run(command, input=whole, capture_output=True, text=True, check=True)
    assert whole == ruff.stdout
