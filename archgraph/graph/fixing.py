"""A graph for one size: symbols of its inputs replaced by numbers, in every shape and attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from operator import index

from archgraph.errors import ShapeError
from archgraph.graph.simplify import rewritten
from archgraph.graph.sizes import Sizes, check_sizes
from archgraph.graph.types import Graph


def fixed(graph: Graph, sizes: Mapping[str, int]) -> Graph:
    """The same network for these sizes alone; symbols that are not named stay free. `info.sizes` keeps them.

    Raises UnknownNameError or ShapeError where these are no sizes that the graph takes.
    """
    sizes = {name: _whole(name, size) for name, size in sizes.items()}
    left = {name: size for name, size in sizes.items() if graph.info.sizes.get(name) != size}
    if not left:
        return graph
    check_sizes(graph, left)
    made = rewritten(graph, Sizes(left))
    rules = tuple(rule for rule in graph.constraints if rule.symbol not in left)
    return replace(made, constraints=rules, info=replace(graph.info, sizes={**graph.info.sizes, **left}))


def _whole(name: str, size: object) -> int:
    """A size as Python's own number, since numpy's would be taken for a symbol. Raises ShapeError."""
    try:
        return index(size)  # type: ignore[arg-type]
    except TypeError:
        raise ShapeError(f"the size {name} must be a whole number", received=repr(size)) from None
