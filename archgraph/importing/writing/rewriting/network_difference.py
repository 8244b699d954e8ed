"""Why networks of one class are no family: the first of their modules, or operations, that are not the same.

It is told by the paths and the classes that the networks' author gave. Numbers are no difference; what modules of one
class hold matters where all else is the same, and how many they are where what they hold is the same too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from archgraph.errors import ImportingError
from archgraph.graph.types import Call, Graph, Item, joined
from archgraph.importing.writing.modules.containers import CONTAINERS
from archgraph.importing.writing.rewriting.idioms import read_by

_Word = tuple[str, int]
"""What an item applies, and how many values it reads."""
_Told = tuple[str, str]
_NOTHING = "nothing more"
_MOST_ROWS = 6
"""So many modules of a container are told."""


def different_networks(networks: Mapping[str, Graph]) -> ImportingError:
    """The error for networks of which no spec can be written: what the first has where another one has something else.
    The one that is named first differs first."""
    (first, one), *others = networks.items()
    for way in (_in_containers, _anywhere, _counts):
        for word, other in others:
            found = next(way(one, other, ""), None)
            if found is not None:
                return _error(word, first, *found)
    word = others[-1][0] if others else first
    return _error(word, first, "the same steps, which read the same values", "the same steps, which read others")


def _error(word: str, first: str, expected: str, received: str) -> ImportingError:
    return ImportingError(
        f"{word} differs from {first} in more than numbers and parts that it lacks",
        expected=expected,
        received=received,
        hint="import it by itself, or with those that are built alike",
    )


def _in_containers(one: Graph, other: Graph, level: str) -> Iterator[_Told]:
    """The differences outside of modules that compute something themselves."""
    return _differences(one, other, level, only_containers=True)


def _anywhere(one: Graph, other: Graph, level: str) -> Iterator[_Told]:
    """The differences inside of modules, too."""
    return _differences(one, other, level, only_containers=False)


def _differences(one: Graph, other: Graph, level: str, only_containers: bool) -> Iterator[_Told]:
    ours, theirs = list(one.items), list(other.items)
    words = [*map(_word, ours)], [*map(_word, theirs)]
    for kind, start, end, from_, to in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        if kind == "equal":
            for here, there in zip(ours[start:end], theirs[from_:to], strict=True):
                if not isinstance(here, Call) or not isinstance(there, Call):
                    continue
                if here.block in CONTAINERS or not only_containers:
                    yield from _inside(here, there, level, only_containers)
            continue
        first = _new(ours[start:end], words[1])
        second = _new(theirs[from_:to], words[0])
        if first or second:
            yield _told(first, level), _told(second, level)


def _inside(one: Call, other: Call, level: str, only_containers: bool) -> Iterator[_Told]:
    """The differences of two modules of one class; where only one of two containers has something, all they hold."""
    for expected, received in _differences(one.body, other.body, joined(level, one.name), only_containers):
        lacks = _NOTHING in (expected, received) and one.block in CONTAINERS
        yield (_told(one, level), _told(other, level)) if lacks else (expected, received)


def _new(items: Sequence[Item], others: Sequence[_Word]) -> Item | None:
    """The first item that is nowhere among the others."""
    known = set(others)
    return next((item for item in items if _word(item) not in known), None)


def _counts(one: Graph, other: Graph, level: str) -> Iterator[_Told]:
    """The lists of modules of one class that are longer in one network."""
    ours, theirs = Counter(_listed(one, level)), Counter(_listed(other, level))
    for at, word in {**ours, **theirs}:
        if ours[at, word] != theirs[at, word]:
            told = [f"{at or 'at the top'}: {found[at, word] or 'no'} {word}" for found in (ours, theirs)]
            yield told[0], told[1]


def _listed(graph: Graph, level: str) -> Iterator[tuple[str, str]]:
    """The modules outside of others that compute something: the list that each stands in, and its class."""
    for item in graph.items:
        if isinstance(item, Call) or item.weights:
            yield joined(level, item.name).rpartition(".")[0], _word(item)[0]
        if isinstance(item, Call) and item.block in CONTAINERS:
            yield from _listed(item.body, joined(level, item.name))


def _word(item: Item) -> _Word:
    return item.block if isinstance(item, Call) else item.op.name, len(list(read_by(item)))


def _told(item: Item | None, level: str) -> str:
    """A module with its path, an operation with where it is called."""
    if item is None:
        return _NOTHING
    if isinstance(item, Call):
        return f"{joined(level, item.name)}: {item.block}{_content(item)}"
    around, _, last = item.name.rpartition(".")
    if item.weights or not re.fullmatch(rf"{re.escape(item.op.name)}_?\d*", last):
        return f"{joined(level, item.name)}: {item.op.name}"
    count = len(list(read_by(item)))
    several = f" of {count} values" if count > 1 else ""
    return f"{item.op.name}{several} in {joined(level, around) or 'forward'}"


def _content(call: Call) -> str:
    """What a container holds, in order; of several in a row how many they are."""
    if call.block not in CONTAINERS:
        return ""
    rows: list[tuple[str, int]] = []
    for item in call.body.items:
        name, _ = _word(item)
        count = rows.pop()[1] + 1 if rows and rows[-1][0] == name else 1
        rows.append((name, count))
    told = [name if count == 1 else f"{count} {name}" for name, count in rows]
    return f"({', '.join([*told[:_MOST_ROWS], *(['…'] if len(told) > _MOST_ROWS else [])])})"
