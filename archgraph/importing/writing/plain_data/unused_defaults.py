"""Defaults of the blocks of a family that stand for something: a parameter that every node sets needs none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = {int: "int", float: "float"}
_UNITS = (0, 1)
"""Strides, groups and paddings that everybody expects."""


def without_unused_defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with types in place of numbers that no node leaves to their block."""
    nodes = [*_applications(spec.get("nodes", {}))]
    for block in spec.get("blocks", {}).values():
        nodes += _applications(block["nodes"])
    words = _words([spec.get("params"), spec.get("presets"), *map(_arguments, nodes)])
    for name, block in spec.get("blocks", {}).items():
        chosen = name in words
        applied = [node for node in nodes if node.get("op") == name or (chosen and str(node.get("op", ""))[:1] == "=")]
        for word, default in block.get("params", {}).items():
            if type(default) in _WORDS and default not in _UNITS and applied and all(word in node for node in applied):
                block["params"][word] = _WORDS[type(default)]
    return spec


def _arguments(node: Mapping[str, Any]) -> Any:
    """What a node says besides the block that it applies, where it names that."""
    plain = not str(node.get("op", "")).startswith("=")
    return {key: value for key, value in node.items() if key != "nodes" and not (plain and key == "op")}


def _words(value: Any) -> frozenset[str]:
    """The words of all texts in a value."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", repr(value)))


def _applications(nodes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All nodes that say what they apply, at any depth."""
    for node in nodes.values():
        if isinstance(node, str):
            yield {"op": node}
        elif isinstance(node, Mapping):
            yield node
            yield from _applications(node.get("nodes", {}))
