"""Validation: the dataclasses that come out, and the whole message of everything that is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from schema_messages import DDPM, message, model, spec

import archgraph
from archgraph.errors import SchemaError, SpecError
from archgraph.language.library import read_spec
from archgraph.language.reading.document import from_mapping, read_text
from archgraph.language.schema.spec import BlockSpec, BodySpec, InputSpec, NodeSpec, UsedFile
from archgraph.language.schema.validation import validate

ROOT = Path(__file__).parents[2]


SHIPPED = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgraph/blocks/*.yaml")])


def test_a_spec_as_plain_data() -> None:
    found = spec(DDPM)
    block = found.block
    assert (block.name, block.about, found.use, block.where) == (
        "ddpm",
        "Denoising diffusion.",
        (UsedFile("./shared_blocks.yaml", "", ("use", 0)),),
        (),
    )
    assert {name: kind.text for name, kind in block.params.items()} == {
        "channels": "[int]",
        "attention": "[bool]",
        "layers": "int",
        "mode": "one of linear, conv",
    }
    assert block.presets == {"cifar10": {}, "wide": {"channels": [256, 512], "mode": "conv"}}
    assert block.inputs == {
        "sample": InputSpec("sample", ("N", 3, "H", "W"), where=("inputs", "sample")),
        "timestep": InputSpec("timestep", ("N",), "int64", where=("inputs", "timestep")),
        "label": InputSpec(
            "label", ("...", "N", "=layers"), "float32", "=layers > 1", ("N <= 64", "H >= 8"), ("inputs", "label")
        ),
    }
    assert block.let == {"first_width": "=channels[0]"}
    assert block.asserts == (("len(channels) > 1", None),)
    assert block.parameter_counts == {"cifar10": 35746307}
    assert block.meta == {"license": "MIT", "in": 0.1}
    assert block.document.file == "m.yaml"
    assert block.body.order == ("conv_in", "down")
    assert block.body.stacks == ("skips",)
    assert block.body.outputs == {"noise": "side.1", "raw": "again"}


def test_nodes_as_plain_data() -> None:
    nodes = {node.name: node for node in spec(DDPM).block.body.nodes}
    assert list(nodes) == ["conv_in", "down", "again", "side"]
    assert nodes["conv_in"] == NodeSpec(
        "conv_in",
        op="conv2d",
        arguments={"out_channels": "=channels[0]", "bias": False},
        inputs="sample",
        push="skips",
        where=("nodes", "conv_in"),
    )
    down = nodes["down"]
    assert (down.op, down.path, down.loop) == (None, "down_blocks.{i}", {"ch": "=channels", "attend": "=attention"})
    assert down.let == {"level": "=i"}
    where = ("nodes", "down", "nodes", "layer")
    inner = (
        NodeSpec(
            "0",
            op="resnet",
            arguments={"out_channels": "=ch"},
            inputs={"temb": "time"},
            when="=attend",
            where=(*where, "nodes", "0"),
        ),
        NodeSpec("act", op="silu", where=(*where, "nodes", "act")),
    )
    layer = NodeSpec("layer", repeat="=layers", path=".", body=BodySpec(inner, {"a": "0", "b": "act"}), where=where)
    assert down.body == BodySpec((layer,), order=("attentions", "resnets"))
    assert nodes["again"] == NodeSpec("again", share="conv_in", inputs=["prev", "skips.pop"], where=("nodes", "again"))
    side = nodes["side"]
    assert (side.repeat, side.map, side.tie) == (2, True, {"weight": "conv_in.weight"})


def test_blocks_as_plain_data() -> None:
    block = spec(DDPM).blocks["residual"]
    assert isinstance(block, BlockSpec)
    assert (block.name, block.where, block.body.outputs) == ("residual", ("blocks", "residual"), {"fn": "fn"})
    assert {name: (kind.text, kind.required) for name, kind in block.params.items()} == {
        "fn": ("node", True),
        "dim": ("int", True),
    }
    assert block.asserts == (("dim == C", None), ("=dim > 0", "the width must be positive"))
    assert block.body.nodes[0].op == "=fn"
    assert str(block.document.marks.key(*block.body.nodes[0].where)) == "m.yaml:39:13"


def test_the_same_spec_as_a_mapping_and_as_json() -> None:
    import json

    document = read_text(DDPM)
    for other in (from_mapping(document.data), read_text(json.dumps(document.data), format="json")):
        found = validate(other)
        assert found.block.body == spec(DDPM).block.body
        assert found.block.inputs == spec(DDPM).block.inputs


def test_an_argument_may_be_null_and_may_be_called_almost_anything() -> None:
    found = spec(model("nodes: {a: {op: mine, repeat: 2, bias: ~, for_: 1, model_fields: 2, nodes_: {x: [=1]}}}"))
    assert found.block.body.nodes[0].arguments == {"bias": None, "for_": 1, "model_fields": 2, "nodes_": {"x": ["=1"]}}


def test_short_forms_of_outputs_inputs_and_assertions() -> None:
    found = spec(
        model("inputs: {x: []}, nodes: {a: relu, b: {op: add, in: [x, a]}}, outputs: b, assert: {parameters: 0}")
    )
    assert found.block.body.outputs == {"": "b"}
    assert found.block.inputs["x"].shape == ()
    assert (found.block.asserts, found.block.parameter_counts) == ((), {None: 0})
    assert spec(model("nodes: {a: relu, 1: relu}, outputs: [a, 1]")).block.body.outputs == {"a": "a", "1": "1"}
    assert spec(model("nodes: {a: relu}")).block.body.outputs == {}
    assert spec(model("blocks: {b: {nodes: {a: relu}}}")).block.body.nodes == ()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_is_valid(path: Path) -> None:
    assert read_spec(path).block.name


def test_the_version_of_the_language() -> None:
    start = "the spec does not say which version of the language it is written in"
    assert message("name: m") == (
        f"m.yaml:1:1: error: {start}\n    1 | name: m\n        ^^^^^^^\n"
        "  expected: archgraph: 1\n  hint: add 'archgraph: 1' as the first line"
    )
    assert message("archgraph: 2\nname: m") == (
        "m.yaml:1:12: error: archgraph: the spec needs an archgraph that knows version 2 of the language\n"
        "    1 | archgraph: 2\n                   ^\n"
        f"  expected: archgraph: 1, which archgraph {archgraph.__version__} knows\n  received: 2\n"
        "  hint: pip install --upgrade archgraph"
    )
    newer = message("archgraph: 2\nname: m\nshapes: {a: 3}\nnodes: {a: {op: nn.ReLU}}")
    assert newer.startswith("m.yaml:1:12: error: archgraph: the spec needs an archgraph that knows version 2")
    assert newer.count("error: ") == 1, "a key of version 2 is no mistake"
    assert newer.endswith(
        "\n  note: there is no key 'shapes' here (m.yaml:3:1)"
        "\n  note: there is no operation or block 'nn.ReLU' (m.yaml:4:17)"
    )
    assert message("archgraph: '1'\nname: m") == (
        "m.yaml:1:12: error: archgraph: 'archgraph' must be the version of the language\n    1 | archgraph: '1'\n"
        "                   ^^^\n  expected: archgraph: 1\n  received: '1' (text)"
    )


def test_a_spec_is_a_mapping_with_a_name() -> None:
    assert message("- 1") == (
        "m.yaml:1:1: error: a spec is a mapping\n    1 | - 1\n        ^^^\n"
        "  expected: a mapping that starts with archgraph: 1\n  received: [1] (a list)"
    )
    assert message("archgraph: 1") == (
        "m.yaml:1:1: error: the spec has no name\n    1 | archgraph: 1\n        ^^^^^^^^^^^^\n  hint: add 'name: …'"
    )


def test_all_independent_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
name: half-life
params: {out: integer, in: 2}
inputs: {x: [N, 0], y: 3}
nodes:
  train: relu
  a: {op: x, when: attend, p: =1 +}
  b: {nodes: {c: }, repat: 3}
outputs: [a.0]
metaa: 3
"""
    lines = [each for each in message(text, SpecError).splitlines() if ": error: " in each]
    assert [each.split(": error: ")[0].removeprefix("m.yaml:") for each in lines] == [
        "1:1",
        "1:7",
        "2:15",
        "2:24",
        "3:17",
        "3:24",
        "5:3",
        "6:20",
        "6:31",
        "7:15",
        "8:11",
        "9:1",
    ]


def test_a_mapping_has_addresses_for_places() -> None:
    with pytest.raises(SchemaError) as caught:
        validate(from_mapping({"archgraph": 1, "name": "m", "nodes": {"a": {"op": "relu", "when": 3}}}))
    assert str(caught.value).splitlines()[0] == "error: nodes.a.when: 'when' must be a condition"


def test_long_lists_of_problems_end() -> None:
    body = ", ".join(f"n{i}: {{op: relu, when: {i}}}" for i in range(500))
    with pytest.raises(SchemaError) as caught:
        spec(model(f"nodes: {{{body}}}"))
    assert len(caught.value.problems) == 100


def test_the_language_is_read_without_a_framework() -> None:
    code = (
        "import sys; from archgraph.language.schema.validation import validate; "
        "from archgraph.language.reading.document import read_text; "
        "validate(read_text('{archgraph: 1, name: m}')); "
        "print([name for name in ('torch', 'onnx', 'onnxruntime', 'numpy', 'pygraphviz') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"
