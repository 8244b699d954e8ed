"""Every shipped spec: the module tree is the graph's, the file stands alone, each line knows its nodes."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from codegen_cases import NARROW, inputs_for, outputs, shaken, written_file
from shallow_networks import cases, network
from torch import nn
from torch_modules import MODULES, parametrized

import archgraph as ag
from archgraph.codegen import source, to_torch, written
from archgraph.codegen.analysis.scopes import ATTRIBUTES
from archgraph.codegen.printing.spans import WrittenSource
from archgraph.graph.keys import module_tree, weights
from archgraph.graph.types import Call, Graph, Node, walk
from archgraph.ops import Operation

CASES = cases()
CLASSES = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
    "conv_transpose1d": nn.ConvTranspose1d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "conv_transpose3d": nn.ConvTranspose3d,
    "linear": nn.Linear,
    "embedding": nn.Embedding,
    "batch_norm1d": nn.BatchNorm1d,
    "batch_norm2d": nn.BatchNorm2d,
    "batch_norm3d": nn.BatchNorm3d,
    "group_norm": nn.GroupNorm,
    "layer_norm": nn.LayerNorm,
    "rms_norm": nn.RMSNorm,
    "instance_norm2d": nn.InstanceNorm2d,
    "lstm": nn.LSTM,
}
STARTS = {
    "add": " + ",
    "mul": " * ",
    "relu": "F.relu",
    "silu": "F.silu",
    "gelu": "F.gelu",
    "concat": "torch.cat",
    "max_pool2d": "F.max_pool2d",
    "avg_pool2d": "F.avg_pool2d",
    "flatten": ".flatten(",
    "reshape": ".reshape(",
    "permute": ".permute(",
    "transpose": ".transpose(",
    "interpolate": "F.interpolate",
    "pad": "F.pad",
    "sinusoidal_embedding": "sinusoidal_embedding(",
    "scaled_dot_product_attention": "multi_head_attention(",
}
"""What the text of a function has in it, by operation."""


@pytest.fixture(scope="module", params=CASES)
def graph(request: pytest.FixtureRequest) -> Graph:
    return network(request.param)


@pytest.fixture(scope="module")
def net(graph: Graph) -> nn.Module:
    """The network without memory; the tests only look at it."""
    return to_torch(graph, device="meta")


@pytest.fixture(scope="module")
def made(graph: Graph) -> WrittenSource:
    return written(graph)


def test_keys_and_shapes_are_the_graphs_in_order(graph: Graph, net: nn.Module) -> None:
    state = net.state_dict()
    found = [(key, tuple(tensor.shape), str(tensor.dtype)) for key, tensor in state.items()]
    assert found == [(item.key, item.weight.shape, f"torch.{item.weight.dtype}") for item in weights(graph)]


def test_every_leaf_is_torchs_module_with_the_nodes_attributes(graph: Graph, net: nn.Module) -> None:
    with torch.device("meta"):
        for placed in walk(graph):
            node = placed.node
            foreign = {key.partition(".")[0] for key in node.inputs} - {port.name for port in node.op.ports}
            if not node.weights or node.op.name in ATTRIBUTES or foreign or node.hidden:
                continue
            leaf = net.get_submodule(placed.path)
            # or a class on top of it: of the file, or torch's for a weight that is computed
            assert CLASSES[node.op.name] in type(leaf).__mro__[:2]
            shapes = [value.type.shape for value in node.inputs.values()]
            assert repr(leaf) == torchs_text(node.op, *shapes)


@cache
def torchs_text(op: Operation, *shapes: Any) -> str:
    return repr(parametrized(op, MODULES[op.name](op, *shapes)))


def test_no_module_owns_tensors_that_the_graph_does_not_know(graph: Graph, net: nn.Module) -> None:
    known = {module.path for module in module_tree(graph).modules()}
    for path, module in net.named_modules():
        wrapped, _, _ = path.partition(".parametrizations")
        if path not in known and not (wrapped != path and wrapped in known):
            assert not list(module.parameters()), path


def test_blocks_and_groups_are_modules_of_their_own(graph: Graph, net: nn.Module) -> None:
    """A hook or a policy finds each by its path."""
    paths = dict(net.named_modules())
    for module in module_tree(graph).modules():
        if isinstance(module.item, Call) and not _is_functional(module.item):
            assert module.path in paths


def _is_functional(call: Call) -> bool:
    """Copies of an operation without weights, or of a module that is applied again: lines of a forward, as torch's
    users write them."""
    return call.kind in ("repeat", "map") and all(
        item.shares is not None or (isinstance(item, Node) and not item.weights) for item in call.body.items
    )


def test_one_class_per_structure(graph: Graph, net: nn.Module) -> None:
    """Blocks of one name share a class, or a base where their structures differ; but not one that applies itself, whose
    depth is its structure."""
    bases: dict[str, set[type]] = {}
    for module in module_tree(graph).modules():
        if (
            isinstance(module.item, Call)
            and module.item.kind == "block"
            and not applies_itself(graph, module.item.block)
        ):
            kind = type(net.get_submodule(module.path))
            base = next((base for base in kind.__bases__ if base.__module__ == kind.__module__), kind)
            bases.setdefault(module.item.block, set()).add(base)
    assert {block: len(kinds) for block, kinds in bases.items()} == dict.fromkeys(bases, 1)


def applies_itself(graph: Graph, block: str) -> bool:
    """Whether a block stands within one of the same name, anywhere in the network."""
    return any(_depth(call, block) > 1 for call in graph.items if isinstance(call, Call))


def _depth(call: Call, block: str) -> int:
    """How often the block stands within itself below a call, the call included."""
    inner = max((_depth(item, block) for item in call.body.items if isinstance(item, Call)), default=0)
    return inner + (call.kind == "block" and call.block == block)


def test_the_text_is_plain_pytorch(made: WrittenSource) -> None:
    tree = ast.parse(made.text)
    imported = set()
    for item in ast.walk(tree):
        if isinstance(item, ast.Import):
            imported |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom):
            imported.add(item.module or "")
    assert imported <= {"math", "collections", "warnings", "torch", "torch.nn.functional"}
    for item in tree.body:
        if isinstance(item, (ast.ClassDef, ast.FunctionDef)):
            assert ast.get_docstring(item)


def test_ruff_has_nothing_to_say(tmp_path: Path) -> None:
    for name in (param.values[0] for param in CASES if not param.marks):
        file = tmp_path / f"{name.replace('@', '_').replace(' ', '_')}.py"
        file.write_text(source(network(name)), encoding="utf-8")
    for command in (["check"], ["format", "--check", "--line-length", "100"]):
        run = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_line_knows_its_nodes(graph: Graph, made: WrittenSource) -> None:
    """Every node that a forward of its own computes is found at one line, whose text is its work."""
    lines = made.text.split("\n")
    found: dict[str, list[str]] = {}
    for span in made.spans:
        text = lines[span.line - 1][span.start : span.end]
        for key, address in made.nodes.places.items():
            if span.covers(key):
                found.setdefault(address, []).append(text)
    for placed in walk(graph):
        texts = found.get(placed.path, [])
        if placed.node.op.name in (*ATTRIBUTES, "identity"):
            continue
        if not texts:  # it stands in a Sequential, as a module
            continue
        broken = len(set(texts)) > 1 and (texts[0].endswith("(") or texts[-1].strip() == ")")
        texts = ["".join(texts)] if broken else texts
        assert len(set(texts)) == 1
        if placed.node.weights and placed.node.op.name in CLASSES and "F." not in texts[0].partition("(")[0]:
            called = texts[0].removeprefix("self.get_submodule(").partition("(")[0]
            *_, owner, name = ("", *placed.path.split("."))
            assert name in called or owner.rstrip("s") in called or "[" in texts[0]  # or the variable of a loop
        elif placed.node.op.name in STARTS and "F.scaled_dot_product_attention(" not in texts[0]:
            assert STARTS[placed.node.op.name] in texts[0]
    assert found


class Failing(nn.Module):
    """Stands in the place of a module and fails."""

    def forward(self, *inputs: Any) -> Any:
        raise ArithmeticError


@pytest.mark.parametrize(
    "name", ["ddpm", "vit", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet_d2l", "attention_unet"))]
)
def test_the_note_of_an_error_is_right_for_every_module(name: str) -> None:
    narrow = NARROW[name]
    graph = ag.load(name, **narrow[0])
    net = to_torch(graph).eval()
    given = inputs_for(graph, narrow[1])
    marks = {placed.path: placed.node.origin.mark for placed in walk(graph)}
    for placed in walk(graph):
        if placed.path not in dict(net.named_modules()):
            continue
        owner, _, last = placed.path.rpartition(".")
        parent = net.get_submodule(owner)
        kept = parent._modules[last]
        parent._modules[last] = Failing()
        try:
            with pytest.raises(ArithmeticError) as caught:
                outputs(net, *given)
        finally:
            parent._modules[last] = kept
        mark = marks[placed.path]
        assert mark is not None
        assert caught.value.__notes__ == [f"at {placed.path} ({Path(mark.file).name}:{mark.line})"]


@pytest.mark.parametrize("name", ["attention_unet", "resnet_d2l", "vit"])
def test_the_written_file_alone_is_the_same_network(name: str, tmp_path: Path) -> None:
    """To the last bit. Of every spec, in a process of its own: test_codegen_without_archgraph.py."""
    params, sizes = NARROW[name]
    graph = ag.load(name, **params)
    net = shaken(to_torch(graph))
    file = written_file(source(graph), tmp_path)
    alone = getattr(file, type(net).__name__)()
    alone.load_state_dict(net.state_dict(), strict=True)
    given = inputs_for(graph, sizes)
    for ours, theirs in zip(outputs(net, *given), outputs(alone, *given), strict=True):
        assert torch.isfinite(ours).all()
        assert ours.equal(theirs)


SMALL_UNET = {
    "archgraph": 1,
    "name": "halving",
    "inputs": {"sample": ["N", 3, "H", "W"], "timestep": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "time": {"op": "sinusoidal_embedding", "in": "timestep", "dim": 8},
        "shift": {"op": "linear", "out_features": 3},
        "wide": {"op": "unsqueeze", "dim": [-1, -1]},
        "noisy": {"op": "add", "in": ["sample", "wide"]},
        "down": {"op": "conv2d", "in": "noisy", "out_channels": 4, "kernel_size": 2, "stride": 2},
        "norm": {"op": "group_norm", "num_groups": 2},
        "up": {"op": "interpolate", "scale_factor": 2},
        "both": {"op": "concat", "in": ["up", "sample"]},
        "noise": {"op": "conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1},
    },
}


@pytest.mark.parametrize(
    ("spec", "params", "sizes"),
    [
        pytest.param("vit", *NARROW["vit"], id="vit"),
        pytest.param(SMALL_UNET, {}, {"N": 2, "H": 8, "W": 12}, id="small u-net"),
        pytest.param("ddpm", *NARROW["ddpm"], id="ddpm", marks=pytest.mark.slow),
        pytest.param("resnet", *NARROW["resnet"], id="resnet", marks=pytest.mark.slow),
    ],
)
def test_specs_compile_and_export(spec: Any, params: dict[str, Any], sizes: dict[str, int]) -> None:
    graph = ag.load(spec, **params)
    net = shaken(to_torch(graph)).eval()
    given = inputs_for(graph, sizes)
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(*given), net(*given))
        free = torch.export.Dim.DYNAMIC
        shapes = tuple(
            {axis: free for axis, dim in enumerate(value.shape) if not isinstance(dim, int)} for value in graph.inputs
        )
        program = torch.export.export(net, tuple(given), dynamic_shapes=shapes)
        larger = inputs_for(graph, {key: value if key == "N" else 2 * value for key, value in sizes.items()})
        torch.testing.assert_close(program.module()(*larger), net(*larger), rtol=1e-4, atol=1e-4)


def test_the_books_forward_reads_as_the_books_does() -> None:
    assert """\
    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x)
        h = F.relu(self.bn1(h))
        h = self.conv2(h)
        h = self.bn2(h)
        if self.conv3 is not None:
            x = self.conv3(x)
        return F.relu(h + x, inplace=True)
""" in source(network("resnet_d2l"))


def test_a_class_takes_the_names_of_the_blocks_parameters() -> None:
    text = source(network("resnet@resnet50"))
    assert "self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)" in text
    assert "self.conv3 = nn.Conv2d(planes, planes * 4, kernel_size=1, bias=False)" in text
    assert "*[Bottleneck(1024, 256) for _ in range(5)]" in text
