"""A picture with all its places: as Graphviz lays it out, or in columns or rows that are laid out one by one."""

from __future__ import annotations

from archgraph.diagram.columns import in_columns, joined
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.layout import drawn
from archgraph.diagram.pieces import Pieces
from archgraph.diagram.placed_text import PlacedText
from archgraph.diagram.rows import rows_of
from archgraph.diagram.view import View
from archgraph.graph.types import Graph


def placed(graph: Graph, view: View | None = None, *, as_u: bool = True) -> tuple[str, str]:
    """The DOT text of a picture, and the engine of Graphviz that draws it; with `as_u` the sides of a U stand next to
    each other. Raises what `View.check` does, and RenderError."""
    view = view or View()
    sketch = outline(graph, view)
    drawing = Drawing(sketch, view, as_u=as_u)
    if drawing.is_long:
        pieces = in_columns(sketch, drawing)
        return joined(drawing.page(), _placed(pieces), pieces.passing), "nop2"
    rows = rows_of(sketch, drawing)
    if rows is None:
        return drawing.text(), "dot"
    pieces = Pieces(sketch, drawing, rows.boxes, rows.across)
    return rows.joined(drawing, _placed(pieces), pieces.passing), "nop2"


def _placed(pieces: Pieces) -> list[PlacedText]:
    return [PlacedText(text.decode("utf-8")) for text in drawn(pieces.texts(), "dot")]
