"""The JSON Schema of a spec, with every operation and block: what `archgraph schema` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from archgraph.language.definitions import definitions
from archgraph.language.editor.arguments import block, operations, standard
from archgraph.language.editor.meta import meta_schema
from archgraph.language.editor.nodes import DEGREES, HIDDEN, KNOWN, OPEN, Vocabulary, node_definitions, ref
from archgraph.language.editor.repetition import shared
from archgraph.language.editor.value_forms import JsonSchema
from archgraph.language.schema.json_schema import json_schema
from archgraph.language.schema.spec import BlockSpec, Spec
from archgraph.plugins import ENABLED

OWN_NAMES = ("blocks", "use", "extends")
"""Keys that bring blocks of the file's own."""
NODE_CHANGES = ("replace", "before", "after")
"""Changes of an extension that hold whole nodes."""


def spec_schema(spec: Spec | None = None) -> JsonSchema:
    """The JSON Schema (2020-12) of all specs, or of one: with the blocks of its own, so that no other name is admitted.

    Editors that know draft 7 read it too. Raises SpecError where a file that the spec uses cannot be read.
    """
    return _general(tuple(ENABLED)) if spec is None else _schema(spec)


@cache
def _general(plugins: tuple[str, ...]) -> JsonSchema:
    """The schema of all specs, with what these plugins add."""
    return _schema(None)


def _schema(spec: Spec | None) -> JsonSchema:
    keys = json_schema()
    models: dict[str, Any] = keys.pop("$defs")
    found = node_definitions(_vocabulary(spec), models["NodeModel"]["properties"])
    found["InputModel"] = models["InputModel"]
    found["Meta"] = meta_schema()
    for degree in DEGREES:
        found[f"Body{degree}"] = _body(degree, given=spec is not None)
        found[f"Block{degree}"] = {**_keys(models["BlockModel"]), "allOf": [_by_hidden(degree)]}
    body = ref(f"Body{KNOWN}") if spec is not None else _by_own_names()
    return shared({**_keys(keys), "allOf": [body], "$defs": found})


# --- names ------------------------------------------------------------------------------------------------------------


def _vocabulary(spec: Spec | None) -> Vocabulary:
    """The operations and the standard blocks, and in their places the spec's own blocks."""
    node = ref(f"Node{OPEN if spec is None else KNOWN}")
    found = {one.name: one for one in (*operations(), *standard(node))}
    inner: set[str] = set()
    if spec is not None:
        visible = definitions(spec)
        found |= {name: block(name, own, node) for name, (own, _) in visible.blocks.items()}
        inner = {*visible.ambiguous, *_inner_names(own for own, _ in visible.blocks.values())}
        inner |= {name for own, _ in visible.blocks.values() for name in own.operations}
    return Vocabulary(tuple(found[name] for name in sorted(found)), tuple(sorted(inner)))


def _inner_names(blocks: Iterable[BlockSpec]) -> Iterator[str]:
    """The names of all blocks inside of blocks."""
    for own in blocks:
        yield from own.blocks
        yield from _inner_names(own.blocks.values())


# --- keys -------------------------------------------------------------------------------------------------------------


def _keys(schema: JsonSchema) -> JsonSchema:
    """The keys of a spec or a block; what nodes, blocks and changes hold stands in its body."""
    replaced = {"nodes", "blocks", *NODE_CHANGES}
    properties = {
        key: {"description": value["description"]} if key in replaced else value
        for key, value in schema["properties"].items()
    }
    properties["meta"] = {"description": properties["meta"]["description"], **ref("Meta")}
    return {**schema, "properties": properties}


def _by_own_names() -> JsonSchema:
    """The body of a spec: with keys that bring blocks of its own, other names than the known ones mean something."""
    own = {"anyOf": [{"required": [key]} for key in OWN_NAMES]}
    return {"if": own, "then": _by_hidden(OPEN), "else": ref(f"Body{KNOWN}")}


def _by_hidden(degree: str) -> JsonSchema:
    """The body of what has blocks of its own: nothing is known where one of them hides a known name."""
    if degree != OPEN:
        return ref(f"Body{degree}")
    hiding = {"anyOf": [_hides("blocks"), _hides("use")]}
    return {"if": hiding, "then": ref(f"Body{HIDDEN}"), "else": ref(f"Body{OPEN}")}


def _hides(key: str) -> JsonSchema:
    names = {"type": "object", "not": {"propertyNames": {"not": ref("Names")}}}
    return {"required": [key], "properties": {key: names}}


def _body(degree: str, given: bool) -> JsonSchema:
    """What holds nodes. `given` is whether the blocks of the file's own are known too."""
    node, nodes = ref(f"Node{degree}"), ref(f"Nodes{degree}")
    own = ref(f"Block{degree if given or degree == HIDDEN else OPEN}")
    changes: JsonSchema = {
        "replace": {"type": "object", "additionalProperties": node},
        "before": {"type": "object", "additionalProperties": nodes},
        "after": {"type": "object", "additionalProperties": nodes},
    }
    return {
        "properties": {
            "nodes": {**nodes, "minProperties": 1},
            "blocks": {"type": "object", "additionalProperties": own},
            **changes,
        }
    }
