"""Which whole numbers each input may hold: a table has so many rows, and what leads to it is followed back.

Two questions have two answers. What is *necessary* is told and enforced: outside of it torch raises, whatever else
the inputs hold. What is *sufficient* is drawn from in trials: within it no index leaves its table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archgraph.dims import Cause, Dim, Facts, Size
from archgraph.graph.embedding_tables import reads_tables
from archgraph.graph.index_errors import beyond, is_outside, nothing_left
from archgraph.graph.index_rules import RULES, RangeSite, Rule, Shape, Wanted
from archgraph.graph.index_rules.scans import AnyNumber, AnySlice
from archgraph.graph.index_sharing import shared
from archgraph.graph.index_suppositions import SupposedValues, suppositions
from archgraph.graph.input_intervals import InputIntervals
from archgraph.graph.input_sizes import InputSizes
from archgraph.graph.intervals import BoundOrder, Interval, View, unbounded, uniform
from archgraph.graph.scan import Scan
from archgraph.graph.types import Call, Graph, Node, Value
from archgraph.ops.arithmetic import Add, Mul, Sub
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.records import record

MOST_ROUNDS = 16
"""An input that feeds two tables narrows what the other input of their sum may be, and so on."""


def input_ranges(graph: Graph) -> dict[str, InputIntervals]:
    """What is necessary, of each input of whole numbers of which something is. Bounds may be sizes."""
    if not reads_tables(graph):
        return {}
    facts = Facts()
    for rule in graph.constraints:
        facts.declare(rule.symbol, rule.minimum, rule.maximum)
    found = _Analysis(graph, {}, "necessary", facts).run()
    return {name: item for name, item in found.items() if item.bounded}


def trial_ranges(graph: Graph, sizes: Mapping[str, int]) -> dict[str, Interval]:
    """What is sufficient at these sizes, for each input of whole numbers. Bounds are numbers or infinite."""
    return {name: item.interval for name, item in _Analysis(graph, sizes, "sufficient", Facts()).run().items()}


def require_indices(graph: Graph, facts: Facts) -> None:
    """Every table can be read: narrows sizes that count beyond one. Raises ShapeError where no number would do."""
    if not reads_tables(graph):
        return
    found = _Analysis(graph, {}, "necessary", facts)
    ranges = found.require()
    for supposed in suppositions(found.supposed, ranges):
        _Analysis(graph, {}, "necessary", facts, SupposedValues(supposed)).require_supposed(found.fixed)


@record()
class _Step:
    """One application; values are numbered, whatever borders of calls they cross."""

    node: Node
    inputs: Mapping[str, int]
    outputs: tuple[int, ...]


@dataclass(slots=True)
class _Analysis:
    graph: Graph
    sizes: Mapping[str, int]
    view: View
    facts: Facts
    supposed: SupposedValues = field(default_factory=SupposedValues)
    steps: list[_Step] = field(default_factory=list)
    types: list[tuple[Shape, str]] = field(default_factory=list)
    known: dict[int, Interval] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)
    wanted: dict[int, Interval] = field(default_factory=dict)
    sources: dict[int, tuple[Node, ...]] = field(default_factory=dict)
    order: BoundOrder = field(init=False)
    carried: dict[Any, list[Interval]] = field(default_factory=dict)
    """What rules have answered: the blocks of a network count the same positions, each for itself."""
    inputs: list[int] = field(default_factory=list)
    sharing: bool = False

    def __post_init__(self) -> None:
        self.order = BoundOrder(self.facts)
        numbers = {value: self._number(value, InputSizes(self.sizes)) for value in self.graph.inputs}
        self.inputs = [numbers[value] for value in self.graph.inputs]
        for number, value in zip(self.inputs, self.graph.inputs, strict=True):
            self.supposed.start(number, value.dtype, value.name)
        self._flatten(self.graph, numbers, InputSizes(self.sizes))

    def _number(self, value: Value, at: InputSizes) -> int:
        self.types.append((at.shape(value.shape), value.dtype))
        return len(self.types) - 1

    def _flatten(self, body: Graph, numbers: dict[Value, int], at: InputSizes) -> None:
        for item in body.items:
            if item.training:
                continue
            if isinstance(item, Call) and item.scan is not None:
                self._scanned(item, item.scan, numbers, at)
            elif isinstance(item, Call):
                inner = {
                    inside: numbers[outside] for outside, inside in zip(item.inputs, item.body.inputs, strict=True)
                }
                self._flatten(item.body, inner, at)
                made = [inner[value] for value in item.body.outputs.values()]
                numbers.update(zip(item.outputs, made, strict=True))
            else:
                numbers.update({value: self._number(value, at) for value in item.outputs})
                ports = {port: numbers[value] for port, value in item.inputs.items()}
                self.supposed.apply(item, ports, tuple(numbers[value] for value in item.outputs))
                if any(self._counts(number) for number in (*ports.values(), *(numbers[v] for v in item.outputs))):
                    self.steps.append(_Step(item, ports, tuple(numbers[value] for value in item.outputs)))

    def _scanned(self, call: Call, scan: Scan, numbers: dict[Value, int], at: InputSizes) -> None:
        """The body once, for all steps: of a sequence it sees any slice, of a state and of results nothing is known."""
        inner: dict[Value, int] = {}
        for place, (outside, inside) in enumerate(zip(call.inputs, call.body.inputs, strict=True)):
            dim, number = scan.dims[place], numbers[outside]
            whole = dim is None and place not in scan.carried
            inner[inside] = number if whole else self._number(inside, at)
            if not whole and self._counts(number):
                node = Node(call.name, AnySlice(dim=dim), {"input": outside}, (inside,), origin=call.origin)
                self.steps.append(_Step(node, {"input": number}, (inner[inside],)))
        self._flatten(call.body, inner, at)
        for outside, made in zip(call.outputs, call.body.outputs.values(), strict=True):
            numbers[outside] = self._number(outside, at)
            if self._counts(numbers[outside]):
                node = Node(call.name, AnyNumber(), {"input": made}, (outside,), origin=call.origin)
                self.steps.append(_Step(node, {"input": inner[made]}, (numbers[outside],)))

    def _counts(self, number: int) -> bool:
        """Whether a value holds whole numbers."""
        return self.types[number][1] in INTEGER_TYPES

    # --- both directions ----------------------------------------------------------------------------------------------

    def run(self) -> dict[str, InputIntervals]:
        """The range of each input of whole numbers."""
        ranges = {number: unbounded(len(self.types[number][0])) for number in self.inputs if self._counts(number)}
        for _ in range(MOST_ROUNDS):
            self._forward(ranges)
            self._backward()
            narrowed = {number: self.order.both(found, self._asked(number)) for number, found in ranges.items()}
            if all(narrowed[number].same(found) for number, found in ranges.items()):
                if self.sharing or self.view == "necessary":
                    break
                self.sharing = True
            ranges = narrowed
        names = {number: value.name for number, value in zip(self.inputs, self.graph.inputs, strict=True)}
        return {names[k]: InputIntervals(names[k], found, self.sources.get(k, ())) for k, found in ranges.items()}

    def _asked(self, number: int) -> Interval:
        return self.wanted.get(number) or unbounded(len(self.types[number][0]))

    def _site(self, step: _Step) -> RangeSite:
        ports = {port: number for port, number in step.inputs.items() if number in self.known}
        shapes = {port: self.types[number][0] for port, number in ports.items()}
        known = {port: self.known[number] for port, number in ports.items()}
        outputs = tuple(self.types[number][0] for number in step.outputs)
        node = step.node
        every = {port: self.types[number][0] for port, number in step.inputs.items()}
        return RangeSite(node, shapes, outputs, self.order, self.view, known, every)

    def _forward(self, ranges: Mapping[int, Interval]) -> None:
        """What each value may hold where the inputs keep to their ranges."""
        self.known = dict(ranges)
        for number, (least, most) in self.supposed.numbers.items():
            self.known[number] = uniform(least, most, len(self.types[number][0]), attained=True)
        self.fixed.update(self.supposed.numbers)
        for step in self.steps:
            rule = RULES.get(type(step.node.op))
            counting = [number for number in step.outputs if self._counts(number)]
            if not counting:
                continue
            found = self._carried(rule, self._site(step)) if rule else []
            found = found or [unbounded(len(self.types[number][0])) for number in counting]
            self.known.update(zip(counting, found, strict=True))
            if all(number in self.fixed for number in step.inputs.values()):
                self.fixed.update(counting)
            self.fixed.update(number for number, each in zip(counting, found, strict=True) if each.constant)

    def _carried(self, rule: Rule, site: RangeSite) -> list[Interval]:
        """What a rule says of the results. It is asked once for each operation on the same intervals and shapes."""
        try:
            key = (site.op, tuple(site.known.items()), tuple(site.shapes.items()), site.outputs)
            if key not in self.carried:
                self.carried[key] = rule.forward(site)
        except TypeError:  # an attribute of a plugin's operation that has no hash
            return rule.forward(site)
        return self.carried[key]

    def _backward(self) -> None:
        """What is asked of each value by those that read it."""
        self.wanted, self.sources = {}, {}
        for step in reversed(self.steps):
            rule = RULES.get(type(step.node.op))
            places = [port for port in step.node.op.indices if port in step.inputs]
            if rule is None or not (places or any(number in self.wanted for number in step.outputs)):
                continue
            site = self._site(step)
            asked = [self._asked(number) for number in step.outputs if self._counts(number)]
            sources = self._sources(step.outputs)
            for port, interval in self._settled(site, asked, rule.backward(site, asked)).items():
                self._ask(step.inputs[port], interval, (step.node,) if port in places else sources)

    def _sources(self, numbers: tuple[int, ...]) -> tuple[Node, ...]:
        return tuple(dict.fromkeys(node for number in numbers for node in self.sources.get(number, ())))

    def _ask(self, number: int, interval: Interval, sources: tuple[Node, ...]) -> None:
        if number in self.wanted:
            interval = self.order.both(self.wanted[number], interval)
        self.wanted[number] = interval
        self.sources[number] = tuple(dict.fromkeys((*self.sources.get(number, ()), *sources)))

    def _settled(self, site: RangeSite, asked: list[Interval], wanted: Wanted) -> Wanted:
        """For trials: a term or a factor waits until the other one is bounded; where neither ever is, they share."""
        if self.view == "necessary" or not isinstance(site.op, (Add, Sub, Mul)) or len(site.known) < 2:
            return wanted
        bounded = {port for port, found in site.known.items() if found.known}
        if not bounded:
            return shared(site, asked[0]) if self.sharing else {}
        return {port: interval for port, interval in wanted.items() if bounded - {port}}

    # --- what a network demands ---------------------------------------------------------------------------------------

    def require(self) -> dict[int, Interval]:
        """See `require_indices`. The range of each input of whole numbers."""
        ranges = self.run()
        for step in self.steps:
            for port in step.node.op.indices:
                if step.inputs.get(port) in self.fixed:
                    self._require_places(step, port)
        for item in ranges.values():
            self._require_some(item)
        numbers = {value.name: number for number, value in zip(self.inputs, self.graph.inputs, strict=True)}
        return {numbers[name]: item.interval for name, item in ranges.items()}

    def require_supposed(self, checked: set[int]) -> None:
        """What is counted of what is supposed lies within every table, too."""
        self._forward({number: unbounded(len(self.types[number][0])) for number in self.inputs if self._counts(number)})
        for step in self.steps:
            for port in step.node.op.indices:
                if step.inputs.get(port) in self.fixed - checked:
                    self._require_places(step, port)

    def _require_places(self, step: _Step, port: str) -> None:
        """What is counted or written in the spec lies within, as far as the numbers at each place are known."""
        node, given = step.node, self.known[step.inputs[port]]
        first, last = node.op.index_range(port, node.types)
        cause = Cause(node.op.index_range_text(node.types), node.origin.mark, node.origin.address)
        low, high = np.broadcast_arrays(given.low, given.high)
        supposed = self.supposed.supposition
        certain = given.attained or (supposed is not None and supposed.is_open)
        for least, most in zip(low.flat, high.flat, strict=True):
            if not certain and least != most:
                continue
            for bound in (least, most):
                if isinstance(bound, int) and is_outside(bound, first, last):
                    raise beyond(node, port, bound, supposed)
            if not isinstance(most, float) and (isinstance(most, Size) or isinstance(last, Size)):
                self.facts.require_at_least(last - most, 0, cause)

    def _require_some(self, item: InputIntervals) -> None:
        """An input has a number that every table takes."""
        low, high = np.broadcast_arrays(item.interval.low, item.interval.high)
        for least, most in zip(low.flat, high.flat, strict=True):
            if isinstance(least, float) or isinstance(most, float):
                if least == math.inf or most == -math.inf:
                    raise nothing_left(item, least, most)
                continue
            room: Dim = most - least
            if isinstance(room, Size):
                node = item.sources[-1]
                cause = Cause(f"'{item.name}' must hold an index", node.origin.mark, node.origin.address)
                self.facts.require_at_least(room, 0, cause)
            elif room < 0:
                raise nothing_left(item, least, most)
