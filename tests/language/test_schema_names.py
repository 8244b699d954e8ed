"""Which names may not be chosen: reserved ones, and those that are taken; whole messages."""

from __future__ import annotations

import pytest
from schema_messages import ATTRIBUTE, EXPECTED, HINT, IDENTIFIER, RECEIVED, case, message, model, spec, under

from archgraph.errors import UnknownNameError
from archgraph.language.schema import names


def reserved(body: str, name: str, path: str, what: str, why: str) -> tuple[str, str]:
    hint = HINT(f"choose another name, such as '{name}_1'")
    return case(body, name, path, f"'{name}' cannot be {what}: it is {why}", hint)


def taken(body: str, name: str, path: str, what: str, after: str) -> tuple[str, str]:
    hint = HINT("nothing may shadow another name: rename one")
    return case(body, name, path, f"the name '{name}' is taken by {what}", hint, after=after)


CASES = [
    reserved("nodes: {half: relu}", "half", "nodes.half", "a node's name", ATTRIBUTE),
    reserved("nodes: {prev: relu}", "prev", "nodes.prev", "a node's name", "how a node reads the one before it"),
    reserved("nodes: {last: relu}", "last", "nodes.last", "a node's name", "bound by 'repeat' and 'for'"),
    reserved("nodes: {class: relu}", "class", "nodes.class", "a node's name", "a keyword of Python"),
    reserved("nodes: {self: relu}", "self", "nodes.self", "a node's name", "what a module calls itself"),
    reserved("inputs: {train: [N]}", "train", "inputs.train", "an input's name", ATTRIBUTE),
    reserved("params: {when: 3}", "when", "params.when", "a parameter's name", "a key that every node has"),
    reserved("params: {int: 3}", "int", "params.int", "a parameter's name", "a word for a type"),
    reserved("params: {sum: 3}", "sum", "params.sum", "a parameter's name", "a function of the expression language"),
    reserved("let: {null: 3}", "null", "let.null", "a name in expressions", "a value"),
    reserved("stacks: [append]", "append", "stacks.0", "a stack's name", ATTRIBUTE),
    case("nodes: {_a: relu}", "_a", "nodes._a", "'_a' cannot be a node's name", IDENTIFIER),
    case("nodes: {a.b: relu}", "a.b", "nodes.a.b", "'a.b' cannot be a node's name", IDENTIFIER),
    case(
        'presets: {"a b": {}}',
        '"a b"',
        "presets.a b",
        "'a b' cannot be a preset's name",
        EXPECTED("letters, digits, _, - and ., starting with a letter or a digit"),
    ),
    # The two namespaces
    taken("inputs: {x: [N]}, nodes: {x: relu}", "x", "nodes.x", "an input", "nodes"),
    taken("inputs: {x: [N]}, stacks: [x]", "x", "stacks.0", "an input", "stacks"),
    taken("stacks: [x], nodes: {x: relu}", "x", "nodes.x", "a stack", "nodes"),
    taken("nodes: {a: relu, g: {nodes: {a: relu}}}", "a", "nodes.g.nodes.a", "a node", "g:"),
    taken("nodes: {g: {stacks: [s], nodes: {s: relu}}}", "s", "nodes.g.nodes.s", "a stack", "{s:"),
    taken("params: {k: 3}, let: {k: 4}", "k", "let.k", "a parameter", "let"),
    taken("inputs: {x: [N]}, let: {N: 4}", "N", "let.N", "a size", "let"),
    taken("params: {k: 3}, nodes: {a: {op: relu, for: {k: [1]}}}", "k", "nodes.a.for.k", "a parameter", "for"),
    taken("nodes: {a: {op: relu, for: {k: [1]}, let: {k: 2}}}", "k", "nodes.a.let.k", "a loop variable", "let"),
    taken(
        "let: {k: 3}, nodes: {g: {nodes: {a: {op: relu, let: {k: 2}}}}}",
        "k",
        "nodes.g.nodes.a.let.k",
        "a value of 'let'",
        "op",
    ),
    # Presets
    case(
        "params: {k: 3}, presets: {a: {k: true}}",
        "true",
        "presets.a.k",
        "the parameter 'k' has a wrong value",
        EXPECTED("a whole number"),
        RECEIVED("true (a truth value)"),
        HINT("a truth value is not a number"),
    ),
]


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


def test_a_name_may_come_again_where_it_is_not_seen() -> None:
    spec(
        model("nodes: {g: {nodes: {a: relu, g: relu}}, h: {nodes: {a: relu}}, a: relu}")
    )  # groups end; g is not read in g
    spec(model("nodes: {0: relu, 1: {nodes: {0: relu, 1: relu}}}"))  # numbers count afresh in each group
    spec(model("params: {heads: 2}, nodes: {heads: relu}"))  # two namespaces
    spec(model("nodes: {a: {op: relu, for: {c: [1]}}, b: {op: relu, for: {c: [2]}}}"))
    spec(model("inputs: {x: [N, C], y: [N, C]}"))  # symbols match


def test_reserved_names_are_those_of_torch() -> None:
    """What a newer torch adds to its modules must be reserved too."""
    from torch import nn

    taken = {
        name for kind in (nn.Module, nn.Sequential, nn.ModuleList) for name in dir(kind()) if not name.startswith("__")
    }
    assert taken <= names.MODULE_ATTRIBUTES | names.PRIVATE_ATTRIBUTES
