"""Standard blocks that only some networks of a family have at a place, where the others have more layers in their list:
all of them are written layer by layer, so that what the others have besides is a part of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from archgraph.graph.types import Call, Graph, joined
from archgraph.importing.writing.modules.containers import CONTAINERS, SEQUENCE
from archgraph.importing.writing.modules.joint_network import networks
from archgraph.importing.writing.standard.block_trials import StandardCall


def with_agreed_places(graph: Graph, found: Mapping[int, StandardCall]) -> dict[int, StandardCall]:
    """The calls that standard blocks stand for, by id, without lists of layers at whose place another network has a
    list for which none stands."""
    rows = [dict(_lists(call.body, "", Counter(_classes(call.body)))) for call in networks(graph)]
    left_out: set[int] = set()
    for path in {path for row in rows for path in row}:
        calls = [row[path] for row in rows if path in row]
        if any(id(call) not in found for call in calls):
            left_out |= {id(call) for call in calls if not any(isinstance(item, Call) for item in call.body.items)}
    return {key: made for key, made in found.items() if key not in left_out}


def _classes(body: Graph) -> Iterator[str]:
    for item in body.items:
        if isinstance(item, Call):
            yield item.block
            yield from _classes(item.body)


def _lists(body: Graph, around: str, counts: Mapping[str, int]) -> Iterator[tuple[str, Call]]:
    """The lists of layers of a network by their paths, outside of classes that it has several modules of."""
    for item in body.items:
        if not isinstance(item, Call):
            continue
        path, listed = joined(around, item.name), item.block in CONTAINERS or item.block.startswith(SEQUENCE)
        if listed:
            yield path, item
        if listed or counts[item.block] == 1:
            yield from _lists(item.body, path, counts)
