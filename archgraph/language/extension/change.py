"""The changes of an extension: one for each path under `set`, `replace`, `before`, `after`, `wrap`, `remove`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from archgraph.errors import Mark, combined
from archgraph.language.extension.piece import Piece
from archgraph.language.reading.document import Document
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.models import ChangesModel
from archgraph.language.schema.node_patterns import NodePattern, node_pattern
from archgraph.language.schema.validation_errors import complaints

CLOSING = ("remove", "replace")
"""After these, nothing is left of what a node applied before."""
MOST_CHANGES = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class StatedChange:
    """One change: what is done, to which nodes, and with what."""

    verb: str
    pattern: NodePattern
    value: Piece
    number: int

    @property
    def mark(self) -> Mark | None:
        """Where the change stands."""
        return self.value.mark

    def __str__(self) -> str:
        return f"{self.verb}: {self.pattern.text}"

    def sets(self, key: str) -> bool:
        """Whether it writes this key of a node."""
        return self.verb in ("set", "replace") and key in self.value.opened()


def require_changes(document: Document, *where: str) -> None:
    """Raises SchemaError with what is wrong in the keys of an extension."""
    data = document.data
    for step in where:
        data = data[step]
    try:
        ChangesModel.model_validate(data)
    except ValidationError as error:
        raise combined(complaints(error, document, where)) from None


def changes_of(extension: Piece) -> tuple[StatedChange, ...]:
    """The changes in the order of the keys."""
    stated = enumerate(_stated(extension))
    return tuple(StatedChange(verb, node_pattern(text), value, at) for at, (verb, text, value) in stated)


def _stated(extension: Piece) -> Iterator[tuple[str, str, Piece]]:
    for verb in CHANGE_KEYS:
        given = extension.opened().get(verb)
        if given is None:
            continue
        if verb == "remove":
            entries = list(given.entries()) if isinstance(given.data, list) else [given]
            yield from ((verb, entry.data, entry) for entry in entries)
        else:
            yield from ((verb, text, value) for text, value in given.opened().items())
