"""A network that is made for images of one size, made once more for another size: what differs are numbers that follow
from the size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph
from archgraph.importing.conversion.traced_graphs import TracedGraph
from archgraph.importing.opened_modules import OpenedModule, Source, constructed, opened
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.sources.module_source import ModuleSource
from archgraph.importing.writing.families.usual_names import IMAGE_SIZES
from archgraph.importing.writing.family_data import OtherSize

_PICTURE = 4
_OTHER_SIZES = ((3, 2), (2, 1))
"""By what the size is multiplied: 3 / 2 leaves no doubt whether a number is a side or a power of 2."""


@dataclass(frozen=True, slots=True)
class ResizedNetwork:
    """The first network of a family for images of another size. `argument` is the name of the size among the arguments
    of the constructors."""

    argument: str
    module: OpenedModule
    traced: TracedGraph

    @property
    def side(self) -> int:
        """The other size."""
        return side_of(self.module.arguments[self.argument])

    def beside(self, first: OpenedModule, graph: Graph) -> OtherSize:
        """What is written of it beside the first network; `graph` is its own, under the names that this has."""
        own = side_of(first.arguments[self.argument])
        return OtherSize(self.argument, own, self.side, graph, self.module.arguments)


def resized_network(
    stack: ExitStack,
    modules: Sequence[OpenedModule],
    graphs: Sequence[Graph],
    trace: Callable[[OpenedModule], TracedGraph],
) -> ResizedNetwork | None:
    """The first of some networks for other images, open as long as the `stack` is; None where they are of no fixed size
    that an argument says, or where there is none of another size."""
    argument = image_argument([module.arguments for module in modules], graphs)
    if argument is None:
        return None
    first, given = modules[0], modules[0].arguments[argument]
    side = side_of(given)
    for factor, divisor in _OTHER_SIZES:
        other = side * factor // divisor
        source = _resized(first.source, argument, (other, other) if isinstance(given, (tuple, list)) else other)
        if source is None or side * factor % divisor:
            continue
        with ExitStack() as own:
            try:
                inputs = dict(_inputs(graphs[0], side, other))
                made = own.enter_context(opened(source, constructed(source), inputs, None, first.leaves))
                if side_of(made.arguments.get(argument)) == other:
                    found = ResizedNetwork(argument, made, trace(made))
                    stack.enter_context(own.pop_all())
                    return found
            except ImportingError:  # a grid of windows that takes no such size
                continue
    return None


def image_argument(arguments: Sequence[Mapping[str, Any]], graphs: Sequence[Graph]) -> str | None:
    """The name of the argument that is the height and width of the images of all networks, which are equal."""
    shapes = {str(value.shape) for graph in graphs for value in graph.inputs}
    shape = graphs[0].inputs[0].shape
    if len(shapes) != 1 or len(shape) != _PICTURE or type(shape[2]) is not int or shape[2] != shape[3]:
        return None
    sizes = {name: {side_of(given.get(name)) for given in arguments} for name in IMAGE_SIZES}
    return next((name for name, found in sizes.items() if found == {shape[2]}), None)


def side_of(size: Any) -> int:
    """The side of square images, which authors give as one number or as two; 0 of others."""
    if isinstance(size, (tuple, list)) and len(size) == 2 and size[0] == size[1]:
        size = size[0]
    return size if type(size) is int else 0


def _inputs(graph: Graph, side: int, other: int) -> Iterator[tuple[str, InputDescription]]:
    for value in graph.inputs:
        sizes = tuple(other if size == side else size if isinstance(size, int) else str(size) for size in value.shape)
        yield value.name, InputDescription(sizes, value.dtype)


def _resized(source: Source, argument: str, size: Any) -> Source | None:
    """The source with another size of images, where it takes one."""
    if isinstance(source, ModuleSource):
        return replace(source, arguments={**source.arguments, argument: size})
    if not callable(source) or isinstance(source, type) or hasattr(source, "forward"):
        return None
    return partial(source, **{argument: size}) if argument in inspect.signature(source).parameters else None
