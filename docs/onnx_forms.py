"""Which operators an operation becomes in an exported file, by profile: from the rules, for one example of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import archgraph
from archgraph.errors import ArchgraphError
from archgraph.export.lowering.emit import emit
from archgraph.export.profiles import PROFILES
from archgraph.graph import Graph
from archgraph.ops.contract import Example, lookup

MOST_NAMED = 12
"""Of a longer form the first operators are named."""


def onnx_forms(name: str) -> Mapping[str, str]:
    """The operators by profile, for the first example that is a network by itself; nothing where none is."""
    for example in lookup(name).examples:
        try:
            graph = archgraph.load(_network(name, example))
            return {profile: _operators(graph, profile) for profile in PROFILES}
        except ArchgraphError:
            continue
    return {}


def _operators(graph: Graph, profile: str) -> str:
    nodes = emit(graph, PROFILES[profile]).nodes
    names = [f"{node.domain}.{node.kind}" if node.domain else node.kind for node in nodes]
    counted = {name: names.count(name) for name in names}
    words = [name if count == 1 else f"{name} ×{count}" for name, count in counted.items()]
    return ", ".join([*words[:MOST_NAMED], *(["…"] if len(words) > MOST_NAMED else [])]) or "none"


def _network(name: str, example: Example) -> dict[str, Any]:
    """A network of the operation alone, with the example's inputs."""
    inputs = {port.replace(".", "_"): given for port, given in example.inputs.items()}
    ports: dict[str, Any] = {}
    for port in example.inputs:
        main, _, number = port.partition(".")
        if number:
            ports.setdefault(main, []).append(port.replace(".", "_"))
        else:
            ports[main] = port
    return {
        "archgraph": 1,
        "name": "example",
        "inputs": {key: {"shape": list(given.shape), "dtype": given.dtype} for key, given in inputs.items()},
        "nodes": {"it": {"op": name, **({"in": ports} if ports else {}), **example.attributes}},
    }
