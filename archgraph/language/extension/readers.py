"""Which nodes of a group or block may read a name, found without a look at all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archgraph.language.extension.piece import Piece
from archgraph.language.schema.references import base_name


class Readers:
    """Nodes by the names that their texts mention. A node that changes is noted once more; what it no longer mentions
    stays, so that who asks looks at the nodes themselves."""

    def __init__(self, nodes: Iterable[Piece]):
        self._by_name: dict[str, dict[int, Piece]] = {}
        for node in nodes:
            self.note(node)

    def note(self, node: Piece) -> None:
        """Adds a node under the names that it mentions now."""
        for name in set(_mentioned(node.whole())):
            self._by_name.setdefault(name, {})[id(node)] = node

    def of(self, name: str) -> list[Piece]:
        """The nodes that may mention a name."""
        return list(self._by_name.get(name, {}).values())


def readers_of(owner: Piece) -> Readers:
    """The readers among the nodes of a group or block."""
    return Readers(owner.at("nodes").opened().values())


def mentions(data: Any, name: str) -> bool:
    """Whether a text of the data reads the value of a name, or a part of it."""
    return name in _mentioned(data)


def _mentioned(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
        yield base_name(data)
    elif isinstance(data, dict):
        for value in data.values():
            yield from _mentioned(value)
    elif isinstance(data, list):
        for value in data:
            yield from _mentioned(value)
