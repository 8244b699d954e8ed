"""The nodes of a group with copies: their names, what they read, and their paths, which count with the copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from archgraph.graph.types import Call, joined
from archgraph.importing.writing.copies.alike_sections import SectionsForm
from archgraph.importing.writing.copies.group_form import BEFORE, GroupForm, Source
from archgraph.importing.writing.copies.repeated_stages import StagesForm
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.modules.naming import node_name
from archgraph.importing.writing.modules.numbered_names import NumberedName, counted_name
from archgraph.importing.writing.nodes.lines import Line
from archgraph.importing.writing.nodes.section_nodes import section_nodes
from archgraph.importing.writing.nodes.stage_keys import stage_paths


def repeated_nodes(group: Line, outside: Sequence[NumberedName], depth: int, taken: Collection[str]) -> dict[str, Any]:
    """The nodes of a group, behind its own path. `outside` are the names of what the group reads, `depth` is how many
    levels of the module tree are groups around it, `taken` are names that would hide others."""
    form: GroupForm | StagesForm | SectionsForm = group.statement.term.value
    if isinstance(form, SectionsForm):
        return section_nodes(form, [(one.operation, one.keys) for one in group.members], depth, taken)
    if isinstance(form, StagesForm):
        own, paths = stage_paths(form, depth)
    else:
        own, paths = {"path": "."}, [_path(pattern, depth) for pattern in form.patterns]
    names: list[str] = []
    for member in group.members:
        names.append(node_name(member.operation, {*taken, *names}))
    begin = ""
    extras = form.extras if isinstance(form, GroupForm) else ()
    if isinstance(form, GroupForm) and (form.reads_before or extras):
        begin = BEFORE if extras else node_name(BEFORE, {*taken, *names})
        own = {"inputs": {begin: ["_"] * _rank_of_input(group.members[0])}, **own}
    values = [_value_names(one) for one in group.members]
    readers = Counter(source for sources in form.sources for source in sources if source[0] == "member")
    found: dict[str, Any] = {}
    for place, (member, sources) in enumerate(zip(group.members, form.sources, strict=True)):
        before = (BEFORE, 0, 0) if not place else ("member", place - 1, 0)
        several = bool(place) and len(values[place - 1]) > 1
        read = [_read(source, names, values, outside, begin if place else "") for source in sources]
        plain = sources[0] == before and (not place or readers[before] == 1) and not several
        keys = dict(member.keys)
        wiring = _wiring(member, read, plain)
        if wiring is not None:
            keys = {"op": keys.pop("op"), "in": wiring, **keys}
        if paths[place]:
            keys["path"] = paths[place]
        elif isinstance(member.statement.made, Call):  # a function: no module, but a body, which has a path of its own
            keys["path"] = f"{names[place]}_{{i}}"
        found[names[place]] = keys["op"] if list(keys) == ["op"] else keys
    handed = {begin: names[-1], **{name: f"{names[place]}.{name}" for place, _, name in extras}} if extras else {}
    return {**own, "nodes": found, **({"outputs": handed} if handed else {})}


def _value_names(member: Line) -> Sequence[str]:
    """The names of what a node hands out; one without a name where that is all."""
    made = member.statement.made
    return list(made.body.outputs) if isinstance(made, Call) and len(made.outputs) > 1 else [""]


def _path(pattern: Pattern | None, depth: int) -> str:
    """The path of a node in each copy; '' where it has no weights."""
    if pattern is None:
        return ""
    prefix = pattern.prefix.split(".", depth)[-1] if depth else pattern.prefix
    return f"{prefix}{{i + {pattern.start}}}{pattern.suffix}" if pattern.start else f"{prefix}{{i}}{pattern.suffix}"


def _rank_of_input(first: Line) -> int:
    """The rank of what a group begins with."""
    made = first.statement.made
    return (made.inputs if isinstance(made, Call) else [*made.inputs.values()])[0].type.rank


def _read(
    source: Source,
    names: Sequence[str],
    values: Sequence[Sequence[str]],
    outside: Sequence[NumberedName],
    begin: str,
) -> str:
    """The name of what a member reads; `begin` is that of what the copy begins with, behind its first node."""
    kind, place, count = source
    if kind == BEFORE:
        return begin or "prev"
    if kind == "member":
        return joined(names[place], values[place][count])
    if kind == "outside":
        return outside[place].name
    return counted_name([one.whole for one in outside[place : place + count]])


def _wiring(member: Line, read: Sequence[str], plain: bool) -> Any:
    """What a node reads; nothing where that is what stands before it and it reads nothing else (`plain`)."""
    if len(read) == 1:
        return None if plain else read[0]
    expected = list(member.statement.listed) or list(member.ports)
    if list(member.ports) == expected[: len(member.ports)]:
        return list(read)
    return dict(zip(member.ports, read, strict=True))
