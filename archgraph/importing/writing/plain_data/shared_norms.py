"""A batch norm with numbers of its own that a file or a block writes several times becomes a parameter, one decision.

It is the norm that users exchange, as detectors do for frozen ones or norms of groups. Other norms stay where they are
read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.ops.contract import REGISTRY

_NAME = "norm"
_EXCHANGED = ("batch_norm1d", "batch_norm2d", "batch_norm3d")
LEAST_USES = 3


def with_shared_norms(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The plain data of a spec with such norms as parameters of the file, and of each block that uses one."""
    made = _body(spec)
    if "blocks" in made:
        made["blocks"] = {name: _body(block) for name, block in made["blocks"].items()}
    return made


def _body(body: Mapping[str, Any]) -> dict[str, Any]:
    counts = Counter(repr(norm) for norm in _norms(body["nodes"]))
    text, uses = next(iter(counts.most_common(1)), ("", 0))
    if uses < LEAST_USES or _NAME in body.get("params", {}):
        return dict(body)
    norm = next(one for one in _norms(body["nodes"]) if repr(one) == text)
    params = {**body.get("params", {}), _NAME: {"type": "node", "default": norm}}
    made: dict[str, Any] = {}
    for key, value in body.items():
        if key == ("params" if "params" in body else "presets" if "presets" in body else "inputs"):
            made["params"] = params
        if key != "params":
            made[key] = _replaced(value, norm) if key == "nodes" else value
    return made


def _norms(nodes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The norms of a body with their attributes, those that are handed to blocks among them."""
    for node in nodes.values():
        if not isinstance(node, Mapping):
            continue
        found = _norm(node)
        if found is not None:
            yield found
        for key, value in node.items():
            if key == "nodes":
                yield from _norms(value)
            elif isinstance(value, Mapping) and _norm(value) == value:
                yield dict(value)


def _norm(node: Mapping[str, Any]) -> dict[str, Any] | None:
    """The operation and its attributes, where it is a batch norm that has any, none of them an expression."""
    contract = REGISTRY.get(str(node.get("op")))
    if contract is None or contract.name not in _EXCHANGED:
        return None
    found = {key: value for key, value in node.items() if key == "op" or key in contract.model_fields}
    plain = all(not isinstance(value, str) or not value.startswith("=") for value in found.values())
    return found if len(found) > 1 and plain else None


def _replaced(nodes: Mapping[str, Any], norm: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _node(node, norm) if isinstance(node, Mapping) else node for name, node in nodes.items()}


def _node(node: Mapping[str, Any], norm: Mapping[str, Any]) -> Any:
    if _norm(node) == norm:
        left = {key: value for key, value in node.items() if key not in norm}
        return {"op": f"={_NAME}", **left} if left else f"={_NAME}"
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "nodes":
            made[key] = _replaced(value, norm)
        else:
            made[key] = f"={_NAME}" if isinstance(value, Mapping) and value == norm else value
    return made
