"""The graph as a flow of single nodes: who reads whom, across the borders of all calls, and how calls nest.

Hidden calls are no level of the module tree, so they are none here: what they hold stands among its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple

from archgraph.dims import Constraint, evaluate
from archgraph.graph.cost import trainable
from archgraph.graph.input_sizes import input_symbols
from archgraph.graph.types import Call, Graph, Node, Value, is_module, joined

PROBE = 6720
"""2⁶ · 3 · 5 · 7: halved six times and split in windows of seven, it stays whole."""

MANY = 4
"""From so many readers on, a note says more than arrows."""


class Source(NamedTuple):
    """Where a value comes from: output `port` of leaf number `leaf`, or the graph's input number -1 - `leaf`. A tuple,
    because sources are looked up everywhere."""

    leaf: int
    port: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Leaf:
    """One node, numbered in the order of the flow, with its path in the graph and the sources at its ports."""

    index: int
    path: str
    node: Node
    sources: tuple[Source, ...]
    shared: bool = False
    """Whether it applies the modules of another call again, and so owns no weights here."""

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def start(self) -> int:
        return self.index

    @property
    def stop(self) -> int:
        return self.index + 1


@dataclass(frozen=True, eq=False, slots=True)
class Branch:
    """A visible call and what it holds: the leaves from `start` up to `stop`, nested in `parts`."""

    path: str
    call: Call
    parts: tuple[Part, ...]
    start: int
    stop: int

    @property
    def name(self) -> str:
        return self.call.name


Part = Leaf | Branch


@dataclass(frozen=True, eq=False)
class Network:
    """All leaves in flow order, the parts at the top, and the sources of the outputs by name. `tables` are the parts of
    what is computed from constants alone in several parts, each by the first of them (`tables.gathered`)."""

    graph: Graph
    leaves: tuple[Leaf, ...]
    parts: tuple[Part, ...]
    outputs: Mapping[str, Source]
    tables: Mapping[Part, tuple[Part, ...]] = field(default_factory=dict)

    def value(self, source: Source) -> Value:
        """The value that a source stands for."""
        if source.leaf < 0:
            return self.graph.inputs[-1 - source.leaf]
        return self.leaves[source.leaf].node.outputs[source.port]

    @cached_property
    def probe(self) -> Mapping[str, int]:
        """A large allowed size for each symbol, to compare sizes by: it divides well, so that halves stay halves."""
        rules = {rule.symbol: rule for rule in self.graph.constraints}
        return {name: _allowed(rules.get(name)) for name in input_symbols(self.graph)}

    def measured(self, leaf: int) -> tuple[int, ...]:
        """The shape of a leaf's first output at the probe."""
        return self.measure(Source(leaf))

    def measure(self, source: Source) -> tuple[int, ...]:
        """The shape of a value at the probe; each is worked out once, because pictures compare sizes everywhere."""
        found = self._measured.get(source)
        if found is None:
            found = self._measured[source] = tuple(evaluate(dim, self.probe) for dim in self.value(source).shape)
        return found

    @cached_property
    def _measured(self) -> dict[Source, tuple[int, ...]]:
        return {}

    @cached_property
    def parameters(self) -> tuple[int, ...]:
        """How many trainable numbers each leaf owns: none where it applies the modules of another call."""
        return tuple(0 if leaf.shared else trainable(leaf.node) for leaf in self.leaves)

    @cached_property
    def constant(self) -> frozenset[int]:
        """The leaves that no input of the network reaches: free tensors, and what is computed from them alone, such as
        a convolution's weight from its direction and length."""
        found: set[int] = set()
        for leaf in self.leaves:
            if all(source.leaf in found for source in leaf.sources):
                found.add(leaf.index)
        return frozenset(found)

    @cached_property
    def tabled(self) -> frozenset[int]:
        """The constant leaves of a network that computes from its inputs too: they stand beside its main way."""
        return self.constant if len(self.constant) < len(self.leaves) else frozenset()

    def is_tabled(self, part: Part) -> bool:
        """Whether no input reaches a part, while others are reached."""
        return bool(self.tabled) and self._tabled_before[part.stop] - self._tabled_before[part.start] == (
            part.stop - part.start
        )

    @cached_property
    def _tabled_before(self) -> list[int]:
        """How many of the leaves before each are tabled."""
        return list(accumulate((leaf.index in self.tabled for leaf in self.leaves), initial=0))

    @cached_property
    def readers(self) -> Mapping[int, frozenset[int]]:
        """Per leaf, who reads any of its outputs; the graph's own outputs read as number -1."""
        found: dict[int, set[int]] = {}
        for leaf in self.leaves:
            for source in leaf.sources:
                found.setdefault(source.leaf, set()).add(leaf.index)
        for source in self.outputs.values():
            found.setdefault(source.leaf, set()).add(-1)
        return {leaf: frozenset(who) for leaf, who in found.items()}

    @cached_property
    def everywhere(self) -> frozenset[Source]:
        """Values beside the main flow that many blocks read, such as a time embedding: further inputs, or values that
        no input of the highest rank reaches, and that have a lower one."""
        readers: dict[Source, set[str]] = {}
        for leaf in self.leaves:
            for source in leaf.sources:
                readers.setdefault(source, set()).add(leaf.path.rpartition(".")[0])
        rank = self._rank
        return frozenset(
            source
            for source, places in readers.items()
            if len(places) >= MANY
            and (source.leaf < -1 or (len(self.value(source).shape) < rank and source.leaf not in self._main))
        )

    @cached_property
    def _rank(self) -> int:
        """The highest rank of an input."""
        return max((len(value.shape) for value in self.graph.inputs), default=0)

    @cached_property
    def _main(self) -> frozenset[int]:
        """The inputs of the highest rank, such as an image next to its time, and the leaves that they reach."""
        found = {-1 - number for number, value in enumerate(self.graph.inputs) if len(value.shape) == self._rank}
        for leaf in self.leaves:
            if any(source.leaf in found for source in leaf.sources):
                found.add(leaf.index)
        return frozenset(found)

    @cached_property
    def aside(self) -> frozenset[int]:
        """The leaves that lead only to values that are read everywhere."""
        found: set[int] = set()
        for leaf in reversed(self.leaves):
            readers = self.readers.get(leaf.index, frozenset())
            if Source(leaf.index) in self.everywhere or (readers and readers <= found):
                found.add(leaf.index)
        return frozenset(found)

    def exit(self, start: int, stop: int) -> int:
        """The last leaf of an interval whose value leaves it; its last leaf where none does."""
        for index in range(stop - 1, start - 1, -1):
            if any(not start <= who < stop for who in self.readers.get(index, ())):
                return index
        return stop - 1

    def entries(self, start: int, stop: int) -> list[Source]:
        """What an interval of leaves reads from outside, in order, each once."""
        found = (source for leaf in self.leaves[start:stop] for source in leaf.sources)
        return list(dict.fromkeys(source for source in found if not start <= source.leaf < stop))


def _allowed(rule: Constraint | None) -> int:
    """The allowed size nearest to one that many numbers divide."""
    if rule is None:
        return PROBE
    top = PROBE if rule.maximum is None else min(PROBE, rule.maximum)
    near = chain(range(top, rule.minimum - 1, -1), range(top, top + rule.modulus + rule.minimum))
    return next(filter(rule.allows, near), PROBE)


def network(graph: Graph) -> Network:
    """The flow of a graph."""
    flattening = _Flattening()
    known = {value: Source(-1 - number) for number, value in enumerate(graph.inputs)}
    parts = tuple(flattening.parts(graph, known, "", ""))
    returned = {**graph.outputs, **graph.training_outputs}
    outputs = {name: known[value] for name, value in returned.items()}
    return Network(graph, tuple(flattening.leaves), parts, outputs)


@dataclass(slots=True)
class _Flattening:
    leaves: list[Leaf] = field(default_factory=list)
    shared: int = 0

    def parts(self, body: Graph, known: dict[Value, Source], module: str, full: str) -> Iterator[Part]:
        """The parts of a body; `known` gains the sources of its values."""
        for item in body.items:
            if isinstance(item, Node):
                yield self.leaf(item, known, module, full)
            else:
                yield from self.call(item, known, module, full)

    def leaf(self, node: Node, known: dict[Value, Source], module: str, full: str) -> Leaf:
        path = joined(module if is_module(node) else full, node.name)
        leaf = Leaf(
            len(self.leaves), path, node, tuple(known[value] for value in node.inputs.values()), self.shared > 0
        )
        self.leaves.append(leaf)
        known.update((value, Source(leaf.index, port)) for port, value in enumerate(node.outputs))
        return leaf

    def call(self, call: Call, known: dict[Value, Source], module: str, full: str) -> Iterator[Part]:
        # A body may be placed more than once, so its values are known within this placing only.
        inner = {value: known[outer] for outer, value in zip(call.inputs, call.body.inputs, strict=True)}
        start = len(self.leaves)
        below = module if call.hidden else joined(module, call.name)
        self.shared += call.shares is not None
        parts = tuple(self.parts(call.body, inner, below, joined(full, call.name)))
        self.shared -= call.shares is not None
        results = zip(call.outputs, call.body.outputs.values(), strict=True)
        known.update((outer, inner[value]) for outer, value in results)
        if call.hidden or not parts:
            yield from parts
        else:
            yield Branch(below, call, parts, start, len(self.leaves))
