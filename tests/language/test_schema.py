"""Validation: the dataclasses that come out, and the whole message of everything that is refused."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archgraph
from archgraph.errors import ArchgraphError, ExpressionError, SchemaError, SpecError, UnknownNameError
from archgraph.language.reading.document import from_mapping, read_file, read_text
from archgraph.language.schema import names
from archgraph.language.schema.spec import BlockSpec, BodySpec, InputSpec, NodeSpec, Spec, validate

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgraph/blocks/*.yaml")])

DDPM = """\
archgraph: 1
name: ddpm
about: Denoising diffusion.
params: {channels: [128, 256], attention: [false, true], layers: 2, mode: [linear, conv]}
presets:
  cifar10: {}
  wide: {channels: [256, 512], mode: conv}
inputs:
  sample: [N, 3, H, W]
  timestep: {shape: [N], dtype: int64}
  label: {shape: [..., N, =layers], when: =layers > 1, where: [N <= 64, H >= 8]}
stacks: [skips]
let: {first_width: "=channels[0]"}
use: [./shared_blocks.yaml]
order: [conv_in, down]
nodes:
  conv_in: {op: conv2d, in: sample, out_channels: "=channels[0]", bias: false, push: skips}
  down:
    for: {ch: =channels, attend: =attention}
    path: "down_blocks.{i}"
    let: {level: =i}
    order: [attentions, resnets]
    nodes:
      layer:
        repeat: =layers
        path: .
        nodes:
          0: {op: resnet, in: {temb: time}, when: =attend, out_channels: =ch}
          act: silu
        outputs: {a: 0, b: act}
  again: {share: conv_in, in: [prev, skips.pop]}
  side: {op: conv2d, repeat: 2, map: true, tie: {weight: conv_in.weight}}
outputs: {noise: side.1, raw: again}
blocks:
  residual:
    params: {fn: node, dim: int}
    inputs: {x: [N, C]}
    assert: [dim == C, {that: "=dim > 0", message: the width must be positive}]
    nodes: {fn: =fn}
    outputs: [fn]
assert: {parameters: {cifar10: 35_746_307}, that: len(channels) > 1}
meta: {license: MIT, in: 0.10}
""".replace("35_746_307", "35746307")


def spec(text: str) -> Spec:
    return validate(read_text(text, "m.yaml"))


def message(text: str, kind: type[ArchgraphError] = SchemaError) -> str:
    with pytest.raises(kind) as caught:
        spec(text)
    assert type(caught.value) is kind
    return str(caught.value)


def model(body: str) -> str:
    """A spec around some lines; they start on line 2."""
    return f"{{archgraph: 1, name: m,\n{body}}}"


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_a_spec_as_plain_data() -> None:
    found = spec(DDPM)
    block = found.block
    assert (block.name, block.about, found.use, block.where) == (
        "ddpm",
        "Denoising diffusion.",
        ("./shared_blocks.yaml",),
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
    assert validate(read_file(path)).block.name


# --- what is refused --------------------------------------------------------------------------------------------------


def line(text: str, number: int = 2) -> str:
    return text.splitlines()[number - 1]


def under(body: str, start: str, path: str, said: str, *more: str, after: str = "") -> str:
    """The message about what starts with `start` in a body (behind `after`), on line 2 of a model."""
    shown = line(model(body))
    column = shown.index(start, shown.index(after)) + 1
    pad = " " * (8 + column - 1)
    return "\n".join(
        [f"m.yaml:2:{column}: error: {path}: {said}", f"    2 | {shown}", f"{pad}{'^' * len(start)}", *more]
    )


EXPECTED = "  expected: {}".format
RECEIVED = "  received: {}".format
HINT = "  hint: {}".format
SPEC_KEYS = (
    "archgraph, name, about, params, presets, inputs, stacks, let, nodes, outputs, order, blocks, use, assert, meta"
)
BLOCK_KEYS = "name, about, params, presets, inputs, stacks, let, nodes, outputs, order, blocks, assert, meta"
NODE_KEYS = "op, in, when, repeat, for, map, push, path, let, nodes, outputs, order, stacks, tie, share"
IDENTIFIER = EXPECTED("letters, digits and _, starting with a letter, at most 100 characters")
CONDITION = EXPECTED("true, false or an expression")
REFERENCE = EXPECTED("a name, such as conv1 or halves.0")
MAPPING_OF_NODE = EXPECTED("an operation's name, or a mapping such as {op: conv2d, …}")
ATTRIBUTE = "an attribute of every torch module"


CASES: list[tuple[str, str]] = []


def case(body: str, *rest: str, after: str = "") -> None:
    CASES.append((body, under(body, *rest, after=after)))


# Keys
case(
    "node: {a: relu}",
    "node",
    "node",
    "there is no key 'node' here",
    EXPECTED(f"one of {SPEC_KEYS}"),
    HINT("did you mean 'nodes'?"),
)
case(
    "blocks: {b: {node: {}}}",
    "node",
    "blocks.b.node",
    "there is no key 'node' here",
    EXPECTED(f"one of {BLOCK_KEYS}"),
    HINT("did you mean 'nodes'?"),
)
case(
    "blocks: {b: {use: []}}",
    "use",
    "blocks.b.use",
    "a block has no key 'use'",
    HINT("'use' stands at the top of a file"),
)
case(
    "inputs: {x: {shape: [N], dtyp: int64}}",
    "dtyp",
    "inputs.x.dtyp",
    "there is no key 'dtyp' here",
    EXPECTED("one of shape, dtype, when, where"),
    HINT("did you mean 'dtype'?"),
)
case(
    "nodes: {g: {nodes: {a: relu}, repat: 3}}",
    "repat",
    "nodes.g.repat",
    "a group of nodes has no key 'repat'",
    EXPECTED(f"one of {NODE_KEYS}"),
    HINT("did you mean 'repeat'?"),
)
case(
    "nodes: {g: {share: a, bias: 3}}",
    "bias",
    "nodes.g.bias",
    "a node that shares another's module has no key 'bias'",
    EXPECTED(f"one of {NODE_KEYS}"),
)
case(
    "assert: {parameter: 3}",
    "parameter",
    "assert.parameter",
    "there is no key 'parameter' here",
    EXPECTED("one of parameters, that"),
    HINT("did you mean 'parameters'?"),
)
case(
    "assert: [{message: no}]",
    "{message: no}",
    "assert.0",
    "the claim has no expression",
    EXPECTED("{that: expression, message: text}"),
)

# Kinds of values
case("about: [1]", "[1]", "about", "'about' must be text", EXPECTED("text"), RECEIVED("[1] (a list)"))
case(
    "params: [1]",
    "[1]",
    "params",
    "'params' must be a mapping",
    EXPECTED("a mapping"),
    RECEIVED("[1] (a list)"),
    HINT("each entry has a name: write 'name: …'"),
)
case("nodes: {}", "nodes", "nodes", "'nodes' is empty", EXPECTED("at least one entry"))
case("blocks: {b: 3}", "3", "blocks.b", "'b' must be a mapping", EXPECTED("a mapping"), RECEIVED("3 (a whole number)"))
case("stacks: skips", "skips", "stacks", "'stacks' must be a list", EXPECTED("a list"), RECEIVED("'skips' (text)"))
case(
    "order: x",
    "x",
    "order",
    "'order' must be a list of names",
    EXPECTED("a list of names"),
    RECEIVED("'x' (text)"),
    HINT("write [x]"),
)
case("params: {a: integer}", "integer", "params.a", "'integer' is not a type of the language", HINT("write int"))
case(
    "assert: 3",
    "3",
    "assert",
    "'assert' must be a list of claims",
    EXPECTED("a list of expressions, or {parameters: 25557032, that: [...]}"),
    RECEIVED("3 (a whole number)"),
)
case(
    "assert: {parameters: many}",
    "many",
    "assert.parameters",
    "'parameters' must be a published number of parameters",
    EXPECTED("a whole number, or whole numbers by preset"),
    RECEIVED("'many' (text)"),
)

# Inputs
case(
    "inputs: {x: 3}",
    "3",
    "inputs.x",
    "the input 'x' has no shape",
    EXPECTED("a shape such as [N, 3, H, W], or {shape: …, dtype: …}"),
    RECEIVED("3 (a whole number)"),
)
case("inputs: {x: {dtype: int64}}", "x", "inputs.x", "'x' has no 'shape'", HINT("add 'shape: …'"))
case(
    "inputs: {x: {shape: 3}}",
    "3",
    "inputs.x.shape",
    "'shape' must be a shape",
    EXPECTED("a list such as [N, 3, H, W]"),
    RECEIVED("3 (a whole number)"),
)
case(
    "inputs: {x: [N, 0]}",
    "0",
    "inputs.x.1",
    "a size must be a number, a name or an expression",
    EXPECTED("a whole number of at least 1, a name such as N, or an expression"),
    RECEIVED("0 (a whole number)"),
)
case(
    "inputs: {x: [N, ...]}",
    "...",
    "inputs.x.1",
    "'...' stands for leading dimensions, so it must come first",
    HINT("[..., C]"),
)
case(
    "inputs: {x: [N, len]}",
    "len",
    "inputs.x.1",
    "'len' cannot be a name in expressions: it is a function of the expression language",
    HINT("choose another name, such as 'len_1'"),
)
case(
    "inputs: {x: {shape: [N], dtype: float3}}",
    "float3",
    "inputs.x.dtype",
    "'dtype' must be an element type",
    EXPECTED("one of float16, bfloat16, float32, float64, int32, int64, bool"),
    RECEIVED("'float3' (text)"),
    HINT("did you mean 'float32'?"),
)
case(
    "params: {C: 3}, inputs: {x: [N, C]}",
    "C",
    "inputs.x.1",
    "'C' is a parameter, and a bare name in a shape is a symbol",
    HINT("write =C"),
    after="inputs",
)

# Nodes
case(
    "nodes: {a: ~}",
    "a",
    "nodes.a",
    "the node 'a' says nothing",
    MAPPING_OF_NODE,
    RECEIVED("nothing (null)"),
    HINT("what belongs to it is indented below it"),
    after="{",
)
case(
    "nodes: [a: relu]",
    "[a: relu]",
    "nodes",
    "'nodes' must be a mapping",
    EXPECTED("a mapping"),
    RECEIVED("[{a}] (a list)"),
    HINT("write 'name: …' without the dashes"),
)
case(
    "nodes: {a: {'op:relu': ~}}",
    "a",
    "nodes.a",
    "a node has one of 'op', 'nodes' and 'share', and 'a' has none of them",
    HINT("a space is missing after the colon: op: relu"),
    after="{a",
)
case(
    "nodes: {a: {in: x}}",
    "a",
    "nodes.a",
    "a node has one of 'op', 'nodes' and 'share', and 'a' has none of them",
    after="{a",
)
case(
    "nodes: {a: {opp: x}}",
    "a",
    "nodes.a",
    "a node has one of 'op', 'nodes' and 'share', and 'a' has none of them",
    HINT("did you mean 'op'?"),
    after="{a",
)
case(
    "nodes: {a: {op: relu, share: b}}",
    "a",
    "nodes.a",
    "a node has one of 'op', 'nodes' and 'share', and 'a' has op and share",
    after="{a",
)
case("nodes: {a: {op: ~}}", "op", "nodes.a.op", "'op' is empty")
case(
    "nodes: {a: {op: batch-norm}}",
    "batch-norm",
    "nodes.a.op",
    "'batch-norm' cannot be an operation's name",
    IDENTIFIER,
    HINT("did you mean 'batch_norm2d'?"),
)
case(
    "nodes: {a: {op: relu, outputs: b}}",
    "outputs",
    "nodes.a.outputs",
    "'outputs' goes with 'nodes', and this node has 'op'",
)
case(
    "nodes: {a: {share: b, tie: {weight: c}}}", "tie", "nodes.a.tie", "'tie' goes with 'op', and this node has 'share'"
)
case(
    "nodes: {a: {op: relu, repeat: 2, for: {c: [1]}}}",
    "for",
    "nodes.a.for",
    "a node has 'repeat' or 'for', not both",
    HINT("keep one of them"),
)
case(
    "nodes: {a: {op: relu, map: true}}",
    "map",
    "nodes.a.map",
    "'map' goes with 'repeat' or 'for': it applies their copies side by side",
)
case(
    "nodes: {a: {op: relu, when: attend}}",
    "attend",
    "nodes.a.when",
    "'when' must be a condition",
    CONDITION,
    RECEIVED("'attend' (text)"),
    HINT("write =attend"),
)
case(
    "nodes: {a: {op: relu, when: yes}}",
    "yes",
    "nodes.a.when",
    "'when' must be a condition",
    CONDITION,
    RECEIVED("'yes' (text)"),
    HINT("write true"),
)
case(
    "nodes: {a: {op: relu, when: 1}}",
    "1",
    "nodes.a.when",
    "'when' must be a condition",
    CONDITION,
    RECEIVED("1 (a whole number)"),
)
case(
    "nodes: {a: {op: relu, repeat: true}}",
    "true",
    "nodes.a.repeat",
    "'repeat' must be a number of times",
    EXPECTED("a whole number of at least 0, or an expression"),
    RECEIVED("true (a truth value)"),
)
case(
    "nodes: {a: {op: relu, repeat: -1}}",
    "-1",
    "nodes.a.repeat",
    "'repeat' must be a number of times",
    EXPECTED("a whole number of at least 0, or an expression"),
    RECEIVED("-1 (a whole number)"),
)
case(
    "nodes: {a: {op: relu, for: {c: depths}}}",
    "depths",
    "nodes.a.for.c",
    "'for' walks lists, and 'c' is none",
    EXPECTED("a list or an expression"),
    RECEIVED("'depths' (text)"),
    HINT("write =depths"),
)
case(
    "nodes: {a: {op: relu, in: =b}}",
    "=b",
    "nodes.a.in",
    "'=b' is not the name of a value",
    REFERENCE,
    HINT("'in' takes names, no expressions: leave the '=' out"),
)
case(
    "nodes: {a: {op: relu, in: {x: [b, c d]}}}", "c d", "nodes.a.in.x.1", "'c d' is not the name of a value", REFERENCE
)
case(
    "nodes: {a: {op: relu, in: []}}",
    "[]",
    "nodes.a.in",
    "'in' must name the values that are read",
    EXPECTED("a name, a list of names, or names by port: {query: x, key: y}"),
    RECEIVED("[] (a list)"),
)
case(
    "nodes: {a: {op: relu, path: {i}}}",
    "path",
    "nodes.a.path",
    "'path' must be text",
    EXPECTED("text"),
    RECEIVED("a mapping: YAML reads {i} as one"),
    HINT('write "{i}"'),
)
case(
    "nodes: {a: {op: relu, path: a..b}}",
    "a..b",
    "nodes.a.path",
    "the path 'a..b' is no module path",
    EXPECTED("names or numbers joined by dots, such as layers.{i}.conv, or . for no level of its own"),
)
case(
    "nodes: {a: {op: relu, path: features.half}}",
    "features.half",
    "nodes.a.path",
    f"the path 'features.half' cannot be: 'half' is {ATTRIBUTE}",
    HINT("choose another path"),
)
for segment in ("1a", "__init__", "_", "a" * 101):
    case(
        f"nodes: {{a: {{op: relu, path: x.{segment}}}}}",
        f"x.{segment}",
        "nodes.a.path",
        f"the path '{f'x.{segment}':.100}' is no module path",
        EXPECTED("names or numbers joined by dots, such as layers.{i}.conv, or . for no level of its own"),
    )
case(
    "nodes: {a: {op: relu, path: x._modules}}",
    "x._modules",
    "nodes.a.path",
    f"the path 'x._modules' cannot be: '_modules' is {ATTRIBUTE}",
    HINT("choose another path"),
)
COUNTED = EXPECTED("a number as torch counts modules: 0, 1, 2 …")
case(
    "nodes: {a: {op: relu, path: x.07}}",
    "x.07",
    "nodes.a.path",
    "'07' cannot be the number of a module",
    COUNTED,
    HINT("write 7"),
)
case("nodes: {007: relu}", "007", "nodes.007", "'007' cannot be the number of a module", COUNTED, HINT("write 7"))
case(
    "nodes: {1234567890: relu}",
    "1234567890",
    "nodes.1234567890",
    "'1234567890' cannot be the number of a module",
    COUNTED,
)
case("outputs: [a.0]", "a.0", "outputs.0", "the output 'a.0' needs a name of its own", HINT("give it one: {a_0: a.0}"))
case("outputs: [a, a]", "[a, a]", "outputs", "'outputs' names an output twice", RECEIVED("['a', 'a'] (a list)"))
case(
    "outputs: []",
    "[]",
    "outputs",
    "'outputs' must name the values that are handed out",
    EXPECTED("a name, a list of names, or a mapping such as {logits: fc}"),
    RECEIVED("[] (a list)"),
)
case("outputs: {a b: c}", "a b", "outputs.a b", "'a b' cannot be an output's name", IDENTIFIER)


def reserved(body: str, name: str, path: str, what: str, why: str) -> None:
    case(body, name, path, f"'{name}' cannot be {what}: it is {why}", HINT(f"choose another name, such as '{name}_1'"))


reserved("nodes: {half: relu}", "half", "nodes.half", "a node's name", ATTRIBUTE)
reserved("nodes: {prev: relu}", "prev", "nodes.prev", "a node's name", "how a node reads the one before it")
reserved("nodes: {last: relu}", "last", "nodes.last", "a node's name", "bound by 'repeat' and 'for'")
reserved("nodes: {class: relu}", "class", "nodes.class", "a node's name", "a keyword of Python")
reserved("nodes: {self: relu}", "self", "nodes.self", "a node's name", "what a module calls itself")
reserved("inputs: {train: [N]}", "train", "inputs.train", "an input's name", ATTRIBUTE)
reserved("params: {when: 3}", "when", "params.when", "a parameter's name", "a key that every node has")
reserved("params: {int: 3}", "int", "params.int", "a parameter's name", "a word for a type")
reserved("params: {sum: 3}", "sum", "params.sum", "a parameter's name", "a function of the expression language")
reserved("let: {null: 3}", "null", "let.null", "a name in expressions", "a value")
reserved("stacks: [append]", "append", "stacks.0", "a stack's name", ATTRIBUTE)
case("nodes: {_a: relu}", "_a", "nodes._a", "'_a' cannot be a node's name", IDENTIFIER)
case("nodes: {a.b: relu}", "a.b", "nodes.a.b", "'a.b' cannot be a node's name", IDENTIFIER)
case(
    'presets: {"a b": {}}',
    '"a b"',
    "presets.a b",
    "'a b' cannot be a preset's name",
    EXPECTED("letters, digits, _, - and ., starting with a letter or a digit"),
)


def taken(body: str, name: str, path: str, what: str, after: str) -> None:
    hint = HINT("nothing may shadow another name: rename one")
    case(body, name, path, f"the name '{name}' is taken by {what}", hint, after=after)


# The two namespaces
taken("inputs: {x: [N]}, nodes: {x: relu}", "x", "nodes.x", "an input", "nodes")
taken("inputs: {x: [N]}, stacks: [x]", "x", "stacks.0", "an input", "stacks")
taken("stacks: [x], nodes: {x: relu}", "x", "nodes.x", "a stack", "nodes")
taken("nodes: {a: relu, g: {nodes: {a: relu}}}", "a", "nodes.g.nodes.a", "a node", "g:")
taken("nodes: {g: {stacks: [s], nodes: {s: relu}}}", "s", "nodes.g.nodes.s", "a stack", "{s:")
taken("params: {k: 3}, let: {k: 4}", "k", "let.k", "a parameter", "let")
taken("inputs: {x: [N]}, let: {N: 4}", "N", "let.N", "a size", "let")
taken("params: {k: 3}, nodes: {a: {op: relu, for: {k: [1]}}}", "k", "nodes.a.for.k", "a parameter", "for")
taken("nodes: {a: {op: relu, for: {k: [1]}, let: {k: 2}}}", "k", "nodes.a.let.k", "a loop variable", "let")
taken(
    "let: {k: 3}, nodes: {g: {nodes: {a: {op: relu, let: {k: 2}}}}}",
    "k",
    "nodes.g.nodes.a.let.k",
    "a value of 'let'",
    "op",
)

# Presets
case(
    "params: {k: 3}, presets: {a: {k: true}}",
    "true",
    "presets.a.k",
    "the parameter 'k' has a wrong value",
    EXPECTED("a whole number"),
    RECEIVED("true (a truth value)"),
    HINT("a truth value is not a number"),
)


@pytest.mark.parametrize(("body", "expected"), CASES, ids=[body[:60] for body, _ in CASES])
def test_whole_messages(body: str, expected: str) -> None:
    assert message(model(body)) == expected


def test_names_that_are_not_there() -> None:
    body = "params: {kernel: 3}, presets: {a: {kernle: 3}}"
    assert message(model(body), UnknownNameError) == under(
        body,
        "kernle",
        "presets.a.kernle",
        "the preset 'a' sets 'kernle', which is no parameter",
        EXPECTED("one of kernel"),
        HINT("did you mean 'kernel'?"),
    )
    body = "presets: {small: {}}, assert: {parameters: {smal: 3}}"
    assert message(model(body), UnknownNameError) == under(
        body,
        "smal",
        "assert.parameters.smal",
        "there is no preset 'smal'",
        HINT("did you mean 'small'?"),
        after="assert",
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('nodes: {a: {op: x, p: [1, {q: "=1 +"}]}}', "nodes.a.p.1.q"),
        ('nodes: {a: {op: "=1 +"}}', "nodes.a.op"),
        ('nodes: {a: {op: x, when: "=1 +"}}', "nodes.a.when"),
        ('nodes: {a: {op: x, repeat: "=1 +"}}', "nodes.a.repeat"),
        ('nodes: {a: {op: x, for: {c: "=1 +"}}}', "nodes.a.for.c"),
        ('let: {a: "=1 +"}', "let.a"),
        ('inputs: {x: [N, "=1 +"]}', "inputs.x.1"),
        ('inputs: {x: {shape: [N], when: "=1 +"}}', "inputs.x.when"),
        ('params: {k: 3}, presets: {p: {k: "=1 +"}}', "presets.p.k"),
        ('assert: ["=1 +"]', "assert.0"),
        ('assert: {that: ["=1 +"]}', "assert.that.0"),
    ],
)
def test_every_expression_is_compiled_before_anything_is_built(body: str, path: str) -> None:
    expected = under(body, '"=1 +"', path, "the expression cannot be read: it ends too early")
    assert message(model(body), ExpressionError) == expected + "\n  note: in =1 +\n               ^"


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


def test_a_name_may_come_again_where_it_is_not_seen() -> None:
    spec(
        model("nodes: {g: {nodes: {a: relu, g: relu}}, h: {nodes: {a: relu}}, a: relu}")
    )  # groups end; g is not read in g
    spec(model("nodes: {0: relu, 1: {nodes: {0: relu, 1: relu}}}"))  # numbers count afresh in each group
    spec(model("params: {heads: 2}, nodes: {heads: relu}"))  # two namespaces
    spec(model("nodes: {a: {op: relu, for: {c: [1]}}, b: {op: relu, for: {c: [2]}}}"))
    spec(model("inputs: {x: [N, C], y: [N, C]}"))  # symbols match


def test_long_lists_of_problems_end() -> None:
    body = ", ".join(f"n{i}: {{op: relu, when: {i}}}" for i in range(500))
    with pytest.raises(SchemaError) as caught:
        spec(model(f"nodes: {{{body}}}"))
    assert len(caught.value.problems) == 100


def test_reserved_names_are_those_of_torch() -> None:
    """What a newer torch adds to its modules must be reserved too."""
    from torch import nn

    taken = {
        name for kind in (nn.Module, nn.Sequential, nn.ModuleList) for name in dir(kind()) if not name.startswith("__")
    }
    assert taken <= names.MODULE_ATTRIBUTES | names.PRIVATE_ATTRIBUTES


def test_the_language_is_read_without_a_framework() -> None:
    code = (
        "import sys; from archgraph.language.schema.spec import validate; "
        "from archgraph.language.reading.document import read_text; "
        "validate(read_text('{archgraph: 1, name: m}')); "
        "print([name for name in ('torch', 'onnx', 'onnxruntime', 'numpy', 'pygraphviz') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


# --- anything ---------------------------------------------------------------------------------------------------------

PIECES = [
    "=",
    ": ",
    " ",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "- ",
    "#",
    "~",
    "0",
    "1e9",
    "true",
    ".",
    "'",
    "=x + 1",
    "é",
    "in",
]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_specs_raise_nothing_but_our_errors(seed: int) -> None:
    chance = random.Random(seed)
    text = DDPM
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 6) :]
    try:
        validate(read_text(text))
    except ArchgraphError as error:
        str(error)


words = st.sampled_from(
    ["op", "nodes", "in", "when", "for", "params", "presets", "inputs", "shape", "assert", "x", "0", "let"]
)
trees: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.sampled_from(["", "relu", "=x", "=1 +", "int", "x.0", "...", "N", "{i}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)
keys = st.sampled_from(
    ["params", "presets", "inputs", "stacks", "let", "nodes", "outputs", "order", "blocks", "use", "assert"]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, trees, max_size=4))
def test_mappings_of_any_shape_raise_nothing_but_our_errors(data: dict[str, Any]) -> None:
    try:
        validate(from_mapping({"archgraph": 1, "name": "m", **data}))
    except ArchgraphError as error:
        str(error)
