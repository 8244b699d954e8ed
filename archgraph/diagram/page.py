"""A picture with all its places: as Graphviz lays it out, or in columns or rows that are laid out one by one."""

from __future__ import annotations

from archgraph.diagram import columns
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.layout import drawn
from archgraph.diagram.outline import Outline
from archgraph.diagram.pieces import Pieces
from archgraph.diagram.placed_text import PlacedText
from archgraph.diagram.rows import Rows, rows_of
from archgraph.diagram.view import View
from archgraph.graph.types import Graph


def placed(graph: Graph, view: View | None = None) -> tuple[str, str]:
    """The DOT text of a picture, and the engine of Graphviz that draws it. Raises what `View.check` does, and
    RenderError."""
    view = view or View()
    sketch = outline(graph, view)
    drawing = Drawing(sketch, view)
    if drawing.is_long:
        return _in_columns(sketch, drawing), "nop2"
    rows = rows_of(sketch, drawing)
    return (_in_rows(sketch, drawing, rows), "nop2") if rows else (drawing.text(), "dot")


def _in_columns(sketch: Outline, drawing: Drawing) -> str:
    pieces = Pieces(sketch, drawing, columns.columns(sketch, drawing.edges))
    return columns.joined(drawing.page(), _placed(pieces), pieces.passing)


def _in_rows(sketch: Outline, drawing: Drawing, rows: Rows) -> str:
    pieces = Pieces(sketch, drawing, rows.boxes, rows.across)
    return rows.joined(drawing, _placed(pieces), pieces.passing)


def _placed(pieces: Pieces) -> list[PlacedText]:
    return [PlacedText(text.decode("utf-8")) for text in drawn(pieces.texts(), "dot")]
