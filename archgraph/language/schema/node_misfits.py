"""Keys of a node that do not go together, and what to write in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.errors import SchemaError, nearest
from archgraph.language.reading.missing_space import space_hint, starts_pair
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.refusals import Found, Path

READ_BY_IN = "what a node reads stands under 'in': in: x"

Misfits = Iterator[tuple[Path, SchemaError]]


def misfits(fields: Mapping[str, Any], arguments: Mapping[str, Any]) -> Found:
    """What is wrong with the keys of a node: the language's, by the names of the model's fields, and the others."""
    given = {field.rstrip("_") for field in fields if field not in arguments}
    kinds = [key for key in ("op", "nodes", "share") if key in given]
    if len(kinds) != 1:
        message = (
            f"a node has one of 'op', 'nodes' and 'share', and this one has {' and '.join(kinds) or 'none of them'}"
        )
        hint = _meant(*next(iter(arguments.items()), ("", None))) if not kinds else ""
        return [((), SchemaError(message, hint=hint))]
    (kind,) = kinds
    empty = [field for field, value in fields.items() if value is None and field not in arguments]
    return [
        *(((field,), SchemaError(f"'{field}' is empty")) for field in empty),
        *(((key, "[key]"), _no_argument(key, kind)) for key in arguments if kind != "op"),
        *_of_inputs(fields.get("inputs", {})),
        *_of_kind(given, kind),
        *_of_copies(given),
        *_of_chain(given, kind),
    ]


def _of_kind(given: set[str], kind: str) -> Misfits:
    """Keys that go with another kind of node."""
    for key, owner in _OWNERS:
        if key in given and kind != owner:
            message = f"'{key}' goes with '{owner}', and this node has '{kind}'"
            yield (key, "[key]"), SchemaError(message, hint=READ_BY_IN if key == "inputs" else "")
    if "outputs" in given and kind == "share":
        yield ("outputs", "[key]"), SchemaError("'outputs' goes with 'nodes' or 'op', and this node has 'share'")


def _of_copies(given: set[str]) -> Misfits:
    """Keys that copies exclude, or that only they have."""
    copied = given & {"repeat", "for"}
    if len(copied) > 1:
        yield ("for", "[key]"), SchemaError("a node has 'repeat' or 'for', not both", hint="keep one of them")
    if "else" in given and ("when" not in given or copied):
        message = "'else' goes with 'when', of a single node: it names what is handed on where the node is left out"
        hint = "put the copies into a group that has 'when' and 'else'" if copied else ""
        yield ("else", "[key]"), SchemaError(message, hint=hint)
    if "scan" in given and copied:
        message = "a node has copies, or it is applied step by step: 'scan' goes without 'repeat' and 'for'"
        yield ("scan", "[key]"), SchemaError(message, hint="repeat a block that has the node with 'scan'")
    if "map" in given and not copied:
        message = "'map' goes with 'repeat' or 'for': it applies their copies side by side"
        yield ("map", "[key]"), SchemaError(message)


def _of_chain(given: set[str], kind: str) -> Misfits:
    """A chain without copies that it could link, or beside copies that stand side by side."""
    if "chain" not in given:
        return
    if kind == "share":
        yield ("chain", "[key]"), SchemaError("'chain' goes with 'op' or 'nodes', and this node has 'share'")
        return
    if kind == "nodes" and "inputs" not in given:
        message = "'chain' names the input that each copy takes from the one before, and this group has none"
        yield ("chain", "[key]"), SchemaError(message, hint="give it a name: inputs: {before: [...]}")
        return
    if not given & {"map", "repeat", "for", "scan"}:
        names = "it names the inputs that each copy takes from the one before"
        yield ("chain", "[key]"), SchemaError(f"'chain' goes with 'repeat' or 'for', or with 'scan': {names}")
    if "map" in given:
        message = "copies chain, or they stand side by side: a node has 'chain' or 'map'"
        yield ("chain", "[key]"), SchemaError(message, hint="keep one of them")


_OWNERS = (
    *(("inputs", "nodes"), ("order", "nodes"), ("stacks", "nodes")),
    *(("tie", "op"), ("scan", "op")),
)
"""Keys that go with one kind of node only."""


def _of_inputs(inputs: Mapping[str, Any]) -> Found:
    """A group has one input, and it is there in every case."""
    found: Found = []
    if len(inputs) > 1:
        message, hint = "a group has one input", "nodes inside the group may name whatever stands around it"
        found.append((("inputs", list(inputs)[1], "[key]"), SchemaError(message, hint=hint)))
    for name, given in inputs.items():
        for key in ("when", "each"):
            if getattr(given, key) is not None:
                message = f"the input of a group has no '{key}'"
                found.append((("inputs", name, key, "[key]"), SchemaError(message, hint="make the group a block")))
    return found


def _meant(key: str, value: Any) -> str:
    """What to write in the place of the first key of a node that has no kind."""
    if starts_pair(key):  # in quotes, or from Python: as plain YAML it is refused when it is read
        return space_hint(key)
    if key in _KINDS_ELSEWHERE:
        return f"what a node applies stands under 'op': op: {value}" if isinstance(value, str) else "write 'op'"
    return nearest(key, ("op", "nodes", "share"))


_KINDS_ELSEWHERE = frozenset(
    ("type", "layer", "module", "class", "class_name", "kind", "name", "operation", "operator", "op_type", "target")
)


def _no_argument(key: str, kind: str) -> SchemaError:
    what = "a group of nodes" if kind == "nodes" else "a node that shares another's module"
    message, expected = f"{what} has no key '{key}'", f"one of {', '.join(NODE_KEYS)}"
    return SchemaError(message, expected=expected, hint=nearest(key, NODE_KEYS))
