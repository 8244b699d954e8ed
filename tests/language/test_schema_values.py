"""What is said of unknown keys and of values that a key does not admit: whole messages."""

from __future__ import annotations

import pytest
from schema_messages import EXPECTED, HINT, RECEIVED, case, message, model, under

from archgraph.errors import ExpressionError

SPEC_KEYS = (
    "archgraph, name, about, extends, params, presets, inputs, stacks, let, nodes, outputs, order, blocks, use, "
    "assert, meta"
)


BLOCK_KEYS = (
    "name, about, extends, params, presets, inputs, stacks, let, nodes, outputs, order, blocks, assert, meta, "
    "preset, operations"
)


NODE_KEYS = (
    "op, in, when, else, repeat, for, map, chain, scan, push, path, let, inputs, nodes, outputs, order, stacks, tie, "
    "share, training"
)


CASES = [
    # Keys
    case(
        "node: {a: relu}",
        "node",
        "node",
        "there is no key 'node' here",
        EXPECTED(f"one of {SPEC_KEYS}"),
        HINT("did you mean 'nodes'?"),
    ),
    case(
        "blocks: {b: {node: {}}}",
        "node",
        "blocks.b.node",
        "there is no key 'node' here",
        EXPECTED(f"one of {BLOCK_KEYS}"),
        HINT("did you mean 'nodes'?"),
    ),
    case(
        "blocks: {b: {use: []}}",
        "use",
        "blocks.b.use",
        "a block has no key 'use'",
        HINT("'use' stands at the top of a file"),
    ),
    case(
        "inputs: {x: {shape: [N], dtyp: int64}}",
        "dtyp",
        "inputs.x.dtyp",
        "there is no key 'dtyp' here",
        EXPECTED("one of shape, dtype, when, where, each, as"),
        HINT("did you mean 'dtype'?"),
    ),
    case(
        "nodes: {g: {nodes: {a: relu}, repat: 3}}",
        "repat",
        "nodes.g.repat",
        "a group of nodes has no key 'repat'",
        EXPECTED(f"one of {NODE_KEYS}"),
        HINT("did you mean 'repeat'?"),
    ),
    case(
        "nodes: {g: {share: a, bias: 3}}",
        "bias",
        "nodes.g.bias",
        "a node that shares another's module has no key 'bias'",
        EXPECTED(f"one of {NODE_KEYS}"),
    ),
    case(
        "assert: {parameter: 3}",
        "parameter",
        "assert.parameter",
        "there is no key 'parameter' here",
        EXPECTED("one of parameters, that"),
        HINT("did you mean 'parameters'?"),
    ),
    case(
        "assert: [{message: no}]",
        "{message: no}",
        "assert.0",
        "the claim has no expression",
        EXPECTED("{that: expression, message: text}"),
    ),
    # Kinds of values
    case("about: [1]", "[1]", "about", "'about' must be text", EXPECTED("text"), RECEIVED("[1] (a list)")),
    case(
        "params: [1]",
        "[1]",
        "params",
        "'params' must be a mapping",
        EXPECTED("a mapping"),
        RECEIVED("[1] (a list)"),
        HINT("each entry has a name: write 'name: …'"),
    ),
    case("nodes: {}", "nodes", "nodes", "'nodes' is empty", EXPECTED("at least one entry")),
    case(
        "blocks: {b: 3}",
        "3",
        "blocks.b",
        "'b' must be a mapping",
        EXPECTED("a mapping"),
        RECEIVED("3 (a whole number)"),
    ),
    case("stacks: skips", "skips", "stacks", "'stacks' must be a list", EXPECTED("a list"), RECEIVED("'skips' (text)")),
    case(
        "order: x",
        "x",
        "order",
        "'order' must be a list of names",
        EXPECTED("a list of names"),
        RECEIVED("'x' (text)"),
        HINT("write [x]"),
    ),
    case("params: {a: integer}", "integer", "params.a", "'integer' is not a type of the language", HINT("write int")),
    case(
        "assert: 3",
        "3",
        "assert",
        "'assert' must be a list of claims",
        EXPECTED("a list of expressions, or {parameters: 25557032, that: [...]}"),
        RECEIVED("3 (a whole number)"),
    ),
    case(
        "assert: {parameters: many}",
        "many",
        "assert.parameters",
        "'parameters' must be a published number of parameters",
        EXPECTED("a whole number, or whole numbers by preset"),
        RECEIVED("'many' (text)"),
    ),
]


@pytest.mark.parametrize(("body", "expected"), CASES, ids=[body[:60] for body, _ in CASES])
def test_whole_messages(body: str, expected: str) -> None:
    assert message(model(body)) == expected


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
