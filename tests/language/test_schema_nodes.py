"""What is said of inputs and nodes that the language does not admit: whole messages."""

from __future__ import annotations

import pytest
from schema_messages import ATTRIBUTE, EXPECTED, HINT, IDENTIFIER, RECEIVED, case, message, model

CONDITION = EXPECTED("true, false or an expression")


REFERENCE = EXPECTED("a name, such as conv1, halves.0, parts.{i} or branches[0:2]")


MAPPING_OF_NODE = EXPECTED("an operation's name, or a mapping such as {op: conv2d, …}")


PATHS = "numbers, or names of letters, digits, _ and -, joined by dots, such as layers.{i}.conv; or ."


COUNTED = EXPECTED("a number as torch counts modules: 0, 1, 2 …")


CASES = [
    # Inputs
    case(
        "inputs: {x: 3}",
        "3",
        "inputs.x",
        "the input has no shape",
        EXPECTED("a shape such as [N, 3, H, W], or {shape: …, dtype: …}"),
        RECEIVED("3 (a whole number)"),
    ),
    case("inputs: {x: {dtype: int64}}", "x", "inputs.x", "'x' has no 'shape'", HINT("add 'shape: …'")),
    case(
        "inputs: {x: {shape: 3}}",
        "3",
        "inputs.x.shape",
        "'shape' must be a shape",
        EXPECTED("a list such as [N, 3, H, W]"),
        RECEIVED("3 (a whole number)"),
    ),
    case(
        "inputs: {x: [N, 0]}",
        "0",
        "inputs.x.1",
        "a size must be a number, a name or an expression",
        EXPECTED("a whole number of at least 1, a name such as N, _ or an expression"),
        RECEIVED("0 (a whole number)"),
    ),
    case(
        "inputs: {x: [N, ...]}",
        "...",
        "inputs.x.1",
        "'...' stands for leading dimensions, so it must come first",
        HINT("[..., C]"),
    ),
    case(
        "inputs: {x: [N, len]}",
        "len",
        "inputs.x.1",
        "'len' cannot be a name in expressions: it is a function of the expression language",
        HINT("choose another name, such as 'len_1'"),
    ),
    case(
        "inputs: {x: {shape: [N], dtype: float3}}",
        "float3",
        "inputs.x.dtype",
        "'dtype' must be an element type",
        EXPECTED("one of float16, bfloat16, float32, float64, uint8, int32, int64, bool"),
        RECEIVED("'float3' (text)"),
        HINT("did you mean 'float32'?"),
    ),
    case(
        "params: {C: 3}, inputs: {x: [N, C]}",
        "C",
        "inputs.x.1",
        "'C' is a parameter, and a bare name in a shape is a symbol",
        HINT("write =C"),
        after="inputs",
    ),
    # Nodes
    case(
        "nodes: {a: ~}",
        "a",
        "nodes.a",
        "the node is empty",
        MAPPING_OF_NODE,
        RECEIVED("nothing (null)"),
        HINT("what belongs to it is indented below it"),
        after="{",
    ),
    case(
        "nodes: [a: relu]",
        "[a: relu]",
        "nodes",
        "'nodes' must be a mapping",
        EXPECTED("a mapping"),
        RECEIVED("[{a}] (a list)"),
        HINT("write 'name: …' without the dashes"),
    ),
    case(
        "nodes: {a: {'op:relu': ~}}",
        "a",
        "nodes.a",
        "a node has one of 'op', 'nodes' and 'share', and this one has none of them",
        HINT("a space is missing after the colon: op: relu"),
        after="{a",
    ),
    case(
        "nodes: {a: {in: x}}",
        "a",
        "nodes.a",
        "a node has one of 'op', 'nodes' and 'share', and this one has none of them",
        after="{a",
    ),
    case(
        "nodes: {a: {opp: x}}",
        "a",
        "nodes.a",
        "a node has one of 'op', 'nodes' and 'share', and this one has none of them",
        HINT("did you mean 'op'?"),
        after="{a",
    ),
    case(
        "nodes: {a: {op: relu, share: b}}",
        "a",
        "nodes.a",
        "a node has one of 'op', 'nodes' and 'share', and this one has op and share",
        after="{a",
    ),
    case("nodes: {a: {op: ~}}", "op", "nodes.a.op", "'op' is empty"),
    case(
        "nodes: {a: {op: my-layer}}",
        "my-layer",
        "nodes.a.op",
        "'my-layer' cannot be an operation's name",
        IDENTIFIER,
    ),
    case(
        "nodes: {a: {share: b, outputs: b}}",
        "outputs",
        "nodes.a.outputs",
        "'outputs' goes with 'nodes' or 'op', and this node has 'share'",
    ),
    case(
        "nodes: {a: {share: b, tie: {weight: c}}}",
        "tie",
        "nodes.a.tie",
        "'tie' goes with 'op', and this node has 'share'",
    ),
    case(
        "nodes: {a: {op: relu, repeat: 2, for: {c: [1]}}}",
        "for",
        "nodes.a.for",
        "a node has 'repeat' or 'for', not both",
        HINT("keep one of them"),
    ),
    case(
        "nodes: {a: {op: relu, map: true}}",
        "map",
        "nodes.a.map",
        "'map' goes with 'repeat' or 'for': it applies their copies side by side",
    ),
    case(
        "nodes: {a: {op: relu, when: attend}}",
        "attend",
        "nodes.a.when",
        "'when' must be a condition",
        CONDITION,
        RECEIVED("'attend' (text)"),
        HINT("write =attend"),
    ),
    case(
        "nodes: {a: {op: relu, when: yes}}",
        "yes",
        "nodes.a.when",
        "'when' must be a condition",
        CONDITION,
        RECEIVED("'yes' (text)"),
        HINT("write true"),
    ),
    case(
        "nodes: {a: {op: relu, when: 1}}",
        "1",
        "nodes.a.when",
        "'when' must be a condition",
        CONDITION,
        RECEIVED("1 (a whole number)"),
    ),
    case(
        "nodes: {a: {op: relu, repeat: true}}",
        "true",
        "nodes.a.repeat",
        "'repeat' must be a number of times",
        EXPECTED("a whole number of at least 0, or an expression"),
        RECEIVED("true (a truth value)"),
    ),
    case(
        "nodes: {a: {op: relu, repeat: -1}}",
        "-1",
        "nodes.a.repeat",
        "'repeat' must be a number of times",
        EXPECTED("a whole number of at least 0, or an expression"),
        RECEIVED("-1 (a whole number)"),
    ),
    case(
        "nodes: {a: {op: relu, for: {c: depths}}}",
        "depths",
        "nodes.a.for.c",
        "'for' walks lists, and 'c' is none",
        EXPECTED("a list or an expression"),
        RECEIVED("'depths' (text)"),
        HINT("write =depths"),
    ),
    case(
        "nodes: {a: {op: relu, in: =b}}",
        "=b",
        "nodes.a.in",
        "'=b' is not the name of a value",
        REFERENCE,
        HINT("'in' takes names, no expressions: leave the '=' out"),
    ),
    case(
        "nodes: {a: {op: relu, in: {x: [b, c d]}}}",
        "c d",
        "nodes.a.in.x.1",
        "'c d' is not the name of a value",
        REFERENCE,
    ),
    case(
        "nodes: {a: {op: relu, in: []}}",
        "[]",
        "nodes.a.in",
        "'in' must name the values that are read",
        EXPECTED("a name, a list of names, or names by port: {query: x, key: y}"),
        RECEIVED("[] (a list)"),
    ),
    case(
        "nodes: {a: {op: relu, path: {i}}}",
        "path",
        "nodes.a.path",
        "'path' must be text",
        EXPECTED("text"),
        RECEIVED("a mapping: YAML reads {i} as one"),
        HINT('write "{i}"'),
    ),
    case(
        "nodes: {a: {op: relu, path: a..b}}",
        "a..b",
        "nodes.a.path",
        "the path 'a..b' is no module path",
        EXPECTED(PATHS),
    ),
    case(
        "nodes: {a: {op: relu, path: features.half}}",
        "features.half",
        "nodes.a.path",
        f"the path 'features.half' cannot be: 'half' is {ATTRIBUTE}",
        HINT("choose another path"),
    ),
    *(
        case(
            f"nodes: {{a: {{op: relu, path: x.{segment}}}}}",
            f"x.{segment}",
            "nodes.a.path",
            f"the path '{f'x.{segment}':.100}' is no module path",
            EXPECTED(PATHS),
        )
        for segment in ("1a", "__init__", "_", "a" * 101)
    ),
    case(
        "nodes: {a: {op: relu, path: x._modules}}",
        "x._modules",
        "nodes.a.path",
        f"the path 'x._modules' cannot be: '_modules' is {ATTRIBUTE}",
        HINT("choose another path"),
    ),
    case(
        "nodes: {a: {op: relu, path: x.07}}",
        "x.07",
        "nodes.a.path",
        "'07' cannot be the number of a module",
        COUNTED,
        HINT("write 7"),
    ),
    case("nodes: {007: relu}", "007", "nodes.007", "'007' cannot be the number of a module", COUNTED, HINT("write 7")),
    case(
        "nodes: {1234567890: relu}",
        "1234567890",
        "nodes.1234567890",
        "'1234567890' cannot be the number of a module",
        COUNTED,
    ),
    case(
        "outputs: [a.0]",
        "a.0",
        "outputs.0",
        "the output 'a.0' needs a name of its own",
        HINT("give it one: {a_0: a.0}"),
    ),
    case("outputs: [a, a]", "[a, a]", "outputs", "'outputs' names an output twice", RECEIVED("['a', 'a'] (a list)")),
    case(
        "outputs: []",
        "[]",
        "outputs",
        "'outputs' must name the values that are handed out",
        EXPECTED("a name, a list of names, or a mapping such as {logits: fc}"),
        RECEIVED("[] (a list)"),
    ),
    case("outputs: {a b: c}", "a b", "outputs.a b", "'a b' cannot be an output's name", IDENTIFIER),
]


@pytest.mark.parametrize(("body", "expected"), CASES, ids=[body[:60] for body, _ in CASES])
def test_whole_messages(body: str, expected: str) -> None:
    assert message(model(body)) == expected
