"""Graph → picture: shapes on the edges, blocks in frames, what repeats folded, U-Nets as a U.

wiring    the graph as a flow of single nodes, and how calls nest
units     chains of operations drawn as one, repetitions folded
captions  what is written in a box; prices: what it costs; roles and shapes: its colour and its words
outline   boxes, groups and edges at a depth
notes     values that reach blocks everywhere
unet      the U of a U-Net
heat      colours and shares, in the place of roles and prices
dot       DOT text; text: its lines and quotes
layout    Graphviz and the file formats
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from archgraph.diagram.dot import dot
from archgraph.diagram.heat import Heat
from archgraph.diagram.layout import FORMATS, kind_of, picture, write
from archgraph.graph.types import Graph

__all__ = ["FORMATS", "Heat", "dot", "render"]


def render(
    graph: Graph,
    path: str | PathLike[str],
    depth: int | None = None,
    sizes: Mapping[str, int] | None = None,
    direction: str | None = None,
    heat: Heat | None = None,
) -> Path:
    """Draws a graph to SVG, PNG, PDF or DOT, as the suffix of the path says, and returns the path.

    See `dot` for the other arguments. The file that was there stays when anything fails. Raises RenderError.
    """
    target = Path(path)
    kind = kind_of(target)
    write(target, picture(dot(graph, depth, sizes, direction, heat), kind))
    return target
