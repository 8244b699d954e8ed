"""Lists that stages walk and that are one value but at an end, as the strides 1, 2, 2, 2: `=1 if first else 2`. Counts
of copies stay a list, which is how deep a network is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.importing.writing.numbers.values import literal
from archgraph.importing.writing.plain_data.written_nodes import all_nodes

_LEAST = 3
"""Entries that show what is usual."""


def with_ends_of_lists(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with conditions in the place of such lists, where its stages walk others too."""
    found = {**spec, "nodes": _nodes(spec["nodes"])}
    if "blocks" in spec:
        found["blocks"] = {name: {**block, "nodes": _nodes(block["nodes"])} for name, block in spec["blocks"].items()}
    return found


def _nodes(nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _node(node) if isinstance(node, Mapping) and "nodes" in node else node for name, node in nodes.items()
    }


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    inside = {**node, "nodes": _nodes(node["nodes"])}
    lists: Mapping[str, Any] = node.get("for", {})
    counts = {inner.get("repeat") for _, inner in all_nodes(node["nodes"])}
    named = {name: _condition(values) for name, values in lists.items() if f"={name}" not in counts}
    named = {name: text for name, text in named.items() if text}
    if not named or len(named) == len(lists):
        return inside
    walked = {name: values for name, values in lists.items() if name not in named}
    kept = {key: value for key, value in inside.items() if key not in ("for", "let")}
    return {"for": walked, "let": {**named, **node.get("let", {})}, **kept}


def _condition(values: Any) -> str:
    """The entries of a list by whether they are at the end that differs; '' for any other list."""
    if not isinstance(values, list) or len(values) < _LEAST or not all(isinstance(one, (int, float)) for one in values):
        return ""
    for end, differs, usual in (("first", values[0], values[1:]), ("last", values[-1], values[:-1])):
        if any(_kind(one) != _kind(usual[0]) for one in usual) or _kind(differs) == _kind(usual[0]):
            continue
        if isinstance(differs, bool) and isinstance(usual[0], bool):
            return f"={end}" if differs else f"=not {end}"
        return f"={literal(differs)} if {end} else {literal(usual[0])}"
    return ""


def _kind(value: Any) -> tuple[type, Any]:
    """What tells 1, 1.0 and true apart."""
    return type(value), value
