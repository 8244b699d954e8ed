"""The nodes of a group with copies: their names, what they read, and their paths, which count with the copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from archgraph.importing.writing.lines import Line
from archgraph.importing.writing.naming import node_name
from archgraph.importing.writing.numbered_names import counted_name
from archgraph.importing.writing.repeated_groups import GroupForm, Source


def repeated_nodes(group: Line, outside: Sequence[str], depth: int, taken: Collection[str]) -> dict[str, Any]:
    """The nodes of a group. `outside` are the names of what the group reads, `depth` is how many levels of the module
    tree are groups around it, `taken` are names that would hide others."""
    form: GroupForm = group.statement.term.value
    names: list[str] = []
    for member in group.members:
        names.append(node_name(member.operation, {*taken, *names}))
    readers = Counter(source for sources in form.sources for source in sources if source[0] == "member")
    found: dict[str, Any] = {}
    for place, (member, sources) in enumerate(zip(group.members, form.sources, strict=True)):
        before = ("before", 0, 0) if not place else ("member", place - 1, 0)
        read = [_read(source, names, outside) for source in sources]
        plain = sources[0] == before and (not place or readers[before] == 1)
        keys = dict(member.keys)
        wiring = _wiring(member, read, plain)
        if wiring is not None:
            keys = {"op": keys.pop("op"), "in": wiring, **keys}
        if member.pattern is not None:
            pattern = member.pattern
            prefix = pattern.prefix.split(".", depth)[-1] if depth else pattern.prefix
            counted = f"{{i + {pattern.start}}}" if pattern.start else "{i}"
            keys["path"] = f"{prefix}{counted}{pattern.suffix}"
        found[names[place]] = keys["op"] if list(keys) == ["op"] else keys
    return found


def _read(source: Source, names: Sequence[str], outside: Sequence[str]) -> str:
    kind, place, count = source
    if kind == "before":
        return "prev"
    if kind == "member":
        return names[place]
    return outside[place] if kind == "outside" else counted_name(outside[place : place + count])


def _wiring(member: Line, read: Sequence[str], plain: bool) -> Any:
    """What a node reads; nothing where that is what stands before it and it reads nothing else (`plain`)."""
    if len(read) == 1:
        return None if plain else read[0]
    expected = list(member.statement.listed) or list(member.ports)
    if list(member.ports) == expected[: len(member.ports)]:
        return list(read)
    return dict(zip(member.ports, read, strict=True))
