"""Graph → picture: shapes on the edges, blocks in frames, what repeats folded, U-Nets as a U.

view      what is asked of a picture: depth, parts opened and folded, sizes, direction
wiring    the graph as a flow of single nodes, and how calls nest
units     chains of operations drawn as one, repetitions folded
captions  what is written in a box; prices: what it costs; roles and shapes: its colour and its words
outline   boxes, groups and edges at a depth
notes     values that reach blocks everywhere
unet      the U of a U-Net
heat      colours and shares, in the place of roles and prices
dot       DOT text; text: its lines and quotes
columns   long pictures as columns
fonts     how wide texts can become
layout    Graphviz and the file formats
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from archgraph.diagram.dot import dot, placed
from archgraph.diagram.heatmap import Heat
from archgraph.diagram.layout import FORMATS, kind_of, picture, write
from archgraph.diagram.view import DIRECTIONS, View
from archgraph.graph.types import Graph

__all__ = ["DIRECTIONS", "FORMATS", "Heat", "View", "dot", "render"]


def render(graph: Graph, path: str | PathLike[str], view: View | None = None) -> Path:
    """Draws a graph to SVG, PNG, PDF or DOT, as the suffix of the path says, and returns the path.

    The file that was there stays when anything fails. Raises RenderError.
    """
    target = Path(path)
    kind = kind_of(target)
    if kind == "dot":
        write(target, dot(graph, view).encode("utf-8"))
    else:
        text, engine = placed(graph, view)
        write(target, picture(text, kind, engine))
    return target
