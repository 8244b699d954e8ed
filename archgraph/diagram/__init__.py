"""Graph → picture: shapes on the edges, blocks in frames, what repeats folded, U-Nets as a U.

view           what is asked of a picture: depth, parts opened and folded, sizes, direction
flat_flow      the graph as a flow of single nodes, and how calls nest
tables         what no input reaches, gathered into tables; table_words: what is said of them
unit_fusion    chains of operations drawn as one; units: what is drawn as one; folding: repetitions folded
captions       what is written in a box; costs: what it costs; roles and shapes: its colour and its words
outline        boxes, groups and edges at a depth; default_depth: which depth
broadcasts     values that reach blocks everywhere
main_path      the main way through a picture
unet           the U of a U-Net; skip_paths: what may be a skip; levels: the levels of a U
changes        colours of what differs from another network, and what is gone
heatmap        colours and shares, in the place of roles and costs
labels         the words of boxes, frames and the title; fonts: how wide they can become
edge_labels    the words of arrows; skip_labels: numbers of skips
dot            the DOT text of a picture; dot_text: its lines and quotes; waypoints: points that arrows pass
pieces         the DOT text of each piece of a long picture; cuts: where it is cut
placed_text    DOT text with places, read and moved
columns        pieces next to each other; rows: pieces below one another, for pictures to the right
page           which of these a picture needs
layout         Graphviz and the file formats
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from archgraph.diagram.dot import dot
from archgraph.diagram.heatmap import Heat
from archgraph.diagram.layout import FORMATS, kind_of, picture, write
from archgraph.diagram.page import placed
from archgraph.diagram.view import DIRECTIONS, View
from archgraph.errors import RenderError
from archgraph.garbage_collection import uncollected
from archgraph.graph.types import Graph

__all__ = ["DIRECTIONS", "FORMATS", "Heat", "View", "dot", "render"]


@uncollected()
def render(graph: Graph, path: str | PathLike[str], view: View | None = None) -> Path:
    """Draws a graph to SVG, PNG, PDF or DOT, as the suffix of the path says, and returns the path.

    The file that was there stays when anything fails. Raises RenderError.
    """
    target = Path(path)
    kind = kind_of(target)
    if kind == "dot":
        write(target, dot(graph, view).encode("utf-8"))
    else:
        write(target, _drawn(graph, kind, view))
    return target


def _drawn(graph: Graph, kind: str, view: View | None) -> bytes:
    """The picture; of a U that Graphviz cannot draw, one below the other."""
    text, engine = placed(graph, view)
    try:
        return picture(text, kind, engine)
    except RenderError:
        plain, other = placed(graph, view, as_u=False)
        if plain == text:
            raise
        return picture(plain, kind, other)
