"""Levels of the module tree that must be no groups, so that the keys of the state dict keep their order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from archgraph.importing.writing.modules.naming import levels
from archgraph.importing.writing.nodes.lines import Line

Named = Sequence[tuple[str, Line]]
"""Lines with their paths below the group around them."""


def levels_before_others(named: Named, unread: Collection[int], keys: Sequence[str]) -> set[str]:
    """Levels in which parts of training only, which stand outside of groups, come before others of their kind: a group
    would put its own first. `unread` are the ids of lines that stand in their levels anyhow."""
    first = first_places(keys)
    last: dict[tuple[str, bool], int] = {}
    for path, line in named:
        for prefix in [] if line.in_training else levels(path):
            unit = (prefix.rpartition(".")[0], prefix == path and line.is_tensor)
            last[unit] = max(last.get(unit, -1), first.get(prefix, -1))
    known = {level for level, _ in last}
    found: set[str] = set()
    for path, line in named:
        if line.in_training and id(line) not in unread and path in first:
            outermost = next((prefix for prefix in levels(path) if prefix not in known), path)
            level = outermost.rpartition(".")[0]
            if first[outermost] < last.get((level, outermost == path and line.is_tensor), -1):
                found.add(level.partition(".")[0])
    return found


def first_places(keys: Sequence[str]) -> dict[str, int]:
    """The place of the first key below each level."""
    found: dict[str, int] = {}
    for place, key in enumerate(keys):
        for prefix in levels(key):
            found.setdefault(prefix, place)
    return found
