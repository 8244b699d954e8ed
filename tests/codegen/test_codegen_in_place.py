"""Activations and sums that overwrite what they read: where they may, that nothing else changes, and how it reads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from codegen_cases import NARROW, inputs_for, shaken
from loaded_networks import drawn, loaded
from torch import Tensor, nn

import archgraph as ag
from archgraph.codegen import source, to_torch
from archgraph.codegen.rules import IN_PLACE
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make

IMAGE = "{x: [N, 4, H, W]}"
CONV = "conv: {op: conv2d, out_channels: 4, kernel_size: 1}"
UNIT = "\n  unit: {inputs: {x: [N, C, H, W]}, nodes: {0: {op: conv2d, out_channels: =C, kernel_size: 1}, 1: relu}}"


def forwards(graph: Graph, inplace: bool = True) -> str:
    return source(graph, inplace)


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        (f"{CONV}, act: relu", "F.relu(self.conv(x), inplace=True)"),
        (f"{CONV}, act: {{op: leaky_relu, negative_slope: 0.2}}", "negative_slope=0.2, inplace=True)"),
        (f"{CONV}, act: {{op: celu, alpha: 0.5}}", "F.celu(x, alpha=0.5, inplace=True)"),
        (f"{CONV}, act: {{op: hardtanh}}", "F.hardtanh(x, inplace=True)"),
        (f"{CONV}, sum: {{op: add, in: [conv, x]}}", "h += x"),
        ("two: {op: concat, in: [x, x], dim: 1}, act: silu", "F.silu(x, inplace=True)"),
        (f"{CONV}, drop: dropout, act: relu", "F.relu(x, inplace=True)"),
    ],
)
def test_what_nothing_else_needs_is_overwritten(nodes: str, line: str) -> None:
    assert line in forwards(loaded(IMAGE, f"{{{nodes}}}"))


NOT_OVERWRITTEN = {
    "an input": "{act: relu}",
    "a view of an input": "{flat: flatten, act: relu}",
    "a view": f"{{{CONV}, turned: {{op: transpose, dim0: 2, dim1: 3}}, act: relu}}",
    "what a derivative needs": f"{{{CONV}, gate: sigmoid, act: relu}}",
    "a linear layer's tokens, a view of a matrix": "{turned: {op: permute, dims: [0, 2, 3, 1]}, "
    "fc: {op: linear, out_features: 3}, act: relu}",
    "an input that dropout hands on": "{drop: dropout, act: relu}",
    "what another operation reads": f"{{{CONV}, act: {{op: relu, in: conv}}, end: {{op: mul, in: [act, conv]}}}}",
    "both operands": f"{{{CONV}, sum: {{op: add, in: [conv, conv]}}}}",
    "the right operand": f"{{{CONV}, sum: {{op: add, in: [x, conv]}}}}",
    "what is smaller than the sum": f"{{pool: {{op: adaptive_avg_pool2d, output_size: 1}}, "
    f"{CONV}, sum: {{op: add, in: [conv, x]}}}}",
    "a parameter": "{scale: {op: parameter, shape: [4, 1, 1]}, act: {op: relu, in: scale}, "
    "end: {op: mul, in: [x, act]}}",
    "what a negative slope changes in sign": f"{{{CONV}, act: {{op: leaky_relu, negative_slope: -0.5}}}}",
    "an ELU whose result does not tell its input": f"{{{CONV}, act: {{op: elu, alpha: -0.5}}}}",
    "what torch has no form for": f"{{{CONV}, act: gelu, end: tanh}}",
}


@pytest.mark.parametrize("case", NOT_OVERWRITTEN)
def test_what_may_be_needed_is_not_overwritten(case: str) -> None:
    text = forwards(loaded(IMAGE, NOT_OVERWRITTEN[case]))
    assert not any(sign in text for sign in ("inplace", "+=", "add_("))


def test_what_is_handed_out_is_not_overwritten() -> None:
    text = forwards(loaded(IMAGE, f"{{{CONV}, act: relu}}", outputs={"a": "conv", "b": "act"}))
    assert "inplace" not in text


def test_what_a_block_made_and_does_not_read_itself_is_overwritten() -> None:
    blocks = """
  sole: {inputs: {x: [N, C, H, W]}, nodes: {conv: {op: conv2d, out_channels: =C, kernel_size: 1}}}
  gate: {inputs: {x: [N, C, H, W]}, nodes: {a: {op: conv2d, out_channels: =C, kernel_size: 1}, b: sigmoid}}
"""
    assert "h += x" in forwards(loaded(IMAGE, "{a: sole, sum: {op: add, in: [a, x]}}", blocks))
    assert "+=" not in forwards(loaded(IMAGE, "{a: gate, sum: {op: add, in: [a, x]}}", blocks))


def test_instances_of_a_class_and_turns_of_a_loop_do_the_same() -> None:
    """The sum of a block without a convolution on its shortcut would change what the block reads."""
    blocks = """
  unit:
    inputs: {x: [N, C, H, W]}
    params: {wide: false}
    nodes:
      conv: {op: conv2d, out_channels: =C, kernel_size: 1}
      side: {op: conv2d, out_channels: =C, kernel_size: 1, in: x, when: =wide}
      sum: {op: add, in: [side, conv]}
"""
    nodes = "{a: {op: unit, wide: true}, b: unit}"
    plain, changed = (source(loaded(IMAGE, nodes, blocks), inplace) for inplace in (False, True))
    assert changed == plain


def test_modules_of_a_chain_overwrite_what_the_one_before_made() -> None:
    text = forwards(loaded(IMAGE, "{body: {op: unit, repeat: 2}}", UNIT))
    assert "nn.ReLU(inplace=True)" in text
    assert "nn.ReLU()" in source(loaded(IMAGE, "{body: {op: unit, repeat: 2}}", UNIT))


def test_a_bottleneck_reads_as_torchvisions() -> None:
    lines = source(ag.load("resnet50"), inplace=True).split("\n")
    begin = lines.index("    def forward(self, x: Tensor) -> Tensor:")
    assert lines[begin + 1 : begin + 11] == [
        "        h = self.conv1(x)",
        "        h = F.relu(self.bn1(h), inplace=True)",
        "        h = self.conv2(h)",
        "        h = F.relu(self.bn2(h), inplace=True)",
        "        h = self.conv3(h)",
        "        h = self.bn3(h)",
        "        if self.downsample is not None:",
        "            x = self.downsample(x)",
        "        h += x",
        "        return F.relu(h, inplace=True)",
    ]


NETWORKS = ("resnet", "densenet", "efficientnet", "mobilenet_v3", "shufflenet_v2", "ddpm", "squeezenet")


def both(name: str) -> tuple[Graph, nn.Module, nn.Module]:
    """A narrow network without and with operations in place, in float64, and the same numbers as weights."""
    graph = ag.load(name, **NARROW[name][0])
    plain, other = shaken(to_torch(graph)).double(), to_torch(graph, inplace=True).double()
    other.load_state_dict(plain.state_dict())
    return graph, plain, other


def computed(module: nn.Module, inputs: list[Tensor]) -> list[Tensor | None]:
    """Results of a training step, and the gradients of inputs and parameters. Checks that inputs stay as they are."""
    given = [each.clone().requires_grad_(each.is_floating_point()) for each in inputs]
    torch.manual_seed(1)
    made = module(*given)
    results = list(made) if isinstance(made, tuple) else [made]
    sum(((each * each.detach().cos()).sum() for each in results), torch.zeros(())).backward()
    assert all(map(torch.equal, given, inputs))
    gradients = [each.grad for each in (*given, *module.parameters())]
    return [*(each.detach() for each in results), *gradients]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_results_and_gradients_are_those_without(name: str, training: bool) -> None:
    graph, plain, other = both(name)
    assert "inplace" in source(graph, inplace=True) or "+=" in source(graph, inplace=True)
    inputs = [each.double() if each.is_floating_point() else each for each in inputs_for(graph, NARROW[name][1])]
    pairs = zip(*(computed(copy.deepcopy(each).train(training), inputs) for each in (plain, other)), strict=True)
    for expected, found in pairs:
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_transforms_of_torch_take_it() -> None:
    """Compiled (but for the kernels), exported for every size, and mapped over a batch."""
    graph = loaded(IMAGE, f"{{{CONV}, a: relu, b: {{op: unit, in: a}}, sum: {{op: add, in: [b, x]}}, end: relu}}", UNIT)
    plain, other, image = to_torch(graph), to_torch(graph, inplace=True), drawn(2, 4, 6, 8)
    assert source(graph, inplace=True).count("inplace=True") == 3
    expected = plain(image)
    torch.testing.assert_close(torch.compile(other, backend="aot_eager", fullgraph=True)(image), expected)
    sizes = ({0: torch.export.Dim("n"), 2: torch.export.Dim("h"), 3: torch.export.Dim("w")},)
    exported = torch.export.export(other, (image,), dynamic_shapes=sizes).module()
    torch.testing.assert_close(exported(drawn(3, 4, 5, 7)), plain(drawn(3, 4, 5, 7)))
    torch.testing.assert_close(torch.vmap(other)(image.unsqueeze(1)).squeeze(1), expected)


def overwriting() -> list[tuple[str, dict[str, Any]]]:
    """Every operation with a form in place, with the attributes of its examples for which it has one."""
    found = []
    for name, contract in sorted(REGISTRY.items()):
        can_overwrite = IN_PLACE.get(contract)
        for example in contract.examples if can_overwrite is not None and name != "add" else ():
            if can_overwrite is not None and can_overwrite(make(contract, example.attributes)):
                found.append((name, dict(example.attributes)))
    return found


@pytest.mark.parametrize(("name", "attributes"), overwriting())
def test_every_form_in_place_has_the_gradients_of_the_other(name: str, attributes: dict[str, Any]) -> None:
    act = {"op": name, **attributes}
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N"]}}
    plain = ag.load({**spec, "nodes": {"act": act}})
    other = ag.load({**spec, "nodes": {"twice": {"op": "mul", "value": 2.0}, "act": act}})
    assert "inplace" not in source(plain)
    assert "inplace=True" in source(other)
    found = []
    for graph, factor in ((plain, 2.0), (other, 1.0)):
        x = torch.linspace(-4, 4, 101, dtype=torch.float64, requires_grad=True)
        made = to_torch(graph)(x * factor)
        (made * torch.linspace(1, 2, 101)).sum().backward()
        found.append((made, x.grad))
    torch.testing.assert_close(found[1], found[0])


def test_hooks_see_what_modules_made_unless_it_is_asked_for() -> None:
    graph = ag.load("resnet", **NARROW["resnet"][0])
    seen: list[Tensor] = []

    def keep(module: nn.Module, given: Any, made: Tensor) -> None:
        seen.append(made)

    for inplace, least in ((False, False), (True, True)):
        module = shaken(to_torch(graph, inplace=inplace)).eval()
        module.get_submodule("layer1.0.bn1").register_forward_hook(keep)
        module(drawn(2, 3, 40, 40))
        assert (seen[-1].min() >= 0).item() is least


def test_only_what_no_module_made_is_overwritten_unless_it_is_asked_for() -> None:
    graph = ag.load("resnet", **NARROW["resnet"][0])
    assert "return F.relu(h + x, inplace=True)" in source(graph)
    assert source(graph).count("inplace=True") == 1


def test_what_it_writes_is_imported_as_what_is_written_without() -> None:
    graph = loaded(IMAGE, f"{{{CONV}, a: relu, b: {{op: unit, in: a}}, sum: {{op: add, in: [b, x]}}, end: relu}}", UNIT)
    plain, other = (
        ag.from_torch(to_torch(graph, inplace=inplace), {"x": drawn(2, 4, 6, 8)}) for inplace in (False, True)
    )
    assert [node.op.name for node in other.nodes.values()] == ["conv2d", "relu", "conv2d", "relu", "add", "relu"]
    assert not ag.diff(plain, other)
