"""Several networks as one graph that calls each of them: so they share the classes of their modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.dims import Constraint
from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.numbers.depth_rates import with_depth_rates, with_rates_of_others

NETWORK = "network of a family"
"""The class of the calls of whole networks: no class of modules is called so."""


def joint_graph(graphs: Mapping[str, Graph], arguments: Sequence[Mapping[str, Any]]) -> Graph:
    """A graph with one call for each network, by name; `arguments` are those of their constructors."""
    grown = with_rates_of_others([*map(with_depth_rates, graphs.values(), arguments)])
    named = [replace(graph, name=name) for name, graph in zip(graphs, grown, strict=True)]
    calls = [_call(graph, given) for graph, given in zip(named, arguments, strict=True)]
    inputs = tuple(value for call in calls for value in call.inputs)
    made = (value for call in calls for value in call.outputs)
    outputs = {f"output_{place}": value for place, value in enumerate(made)}
    return Graph("", inputs, tuple(calls), outputs, constraints=tuple(_common_constraints(named)))


def networks(graph: Graph) -> list[Call]:
    """The calls of whole networks of a joint graph; none of a graph of one network."""
    return [item for item in graph.items if isinstance(item, Call) and item.block == NETWORK]


def _call(graph: Graph, arguments: Mapping[str, Any]) -> Call:
    """A network under no name: the paths of its modules are those that it has alone."""
    outputs = tuple(replace(value) for value in graph.outputs.values())
    inputs = tuple(replace(value) for value in graph.inputs)
    return Call("", "block", graph, inputs, outputs, block=NETWORK, arguments=arguments)


def _common_constraints(graphs: Sequence[Graph]) -> Iterator[Constraint]:
    """What is known of sizes in every network."""
    for constraint in graphs[0].constraints:
        known = constraint.symbol, constraint.modulus, constraint.residues
        others = (((one.symbol, one.modulus, one.residues) for one in graph.constraints) for graph in graphs[1:])
        if all(known in other for other in others):
            yield constraint
