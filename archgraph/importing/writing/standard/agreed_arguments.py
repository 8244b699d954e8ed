"""Standard blocks at one place, such as the units of a stage, say what they do by the same parameters: a width in one
and a ratio in the next would have to be read twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.standard.block_trials import StandardCall

Remade = Callable[[Call, StandardCall, Mapping[str, Any]], "StandardCall | None"]
"""A block in place of a call with other arguments, None where it would be something else."""
_Pair = tuple[Call, StandardCall]
_MOST_VALUES = 4


def with_agreed_arguments(graph: Graph, found: Mapping[int, StandardCall], remade: Remade) -> dict[int, StandardCall]:
    """The blocks that stand for calls (by id), those of one class with as few parameters as can be that differ."""
    groups: dict[tuple[Any, ...], list[_Pair]] = {}
    for call in calls_of(graph, found):
        made = found[id(call)]
        groups.setdefault((call.block, made.block.name, made.ports, made.places), []).append((call, made))
    agreed = dict(found)
    for group in groups.values():
        for call, made in _agreed(group, remade):
            agreed[id(call)] = made
    return agreed


def calls_of(graph: Graph, found: Mapping[int, StandardCall]) -> Iterator[Call]:
    """The calls that blocks stand for (by id)."""
    for item in graph.items:
        if isinstance(item, Call):
            if id(item) in found:
                yield item
            else:
                yield from calls_of(item.body, found)


def _agreed(group: Sequence[_Pair], remade: Remade) -> Sequence[_Pair]:
    counts = Counter(name for _, made in group for name in made.written)
    for name, count in sorted(counts.items(), key=lambda pair: pair[1]):
        if count < len(group):
            group = _without(group, name, remade) or _with_one_value(group, name, remade) or group
    return group


def _without(group: Sequence[_Pair], name: str, remade: Remade) -> list[_Pair] | None:
    """The blocks without a parameter, what it said being said by those of the others; None where that cannot be."""
    union = {one for _, made in group for one in made.written} - {name}
    found: list[_Pair] = []
    for call, made in group:
        if name in made.written:
            wanted = {one: made.values[one] for one in union}
            least = remade(call, made, {one: made.values[one] for one in made.written if one != name})
            other = least or remade(call, made, wanted)
            if other is None:
                return None
            made = other
        found.append((call, made))
    return found


def _with_one_value(group: Sequence[_Pair], name: str, remade: Remade) -> list[_Pair] | None:
    """The blocks with one value of a parameter, as that of an activation that some do not have."""
    values = Counter(repr(made.values[name]) for _, made in group if name in made.written)
    by_text = {repr(made.values[name]): made.values[name] for _, made in group if name in made.written}
    for text, _ in values.most_common(_MOST_VALUES):
        pairs = [
            (call, remade(call, made, {**{one: made.values[one] for one in made.written}, name: by_text[text]}))
            for call, made in group
        ]
        if all(made is not None for _, made in pairs):
            return [(call, made) for call, made in pairs if made is not None]
    return None
