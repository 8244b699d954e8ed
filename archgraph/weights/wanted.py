"""The weights that a network wants: key, shape, element type, and with which other one it shares its tensor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from archgraph.graph.keys import weights
from archgraph.graph.types import Graph

OPTIONAL = "num_batches_tracked"
"""Older checkpoints lack these counters, which inference never reads; torch loads them all the same."""


@dataclass(frozen=True, slots=True)
class WantedWeight:
    """A weight of a network; `tied` is the key of the one whose tensor it shares, or ''.

    `computed`: a buffer that the network makes itself, such as the indices of relative positions. Some libraries store
    it and others do not, so files may lack it.
    """

    shape: tuple[int, ...]
    dtype: str
    tied: str = ""
    computed: bool = False


Wanted: TypeAlias = Mapping[str, WantedWeight]
"""The weights of a network by key, in torch's order."""


def wanted_by(graph: Graph) -> dict[str, WantedWeight]:
    """The weights of a graph."""
    return {
        item.key: WantedWeight(item.weight.shape, item.weight.dtype, item.tied, item.weight.init.kind == "computed")
        for item in weights(graph)
    }


def left_to_compute(tensors: Collection[str], wanted: Wanted) -> tuple[str, ...]:
    """The weights that the network computes, and that a file with these keys lacks."""
    return tuple(key for key, weight in wanted.items() if weight.computed and key not in tensors)


def is_optional(key: str) -> bool:
    """Whether a network does without a weight of this key."""
    return key.rpartition(".")[2] == OPTIONAL


def tied_groups(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """For each key the keys that share its tensor, itself included."""
    roots = {key: _root(key, wanted) for key in wanted}
    groups: dict[str, list[str]] = {}
    for key, root in roots.items():
        groups.setdefault(root, []).append(key)
    return {key: tuple(groups[root]) for key, root in roots.items()}


def _root(key: str, wanted: Wanted) -> str:
    seen = {key}
    while (found := wanted.get(key)) is not None and found.tied and found.tied not in seen:
        key = found.tied
        seen.add(key)
    return key
