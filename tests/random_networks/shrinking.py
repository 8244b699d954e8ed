"""A failing spec made small: nodes, keys, inputs and blocks are left out for as long as it fails in the same way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]
Fails = Callable[[Spec], bool]
REMOVABLE = (
    *(
        "path",
        "repeat",
        "map",
        "for",
        "when",
        "let",
        "push",
        "stacks",
        "presets",
        "outputs",
        "order",
        "blocks",
        "params",
    ),
    *("tie", "where", "bias", "padding_mode", "ceil_mode", "stride", "padding", "dilation", "groups", "in"),
)


def shrunk(spec: Spec, fails: Fails, rounds: int = 200) -> Spec:
    """The smallest spec that single deletions lead to."""
    for _ in range(rounds):
        smaller = next((found for found in _smaller(spec) if found != spec and fails(found)), None)
        if smaller is None:
            return spec
        spec = smaller
    return spec


def _smaller(spec: Spec) -> Iterator[Spec]:
    """Specs with one thing less: whole nodes first, the last ones before the others."""
    for trail in reversed(list(_bodies(spec, ()))):
        for name in reversed(list(_at(spec, trail)["nodes"])):
            yield from _without_node(spec, trail, name)
    for trail in _mappings(spec, ()):
        for key in [key for key in _at(spec, trail) if key in REMOVABLE]:
            found = copy.deepcopy(spec)
            del _at(found, trail)[key]
            yield found
    for section in ("outputs", "blocks", "inputs", "params"):
        for name in spec[section] if isinstance(spec.get(section), dict) else ():
            found = copy.deepcopy(spec)
            del found[section][name]
            yield found


def _without_node(spec: Spec, trail: tuple[str, ...], name: str) -> Iterator[Spec]:
    """The node left out, what read it reading what it read; then the same with its body in its place."""
    nodes = _at(spec, trail)["nodes"]
    names = list(nodes)
    node = nodes[name]
    given = node.get("in") if isinstance(node, dict) else None
    first = given[0] if isinstance(given, list) else next(iter(given.values())) if isinstance(given, dict) else given
    before = names[names.index(name) - 1] if names.index(name) else None
    for instead in dict.fromkeys([first, before, next(iter(spec["inputs"]))]):
        if instead is not None:
            found = copy.deepcopy(spec)
            body = _at(found, trail)
            del body["nodes"][name]
            yield _renamed(found, name, str(instead))
    if isinstance(node, dict) and isinstance(node.get("nodes"), dict):
        found = copy.deepcopy(spec)
        body = _at(found, trail)
        inner = node["nodes"]
        body["nodes"] = {
            key: item
            for each, value in body["nodes"].items()
            for key, item in (inner if each == name else {each: value}).items()
        }
        yield _renamed(found, name, list(inner)[-1])


def _renamed(value: Any, name: str, instead: str, key: str = "") -> Any:
    """References to a node replaced by those to another."""
    if isinstance(value, dict):
        return {
            each: _renamed(item, name, instead, each if each in ("in", "outputs", "share") else key)
            for each, item in value.items()
        }
    if isinstance(value, list):
        return [_renamed(item, name, instead, key) for item in value]
    if key and isinstance(value, str) and (value == name or value.startswith(f"{name}.")):
        return instead
    return value


def _bodies(spec: Any, trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(spec, dict):
        if isinstance(spec.get("nodes"), dict):
            yield trail
        for key, value in spec.items():
            yield from _bodies(value, (*trail, key))


def _mappings(spec: Any, trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(spec, dict):
        yield trail
        for key, value in spec.items():
            yield from _mappings(value, (*trail, key))


def _at(spec: Spec, trail: tuple[str, ...]) -> Any:
    for key in trail:
        spec = spec[key]
    return spec
