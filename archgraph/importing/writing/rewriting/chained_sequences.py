"""Sequences of alike sequences, of which some in a list are longer than others: the branch that is halved twice has two
convolutions with their norms, the one beside it has one. They are one class, which is told how many there are.

The last of a sequence may lack what ends the others, as the activation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import pairwise

from archgraph.graph.types import Call, Graph, Item
from archgraph.importing.writing.modules.containers import is_container
from archgraph.importing.writing.modules.copy_pattern import NUMBER

_Words = tuple[str, ...]
_Key = tuple[str, _Words]
"""The name of a list without its numbers, and what the last sequence of each of its chains applies."""


def chains_of_lists(graph: Graph) -> Mapping[int, Hashable]:
    """What tells the chains that are one class, by the id of each chain's call."""
    rows: dict[_Key, list[Call]] = {}
    for key, call in _chains(graph):
        rows.setdefault(key, []).append(call)
    uneven = {key: row for key, row in rows.items() if len({len(call.body.items) for call in row}) > 1}
    return {id(call): key for key, row in uneven.items() for call in row}


def _chains(graph: Graph) -> Iterator[tuple[_Key, Call]]:
    for item in graph.items:
        if isinstance(item, Call):
            level, _, last = item.name.rpartition(".")
            words = _last_words(item) if level and last.isdecimal() else ()
            if words:
                yield (NUMBER.sub("#", level), words), item
            yield from _chains(item.body)


def _last_words(call: Call) -> _Words:
    """What the last sequence of a chain applies, with which the others begin; () where it is no chain."""
    items = call.body.items
    if not is_container(call) or not items or not all(map(is_container, items)):
        return ()
    rows = [tuple(map(_word, item.body.items)) for item in items if isinstance(item, Call)]
    alike = len(set(rows[:-1])) <= 1 and rows[0][: len(rows[-1])] == rows[-1]
    chained = all(_reads_only(here, before) for before, here in pairwise(items))
    numbered = [item.name for item in items] == [str(place) for place in range(len(items))]
    return rows[-1] if alike and chained and numbered and len(rows[-1]) > 1 else ()


def _reads_only(here: Item, before: Item) -> bool:
    assert isinstance(here, Call)
    return [id(value) for value in here.inputs] == [id(value) for value in before.outputs]


def _word(item: Item) -> str:
    return item.block if isinstance(item, Call) else item.op.name
