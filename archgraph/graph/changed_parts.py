"""The operations that were added, changed and removed between two networks, as the picture of a diff colours them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archgraph.graph.diff import Difference, diff
from archgraph.graph.flat_network import FlatStep, flow
from archgraph.graph.types import Graph

OWN_ASPECTS = frozenset({"operation", "attribute", "weight", "tie", "shared", "mode"})
"""What changes in an operation itself; sizes and readers change around it."""


@dataclass(frozen=True, slots=True)
class RemovedPart:
    """A removed node or block with its path and kind; `behind` is the last operation before it that both networks have,
    '' for none."""

    path: str
    kind: str
    operations: int
    behind: str


@dataclass(frozen=True, slots=True)
class ChangedParts:
    """The operations of the second network that are new or changed, and what it lacks of the first."""

    before: str
    added: frozenset[str]
    changed: frozenset[str]
    removed: tuple[RemovedPart, ...]


def changed_parts(a: Graph, b: Graph) -> ChangedParts:
    """What of `b` is added and changed, and what of `a` is removed."""
    found = diff(a, b)
    before, after = ({step.path: step for step in flow(graph).steps} for graph in (a, b))
    return ChangedParts(
        before=a.title,
        added=frozenset(path for path in after if path not in before),
        changed=frozenset(change.path for change in found.changed if change.aspect in OWN_ASPECTS),
        removed=tuple(_removed(found, list(before), after)),
    )


def _removed(found: Difference, order: Sequence[str], after: Mapping[str, FlatStep]) -> Iterator[RemovedPart]:
    for part in found.removed:
        at = next(at for at, path in enumerate(order) if path == part.path or path.startswith(f"{part.path}."))
        behind = next((path for path in reversed(order[:at]) if path in after), "")
        yield RemovedPart(part.path, part.kind, part.operations, behind)
