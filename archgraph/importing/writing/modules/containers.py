"""Modules that hold others and compute nothing themselves."""

from __future__ import annotations

from archgraph.graph.types import Call, Item

CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})
SEQUENCE = "sequence of "
"""Begins the names of classes of containers of which it is open whether they become blocks."""


def is_container(item: Item) -> bool:
    """Whether an item is a container, or of a class that may become one again."""
    return isinstance(item, Call) and (item.block in CONTAINERS or item.block.startswith(SEQUENCE))
