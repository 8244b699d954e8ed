"""Nodes as JSON Schemas: a node's operation decides which arguments it may have and must have.

What a file may apply is known to three degrees: exactly (`Known`), where it has no blocks of its own, or these are
given; known names and others (`Open`), where it has some; and not at all (`Hidden`), where a block of its own hides a
known name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.language.editor.arguments import Applied
from archgraph.language.editor.value_forms import JsonSchema

Definitions = dict[str, JsonSchema]
Condition = Callable[[Sequence[str]], JsonSchema]
"""Whether a node has one of some names."""

KNOWN, OPEN, HIDDEN = "Known", "Open", "Hidden"
DEGREES = (KNOWN, OPEN, HIDDEN)
WIDTH = 8
"""Into how many parts the names are divided at each step of the search for one of them."""
NO_TEXT: JsonSchema = {"type": "object"}
UNKNOWN = "there is no operation or block of this name: 'archgraph ops' and 'archgraph blocks' list them"
KINDLESS = "a node has one of 'op', 'nodes' and 'share'"
SHAPELESS = "a node is an operation's name, or a mapping such as {op: conv2d, …}"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What nodes apply. Of blocks inside of blocks nothing but the names is known: each name may mean several."""

    applied: tuple[Applied, ...]
    inner: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(sorted({*(one.name for one in self.applied), *self.inner}))

    @property
    def checked(self) -> tuple[Applied, ...]:
        """What has one meaning in the whole file."""
        return tuple(one for one in self.applied if one.name not in self.inner)


def ref(name: str) -> JsonSchema:
    """A definition by its name."""
    return {"$ref": f"#/$defs/{name}"}


def node_definitions(vocabulary: Vocabulary, keys: Mapping[str, JsonSchema]) -> Definitions:
    """All definitions that nodes need; `keys` are the keys of nodes."""
    node_keys: JsonSchema = {f"^({'|'.join(keys)})$": {}}
    checked, names = vocabulary.checked, vocabulary.names
    found: Definitions = {_meaning_of(one.name): {"description": f"{one.name}: {one.meaning}"} for one in checked}
    found |= {one.name: one.schema(node_keys, ref(_meaning_of(one.name))) for one in checked}  # editors show its name
    found["Names"] = {"pattern": f"^{_any_of(names)}$"}
    found["Suggested"] = _suggested(vocabulary)
    found["Arguments"] = {
        "if": {"required": ["op"]},
        "then": _search([one.name for one in checked], _applies, ref),
        "else": {"patternProperties": node_keys, "additionalProperties": False},
    }
    found["NodeKeys"] = {"properties": {key: value for key, value in keys.items() if key not in ("op", "nodes")}}
    found["Text"] = _search([one.name for one in checked], _is_one_of, {one.name: _text(one) for one in checked}.get)
    for degree in DEGREES:
        found |= _of_degree(degree, names, keys)
    return found


def _meaning_of(name: str) -> str:
    return f"{name}."


def _suggested(vocabulary: Vocabulary) -> JsonSchema:
    """What editors complete. It admits nothing, so that they do not show all names where one of them stands."""
    meanings = {one.name: one.meaning for one in vocabulary.applied}
    names = vocabulary.names
    return {"enum": list(names), "enumDescriptions": [meanings.get(name, "") for name in names], "not": {}}


def _of_degree(degree: str, names: Sequence[str], keys: Mapping[str, JsonSchema]) -> Definitions:
    """The nodes of a file whose names are known to a degree."""
    exact = {"pattern": f"^(=|{_any_of(names)}$)", "patternErrorMessage": UNKNOWN}
    shape = {key: value for key, value in keys["op"].items() if key != "description"}
    text, arguments = ([], []) if degree == HIDDEN else ([ref("Text")], [ref("Arguments")])
    op = {"description": keys["op"]["description"], **ref(f"Name{degree}")}
    nodes = {"description": keys["nodes"]["description"], **ref(f"Nodes{degree}")}
    # Of several descriptions editors show the first: that of the operation comes before that of the key.
    parts = [*arguments, {"properties": {"op": op, "nodes": nodes}}, ref("NodeKeys"), _has_a_kind()]
    return {
        f"Nodes{degree}": {"type": "object", "additionalProperties": ref(f"Node{degree}")},
        f"Node{degree}": {
            "type": ["object", "string"],
            "errorMessage": SHAPELESS,
            "anyOf": [{}, ref("Suggested")],
            "if": {"type": "string"},
            "then": {"allOf": [*text, ref(f"Name{degree}")]},
            "else": {"type": "object", "allOf": parts},
        },
        f"Name{degree}": {"type": "string", "anyOf": [exact if degree == KNOWN else shape, ref("Suggested")]},
    }


def _has_a_kind() -> JsonSchema:
    kinds = [{"required": [kind]} for kind in ("op", "nodes", "share")]
    return {"if": {"anyOf": kinds}, "else": {"required": ["op"], "errorMessage": KINDLESS}}


def _text(one: Applied) -> JsonSchema:
    """A node that is a name: it has no arguments, so none may be required."""
    meaning = ref(_meaning_of(one.name))
    return {**NO_TEXT, "errorMessage": one.lacking, "allOf": [meaning]} if one.required else meaning


def _search(names: Sequence[str], condition: Condition, found: Callable[[str], Any]) -> JsonSchema:
    """What is found for the name that a node has: a decision tree, since comparing it with each would be slow."""
    if len(names) <= WIDTH:
        return {"allOf": [{"if": condition([name]), "then": found(name)} for name in names]}
    size = -(-len(names) // WIDTH)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    return {"allOf": [{"if": condition(part), "then": _search(part, condition, found)} for part in parts]}


def _is_one_of(names: Sequence[str]) -> JsonSchema:
    """By a pattern: an enumeration in a condition would be shown where somebody asks what an operation is."""
    return {"const": names[0]} if len(names) == 1 else {"type": "string", "pattern": f"^{_any_of(names)}$"}


def _applies(names: Sequence[str]) -> JsonSchema:
    return {"properties": {"op": _is_one_of(names)}}


def _any_of(names: Iterable[Any]) -> str:
    return f"({'|'.join(map(re.escape, names))})"
