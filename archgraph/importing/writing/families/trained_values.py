"""Values that are computed in training only, and the classes of modules that hand them out."""

from __future__ import annotations

from archgraph.graph.types import Call, Graph


def classes_with_training_values(graph: Graph) -> set[str]:
    """Classes of modules that hand out what training alone computes, which no block can."""
    found: set[str] = set()
    _trained_values(graph, found)
    return found


def _trained_values(body: Graph, found: set[str]) -> set[int]:
    """The values of a body that are computed in training only; the classes of calls that make some of theirs so."""
    trained: set[int] = set()
    for item in body.items:
        if item.training:
            trained |= set(map(id, item.outputs))
        elif isinstance(item, Call):
            inside = _trained_values(item.body, found)
            handed = [
                id(outside)
                for outside, inner in zip(item.outputs, item.body.outputs.values(), strict=True)
                if id(inner) in inside
            ]
            trained |= set(handed)
            found |= {item.block} if handed else set()
    return trained
