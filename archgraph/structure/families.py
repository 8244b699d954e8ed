"""The order of the work: which instances belong to one family, and which families others are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Instance = TypeVar("Instance")


def families(
    root: Instance, inside: Callable[[Instance], Iterable[Instance]], family: Callable[[Instance], Hashable]
) -> list[list[Instance]]:
    """The root and the instances inside it, family by family, those that others are made of first.

    `inside` gives the instances that one is made of, `family` what one belongs to. Where a family would be made of
    itself, families are split by how deep their members are nested.
    """
    found: list[Instance] = []
    heights: dict[int, int] = {}
    _visit(root, inside, heights, found)
    ordered = _ordered(found, inside, family)
    if ordered is None:
        ordered = _ordered(found, inside, lambda instance: (family(instance), heights[id(instance)]))
    assert ordered is not None, "heights leave no cycles"
    return ordered


def _visit(
    instance: Instance,
    inside: Callable[[Instance], Iterable[Instance]],
    heights: dict[int, int],
    found: list[Instance],
) -> int:
    """The height of an instance. `found` gains it and all inside, those that others are made of first."""
    if id(instance) not in heights:
        below = [_visit(child, inside, heights, found) for child in inside(instance)]
        heights[id(instance)] = 1 + max(below, default=0)
        found.append(instance)
    return heights[id(instance)]


def _ordered(
    instances: list[Instance], inside: Callable[[Instance], Iterable[Instance]], key: Callable[[Instance], Hashable]
) -> list[list[Instance]] | None:
    """The families in the order of their making; None where one would be made of itself."""
    grouped: dict[Hashable, list[Instance]] = {}
    for instance in instances:
        grouped.setdefault(key(instance), []).append(instance)
    below = {  # in the order of their making, so that the same text is written in every process
        name: dict.fromkeys(key(child) for one in members for child in inside(one)) for name, members in grouped.items()
    }
    try:
        return [grouped[name] for name in TopologicalSorter(below).static_order()]
    except CycleError:
        return None
