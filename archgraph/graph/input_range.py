"""Which whole numbers one input may hold, in words and as plain data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from archgraph.dims import Cause
from archgraph.graph.types import Node
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.graph.intervals import Bound


class InputRange(ABC):
    """What an input may hold, and the nodes that ask it."""

    __slots__ = ()
    name: str
    sources: tuple[Node, ...]

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The nodes that read by it, each with its line."""
        return tuple(
            Cause(node.op.index_range_text(node.types), node.origin.mark, node.origin.address or node.name)
            for node in self.sources
        )

    @property
    @abstractmethod
    def text(self) -> str:
        """The range in words, of the first places where they differ."""

    @abstractmethod
    def to_json(self) -> dict[str, object]:
        """Plain data: a number or a size, null for none, or lists of them where places differ."""

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


@record()
class RowsOfTables(InputRange):
    """An input that looks up tables as it is: from 0 to the last row that all of them have."""

    name: str
    rows: int
    sources: tuple[Node, ...]

    @property
    def text(self) -> str:
        return span(0, self.rows - 1)

    def to_json(self) -> dict[str, object]:
        return {"minimum": 0, "maximum": self.rows - 1}


def span(low: Bound, high: Bound) -> str:
    """An interval in words."""
    if isinstance(low, float):
        return "any" if isinstance(high, float) else f"at most {high}"
    return f"at least {low}" if isinstance(high, float) else f"{low} to {high}"
