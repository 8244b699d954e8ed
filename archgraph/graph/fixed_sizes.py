"""A graph for one size: symbols of its inputs replaced by numbers, in every shape and attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archgraph.graph.input_sizes import InputSizes, check_sizes, whole
from archgraph.graph.simplify import rewritten
from archgraph.graph.types import Graph


def fixed(graph: Graph, sizes: Mapping[str, int]) -> Graph:
    """The same network for these sizes alone; symbols that are not named stay free. `info.sizes` keeps them.

    Raises UnknownNameError or ShapeError where these are no sizes that the graph takes.
    """
    sizes = {name: whole(name, size) for name, size in sizes.items()}
    left = {name: size for name, size in sizes.items() if graph.info.sizes.get(name) != size}
    if not left:
        return graph
    check_sizes(graph, left)
    made = rewritten(graph, InputSizes(left))
    rules = tuple(rule for rule in graph.constraints if rule.symbol not in left)
    return replace(made, constraints=rules, info=replace(graph.info, sizes={**graph.info.sizes, **left}))
