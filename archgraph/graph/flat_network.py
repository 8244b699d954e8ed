"""The graph as a flat network: which operation reads which.

The one file that imports networkx, and only when asked.

Calls are opened down to a depth, so that an edge leads from the operation that writes a value to the one that reads
it. Inputs and outputs of the graph are vertices of their own, `input:image` and `output:logits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archgraph.graph.types import Call, Graph, Item, Value, is_module, joined

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value is written: the vertex, and the position among its outputs."""

    path: str
    output: int = 0

    def __str__(self) -> str:
        return f"{self.path}[{self.output}]" if self.output else self.path


@dataclass(frozen=True, slots=True)
class FlatStep:
    """An operation, or a call that is not opened, with what it reads at each port. `calls` enclose it."""

    path: str
    item: Item
    reads: Mapping[str, ValueSource]
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class FlatFlow:
    """All steps in order, and where each output of the graph comes from, those of training last."""

    steps: tuple[FlatStep, ...]
    outputs: Mapping[str, ValueSource]


def flow(graph: Graph, depth: int | None = None) -> FlatFlow:
    """The graph without calls, or with those that lie deeper than `depth` levels left whole."""
    steps: list[FlatStep] = []
    sources = {id(value): ValueSource(f"input:{value.name}") for value in graph.inputs}
    found = _flatten(graph, sources, _Level(depth), steps)
    found |= {name: sources[id(value)] for name, value in graph.training_outputs.items()}
    return FlatFlow(tuple(steps), found)


def to_networkx(graph: Graph, depth: int | None = None) -> nx.DiGraph[str]:
    """A directed graph of paths. Vertices carry `item` (None for inputs and outputs), edges `values` and `ports`."""
    import networkx as nx

    network: nx.DiGraph[str] = nx.DiGraph(name=graph.title)
    network.add_nodes_from((f"input:{value.name}", {"item": None}) for value in graph.inputs)
    written = {ValueSource(f"input:{value.name}"): value for value in graph.inputs}
    found = flow(graph, depth)
    for step in found.steps:
        network.add_node(step.path, item=step.item)
        written |= {ValueSource(step.path, i): value for i, value in enumerate(step.item.outputs)}
        for port, source in step.reads.items():
            _connect(network, source, step.path, (port, written[source]))
    for name, source in found.outputs.items():
        network.add_node(f"output:{name}", item=None)
        _connect(network, source, f"output:{name}", (name, written[source]))
    return network


def reachable(graph: Graph, path: str, *, backwards: bool = False) -> set[str]:
    """The vertices that a vertex influences, or, backwards, those that influence it."""
    import networkx as nx

    network = to_networkx(graph)
    return set(nx.ancestors(network, path) if backwards else nx.descendants(network, path))


def dominators(graph: Graph, start: str) -> dict[str, str]:
    """For each vertex that the start reaches, the last other one that every way from the start to it passes."""
    import networkx as nx

    found = nx.immediate_dominators(to_networkx(graph), start)
    return {vertex: above for vertex, above in found.items() if vertex != start and above is not None}


def _connect(network: nx.DiGraph[str], source: ValueSource, target: str, read: tuple[str, Value]) -> None:
    if not network.has_edge(source.path, target):
        network.add_edge(source.path, target, ports=[], values=[])
    port, value = read
    network.edges[source.path, target]["ports"].append(port)
    network.edges[source.path, target]["values"].append(value)


@dataclass(frozen=True, slots=True)
class _Level:
    """How many levels may still be opened; the module path, the path with hidden levels, the enclosing calls."""

    left: int | None
    module: str = ""
    full: str = ""
    calls: tuple[Call, ...] = field(default=())

    def opens(self, call: Call) -> bool:
        return call.hidden or self.left is None or self.left > 1

    def below(self, call: Call) -> _Level:
        left = self.left if call.hidden or self.left is None else self.left - 1
        module = self.module if call.hidden else joined(self.module, call.name)
        return _Level(left, module, joined(self.full, call.name), (*self.calls, call))

    def path(self, item: Item) -> str:
        module = isinstance(item, Call) or is_module(item)
        return joined(self.module if module else self.full, item.name)


def _flatten(
    graph: Graph, sources: dict[int, ValueSource], level: _Level, steps: list[FlatStep]
) -> dict[str, ValueSource]:
    """Appends the steps of a body, whose inputs are among the sources. Returns the sources of its outputs."""
    for item in graph.items:
        if isinstance(item, Call) and level.opens(item):
            given = (sources[id(value)] for value in item.inputs)
            inner = {id(value): source for value, source in zip(item.body.inputs, given, strict=True)}
            results = _flatten(item.body, inner, level.below(item), steps)
            sources.update(zip(map(id, item.outputs), results.values(), strict=True))
            continue
        path = level.path(item)
        reads = {port: sources[id(value)] for port, value in _ports(item)}
        steps.append(FlatStep(path, item, reads, level.calls))
        sources.update({id(value): ValueSource(path, i) for i, value in enumerate(item.outputs)})
    return {name: sources[id(value)] for name, value in graph.outputs.items()}


def _ports(item: Item) -> Iterator[tuple[str, Value]]:
    if isinstance(item, Call):
        yield from ((inner.name, value) for inner, value in zip(item.body.inputs, item.inputs, strict=True))
    else:
        yield from item.inputs.items()
