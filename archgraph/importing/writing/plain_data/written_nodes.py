"""Nodes as they stand in a spec, plain data: walked, read and renamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_WORD = re.compile(r"(?<![\w.'])[A-Za-z_]\w*(?![\w'])")
_COUNTED = re.compile(r"{[^}]*}")
Path = tuple[str, ...]
BODY = ("inputs", "let", "nodes", "outputs")
"""The keys of a spec that say what the network itself computes."""


def all_nodes(nodes: Mapping[str, Any], around: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The nodes at any depth that are more than a word, with the names that lead to them."""
    for name, node in nodes.items():
        if isinstance(node, Mapping):
            yield (*around, name), node
            yield from all_nodes(node.get("nodes", {}), (*around, name))


def texts(value: Any) -> Iterator[str]:
    """All texts in plain data but for keys."""
    if isinstance(value, Mapping):
        for inside in value.values():
            yield from texts(inside)
    elif isinstance(value, (list, tuple)):
        for inside in value:
            yield from texts(inside)
    elif isinstance(value, str):
        yield value


def read_names(nodes: Mapping[str, Any]) -> set[str]:
    """The names of the values that nodes read, or hand out of groups."""
    found = (text for _, node in all_nodes(nodes) for text in texts([node.get("in"), node.get("outputs")]))
    return {text.partition(".")[0] for text in found}


def names_in_expressions(value: Any) -> set[str]:
    """The names that expressions in plain data are made of."""
    return {name for text in texts(value) for name in names_of(text)}


def names_of(text: str) -> list[str]:
    """The names in an expression, or in the expressions inside of a text; none of other texts."""
    parts = [text] if text.startswith("=") else _COUNTED.findall(text)
    return [name for part in parts for name in _WORD.findall(part)]


def replaced_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with another text for each of its texts but the keys."""
    if isinstance(value, Mapping):
        return {key: replaced_texts(inside, change) for key, inside in value.items()}
    if isinstance(value, list):
        return [replaced_texts(inside, change) for inside in value]
    return change(value) if isinstance(value, str) else value


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """Plain data in whose expressions parameters have other names."""

    def renamed(text: str) -> str:
        return _WORD.sub(lambda word: names.get(word[0], word[0]), text)

    return replaced_texts(
        value, lambda text: renamed(text) if text.startswith("=") else _COUNTED.sub(lambda part: renamed(part[0]), text)
    )


def with_node_names(nodes: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Nodes, some of which have other names, where they stand and where they are read."""
    found: dict[str, Any] = {}
    for name, node in nodes.items():
        if isinstance(node, Mapping):
            node = {key: _reading(value, names) if key in ("in", "outputs") else value for key, value in node.items()}
            if "nodes" in node:
                node["nodes"] = with_node_names(node["nodes"], names)
        found[names.get(name, name)] = node
    return found


def _reading(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _reading(inside, names) for key, inside in value.items()}
    if isinstance(value, list):
        return [_reading(inside, names) for inside in value]
    name, dot, port = str(value).partition(".")
    return f"{names.get(name, name)}{dot}{port}"
