"""Where the rules on intervals of whole numbers stand, and what a rule sees of one application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from archgraph.dims import Dim
from archgraph.graph.intervals import BoundOrder, Interval, View, uniform
from archgraph.graph.types import Node
from archgraph.ops.contract import Inputs, TensorType
from archgraph.ops.rules import Rules
from archgraph.plugins.plugin import INDEX_RULES
from archgraph.records import record

MOST_PLACES = 1 << 14
"""More places than that are not told apart."""

Shape: TypeAlias = "tuple[Dim, ...]"
Known: TypeAlias = "Mapping[str, Interval]"
Wanted: TypeAlias = "dict[str, Interval]"


@record()
class RangeSite:
    """One application: its node, its types at the sizes in question, what is known of its inputs, and what is asked."""

    node: Node
    inputs: Mapping[str, Shape]
    outputs: tuple[Shape, ...]
    order: BoundOrder
    view: View
    known: Known
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    """The shapes at all ports, those of values included that hold no whole numbers."""

    @property
    def op(self) -> Any:
        """The operation."""
        return self.node.op

    @property
    def given(self) -> Interval:
        """What is known of the only input."""
        return self.known["input"]

    def shape(self, port: str = "input") -> Shape:
        """The shape at a port, at the sizes in question."""
        return self.shapes.get(port) or self.inputs.get(port) or self.node.types[port].shape

    def places(self, port: str) -> Interval:
        """What the contract demands of the indices at a port."""
        types = {each: TensorType(self.shape(each), kind.dtype) for each, kind in self.node.types.items()}
        low, high = self.op.index_range(port, Inputs(types))
        return uniform(low, high, len(self.shape(port)))

    def joined(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions, in which each result lies."""
        return self.order.over(found, axes, all_hold=False)

    def asked_of_all(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions: what is asked of the one value that is at all of them."""
        return self.order.over(found, axes, all_hold=True)

    def asked_at_unknown_places(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions, where nobody knows which of theirs each place is asked."""
        return self.order.over(found, axes, all_hold=self.view == "sufficient")


Forward = Callable[[RangeSite], "list[Interval]"]
Backward = Callable[[RangeSite, "list[Interval]"], Wanted]


@record()
class Rule:
    """Both directions: what its results may hold, and what it asks of its inputs."""

    forward: Forward
    backward: Backward


RULES: Rules[Rule] = Rules("index rules", "archgraph.graph.index_rules", INDEX_RULES)


def asks_nothing(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of an operation that takes any numbers, or none."""
    return {}
