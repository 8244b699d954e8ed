"""Which nodes of a file run where, as ONNX Runtime itself assigned them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Node = tuple[str, str]

RECORD = ("session.record_ep_graph_assignment_info", "1")


@dataclass(frozen=True, slots=True)
class Placement:
    """The nodes of each provider, as (operation, name): the file's own, less those that are folded on any device."""

    nodes: Mapping[str, tuple[Node, ...]]

    def count(self, provider: str) -> int:
        """How many nodes a provider runs."""
        return len(self.nodes.get(provider, ()))

    def operations(self, provider: str) -> dict[str, int]:
        """How often a provider runs which operation, by name."""
        found = Counter(operation for operation, _ in self.nodes.get(provider, ()))
        return dict(sorted(found.items()))

    def counts(self) -> dict[str, int]:
        """How many nodes each provider runs."""
        return {provider: len(nodes) for provider, nodes in self.nodes.items()}

    def __str__(self) -> str:
        return "\n".join(
            f"{provider}: {self.count(provider)} nodes ("
            + ", ".join(f"{operation} × {count}" for operation, count in self.operations(provider).items())
            + ")"
            for provider in self.nodes
        )


def reports_placement(ort: Any) -> bool:
    """Whether this ONNX Runtime reports which provider runs a node; older ones do not."""
    return hasattr(ort.InferenceSession, "get_provider_graph_assignment_info")


def placement_of(session: Any) -> Placement | None:
    """The placement of a session that was opened with RECORD; None where ONNX Runtime does not tell it."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    found: dict[str, list[Node]] = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, []).extend((node.op_type, node.name) for node in part.get_nodes())
    return Placement({provider: tuple(nodes) for provider, nodes in found.items()})
