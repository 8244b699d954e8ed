"""Nothing from a spec reaches the text unchecked: names, numbers, words."""

from __future__ import annotations

import ast
import keyword
from pathlib import Path

import pytest
import torch
from built_modules import built
from codegen_cases import N, Net, outputs, written_file

import archgraph
from archgraph.codegen import source, to_torch
from archgraph.codegen.analysis.names import class_name, is_identifier, variable
from archgraph.codegen.analysis.terms import literal
from archgraph.errors import CompileError
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph, Info
from archgraph.ops.regularization import Dropout


def named(name: str) -> Graph:
    net = Net()
    return net.finish(net("out", "relu", net(name, "linear", net.input(N, 4), out_features=4)))


REFUSED = [
    "class",
    "lambda",
    "None",
    "forward",
    "train",
    "half",
    "_modules",
    "training",
    "add_module",
    "append",
    "x=1",
    "é",
    "ａ",
    "__init__",
    "__class__",
    "a..b",
    ".a",
    "a.",
    "00",
    "1a",
    "-1",
    "²",
    "_archgraph",
    'a"b',
]


@pytest.mark.parametrize("name", [*REFUSED, "", "a b", "a;import os", "a\nb", "a" * 101])
def test_paths_that_torch_or_python_cannot_have_are_refused(name: str) -> None:
    with pytest.raises(CompileError, match="cannot be the path of a module"):
        source(named(name))


@pytest.mark.parametrize(
    "name",
    [
        "conv1",
        "h",
        "x",
        "value",
        "math",
        "Conv2d",
        "_private",
        "match",
        "print",
        "torch",
        "nn",
        "F",
        "i",
        "keys",
        "a.0.b",
        "2",
    ],
)
def test_other_names_are_attributes(name: str, tmp_path: Path) -> None:
    net = to_torch(named(name))
    assert f"{name}.weight" in net.state_dict()
    x = torch.randn(2, 4)
    alone = getattr(written_file(source(named(name)), tmp_path), type(net).__name__)()
    alone.load_state_dict(net.state_dict())
    assert outputs(alone, x)[0].equal(outputs(net, x)[0])


@pytest.mark.parametrize(
    "name", ["import os", "x): pass", "class", "self", "torch", "F", "x", "range", "é", "", "lambda", "Net", "relu"]
)
def test_names_of_inputs_blocks_groups_and_networks_are_made_into_identifiers(name: str, tmp_path: Path) -> None:
    net = Net(name or "empty")
    first, second = net.input(N, 4, name=name), net.input(N, 4, name=name)
    inner = net.inner(name)
    a, b = inner.input(N, 4, name=name), inner.input(N, 4, name=name)
    h = inner("fc", "linear", a, out_features=4)
    body = inner.finish(inner("sum", "add", h, b))
    arguments = {name: 3, "groups": "__import__('os')"}
    x = net.call("part", body, first, second, kind="block", block=name, arguments=arguments, symbols={name: N})
    graph = net.finish(x, info=Info(preset=name, about='"""', file=name))
    text = source(graph)
    found = {item.id for item in ast.walk(ast.parse(text)) if isinstance(item, ast.Name)}
    assert not any(keyword.iskeyword(word) for word in found)
    module = to_torch(graph)
    x = torch.randn(2, 4)
    alone = getattr(written_file(text, tmp_path), type(module).__name__)()
    alone.load_state_dict(module.state_dict())
    assert outputs(alone, x, x)[0].equal(module.part.fc(x) + x)


@pytest.mark.parametrize("value", ["__import__('os')", "a b", object(), {"a": 1}, [1], b"x", 1j, "A"])
def test_values_are_numbers_or_words_of_a_fixed_choice(value: object) -> None:
    net = Net()
    unchecked = Dropout.model_construct(p=value)  # type: ignore[arg-type]  # no contract takes text from outside
    node = net.build.apply("it", unchecked, net.input(N, 4))
    with pytest.raises(CompileError, match="a value cannot be written into code"):
        source(net.finish(node.output))


@pytest.mark.parametrize("value", [1, -2, 0.1, 1e-30, 1e300, True, None, (1, 2), (1,), (), ((1, 2), (3, 4)), "reflect"])
def test_literals_mean_their_value(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value


def test_infinite_numbers_are_literals() -> None:
    assert eval(literal(float("-inf"))) == float("-inf")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bottleneck", "Bottleneck"),
        ("diffusion_resblock", "DiffusionResblock"),
        ("UNet2DModel", "UNet2DModel"),
        ("resnet-50", "Resnet50"),
        ("1x1", "X1"),
        ("", "Network"),
        ("éé", "Network"),
    ],
)
def test_class_names(name: str, expected: str) -> None:
    assert class_name(name) == expected


def test_variables_are_identifiers_and_new() -> None:
    assert variable("down.0.resnet") == "resnet"
    assert variable("class") == "class_"
    assert variable("x", {"x", "x2"}) == "x3"
    assert variable("0") == "value"
    assert all(is_identifier(variable(name)) for name in ("self", "F", "a-b", "__", "1", "é"))


NUMBERED = {
    "held": {"op": "parameter", "shape": [4], "init": 0.5, "path": "under.0"},
    "kept": {"op": "buffer", "shape": [4], "init": 2.0, "path": "over.1"},
    "moved": {"op": "mul", "in": ["x", "held"]},
    "scaled": {"op": "mul", "in": ["moved", "kept"]},
    "part": {
        "nodes": {
            "0": {"op": "parameter", "shape": [4, 4], "init": "normal"},
            "1": {"op": "linear", "in": "scaled", "out_features": 4},
            "by": {"op": "linear", "in": {"input": "1", "weight": "0"}, "out_features": 4, "bias": False},
        }
    },
    "tied": {"op": "linear", "in": "part", "out_features": 4, "bias": False, "tie": {"weight": "part.0"}},
}


def test_numbers_may_be_the_names_of_tensors(tmp_path: Path) -> None:
    """`self.0` is no Python, and `module[0]` is a child."""
    graph = archgraph.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4]}, "nodes": NUMBERED})
    net = to_torch(graph)
    state = net.state_dict()
    assert list(state) == ["under.0", "over.1", "part.0", "part.1.weight", "part.1.bias", "tied.weight"]
    x = torch.randn(3, 4)
    matrix = state["part.0"].T
    wanted = (x @ state["part.1.weight"].T + state["part.1.bias"]) @ matrix @ matrix  # 0.5 · 2 is 1
    torch.testing.assert_close(outputs(net, x)[0], wanted)
    alone = written_file(source(graph), tmp_path).Net()
    alone.load_state_dict(state)
    assert outputs(alone, x)[0].equal(outputs(net, x)[0])


HYPHENS = """
archgraph: 1
name: hyphens
inputs: {x: [N, 8, H, W]}
nodes:
  stem: {op: conv2d, out_channels: 8, kernel_size: 1, path: the-stem.0}
  stages: {repeat: 2, path: "trunk.block{i + 1}", nodes: {parts: {op: part, repeat: 2, path: "part-{i}", wide: =first}}}
  offset: {op: parameter, shape: [8, 1, 1], path: off-set.x-y}
  moved: {op: add, in: [stages, offset]}
  one: {op: again, path: pair.left-half}
  two: {op: again, path: pair.right-half}
  head: {op: conv2d, out_channels: 8, kernel_size: 1, path: the-head, tie: {weight: the-stem.0.weight}}
blocks:
  part:
    params: {wide: bool}
    inputs: {x: [N, 8, H, W]}
    nodes:
      proj: {op: conv2d, out_channels: 8, kernel_size: 1, when: =wide, path: proj-1}
      a: {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1, in: x, path: f.a}
      out: {op: add, in: [proj, a]}
  again:
    inputs: {x: [N, 8, H, W]}
    nodes:
      scale: {op: parameter, shape: [1], path: sca-le}
      conv: {op: conv2d, out_channels: 8, kernel_size: 1, in: x, path: con-v}
      out: {op: mul, in: [conv, scale]}
"""


def test_levels_of_paths_may_have_hyphens(tmp_path: Path) -> None:
    """Of modules, of parameters, of optional and of tied ones, in containers and in classes."""
    file = tmp_path / "hyphens.yaml"
    file.write_text(HYPHENS, encoding="utf-8")
    graph = archgraph.load(file)
    keys = list(built(graph, tmp_path).state_dict())
    assert keys[:3] == ["the-stem.0.weight", "the-stem.0.bias", "trunk.block1.part-0.proj-1.weight"]
    assert {"off-set.x-y", "pair.left-half.sca-le", "pair.right-half.con-v.bias", "the-head.weight"} <= {*keys}
    module = to_torch(graph)
    assert module.get_submodule("the-head").weight is module.get_submodule("the-stem.0").weight
    assert archgraph.to_onnx(module, tmp_path / "m.onnx").certificate.equal


def test_a_path_from_outside_leads_into_a_copy_of_a_block() -> None:
    """As the table of T5's relative positions, which stands in the first layer and serves all."""
    text = {
        "archgraph": 1,
        "name": "outside",
        "inputs": {"x": ["N", 4, 8]},
        "nodes": {
            "place": {"op": "arange", "end": 4},
            "table": {"op": "embedding", "path": "block.0.attn.table", "num_embeddings": 4, "embedding_dim": 8},
            "odd": {"op": "linear", "path": "block.1.attn.odd-one", "in": "x", "out_features": 8},
            "add": {"op": "add", "in": ["table", "odd"]},
            "block": {"op": "layer", "repeat": 2},
        },
        "blocks": {
            "layer": {
                "inputs": {"x": ["N", "L", "C"]},
                "nodes": {
                    "attn": {
                        "nodes": {
                            "fc": {"op": "linear", "in": "x", "out_features": 8},
                            "sum": {"op": "add", "in": ["fc", "x"]},
                        }
                    }
                },
            }
        },
    }
    module = to_torch(archgraph.load(text))
    assert list(module.state_dict()) == [item.key for item in weights(archgraph.load(text))]
    assert {"block.0.attn.table.weight", "block.1.attn.odd-one.bias"} <= set(module.state_dict())
    assert module(torch.zeros(2, 4, 8)).shape == (2, 4, 8)


def test_a_tensor_from_outside_leads_into_numbered_levels_below_a_class() -> None:
    """As the weights of diffusers' condition encoder, which stand in a list below the decoder."""
    text = {
        "archgraph": 1,
        "name": "outside",
        "inputs": {"x": ["N", 4]},
        "nodes": {
            "decoder": {"nodes": {"fc": {"op": "linear", "out_features": 4}, "act": {"op": "silu"}}},
            "shift": {"op": "parameter", "path": "decoder.levels.0.weight", "shape": [4]},
            "scale": {"op": "buffer", "path": "decoder.levels.1.1", "shape": [4], "init": "ones"},
            "sum": {"op": "add", "in": ["decoder", "shift"]},
            "out": {"op": "mul", "in": ["sum", "scale"]},
        },
    }
    module = to_torch(archgraph.load(text))
    assert list(module.state_dict())[2:] == ["decoder.levels.0.weight", "decoder.levels.1.1"]
    assert module(torch.zeros(2, 4)).shape == (2, 4)


def test_tensors_of_a_level_without_a_class_have_the_order_of_the_keys() -> None:
    """As the weights that a pooling attention hands to one function, its biases first."""
    text = {
        "archgraph": 1,
        "name": "ordered",
        "inputs": {"x": ["N", 8]},
        "nodes": {
            "pool": {
                "nodes": {
                    "bias": {"op": "parameter", "path": "proj.bias", "shape": [4]},
                    "weight": {"op": "parameter", "path": "proj.weight", "shape": [4, 8]},
                    "fc": {
                        "op": "linear",
                        "in": {"input": "x", "weight": "weight", "bias": "bias"},
                        "out_features": 4,
                    },
                    "act": {"op": "silu"},
                }
            }
        },
        "order": ["pool.proj.weight"],
    }
    keys = [item.key for item in weights(archgraph.load(text))]
    assert list(to_torch(archgraph.load(text)).state_dict()) == keys == ["pool.proj.weight", "pool.proj.bias"]
