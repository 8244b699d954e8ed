"""What a network looks like: as a table, as a picture, as PyTorch source, and beside another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import SpecError
from archgraph.verbs.networks import Network, as_graph, node_paths

if TYPE_CHECKING:
    from archgraph.graph.diff import Difference
    from archgraph.graph.summary import Summary


def summarize(
    graph: Network, sizes: Mapping[str, int] | Sequence[Any] | None = None, depth: int | None = None
) -> Summary:
    """Path, operation or block, output shape, parameters and multiply-accumulates of each part, and the totals.

    At symbolic sizes, or at the given ones: `{"N": 1, "H": 224, "W": 224}`, or the shape of the input,
    `(1, 3, 224, 224)`; of several inputs a shape for each. Raises UnknownNameError, ShapeError.
    """
    from archgraph.graph.input_sizes import sizes_from
    from archgraph.graph.summary import summarize as summarize_graph

    network = as_graph(graph)
    if depth is not None and (type(depth) is not int or depth < 1):
        raise SpecError("`depth` must be a whole number", expected="at least 1", received=repr(depth))
    return summarize_graph(network, sizes_from(network, sizes), depth)


def render(
    graph: Network,
    path: str | Path,
    depth: int | None = None,
    sizes: Mapping[str, int] | None = None,
    direction: str = "down",
    open: str | Iterable[str] = (),
    fold: str | Iterable[str] = (),
    legend: bool = False,
) -> Path:
    """Draws the network; the suffix decides: .svg, .png, .pdf or .dot.

    `depth` folds blocks; `open` and `fold` name blocks or groups by path that are drawn to full depth, or as one box.
    What is computed from constants alone is one box unless `open` names it or an operation in it. `sizes` puts numbers
    in for symbols. `direction` is 'down' or 'right'. `legend` explains the colours. Raises RenderError;
    UnknownNameError for paths and sizes that the network lacks; ShapeError for sizes it does not take.
    """
    from archgraph.diagram import View
    from archgraph.diagram import render as render_graph

    view = View(depth, dict(sizes or {}), direction, node_paths(open), node_paths(fold), legend)
    return render_graph(as_graph(graph), path, view)


def code(graph: Network, inplace: bool = False) -> str:
    """The network as plain PyTorch source that needs no archgraph; `inplace` as for `to_torch`."""
    from archgraph.codegen import source

    return source(as_graph(graph), inplace)


def diff(a: Network, b: Network) -> Difference:
    """What differs between two networks, by path: operations, attributes, shapes, weights; and in `checkpoint`, what
    becomes of the weights of `a` in `b`."""
    from archgraph.graph.checkpoint_diff import checkpoint_diff
    from archgraph.graph.diff import diff as compare

    before, after = as_graph(a), as_graph(b)
    return replace(compare(before, after), checkpoint=checkpoint_diff(before, after))


def render_diff(a: Network, b: Network, path: str | Path, depth: int | None = None) -> Path:
    """Draws `b` with what it adds to `a`, changes and lacks in colour; the suffix decides: .svg, .png, .pdf or .dot.
    Raises RenderError."""
    from archgraph.diagram import View
    from archgraph.diagram import render as render_graph
    from archgraph.graph.changed_parts import changed_parts

    before, after = as_graph(a), as_graph(b)
    return render_graph(after, path, View(depth, changes=changed_parts(before, after)))
