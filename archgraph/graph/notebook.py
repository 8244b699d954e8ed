"""What a notebook shows of graphs and summaries."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from archgraph.graph.summary_table import HEADINGS

if TYPE_CHECKING:
    from archgraph.graph.summary import Summary, SummaryRow
    from archgraph.graph.types import Graph

MOST_ROWS = 500
MOST_NODES = 3_000
"""Larger graphs are shown as text: drawing one must not hold up a notebook."""

Drawer = Callable[["Graph"], str | None]
_drawers: list[Drawer] = []


def draw_with(drawer: Drawer) -> None:
    """Says what draws a graph as SVG text. Drawing is a target, which this room does not know."""
    _drawers[:] = [drawer]


def graph_svg(graph: Graph) -> str | None:
    """A picture; None for a large graph, and where nothing draws: then a notebook shows the text."""
    if not _drawers or _count(graph) > MOST_NODES:
        return None
    return _drawers[0](graph)


def _count(graph: Graph) -> int:
    from archgraph.graph.types import walk

    return sum(1 for _ in walk(graph))


def summary_html(found: Summary) -> str:
    """The table with its totals; at most `MOST_ROWS` rows."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
    rows = "".join(_row_html(row) for row in found.rows[:MOST_ROWS])
    left_out = len(found.rows) - MOST_ROWS
    more = f"<p>and {left_out:,} more rows; <code>depth=</code> folds them</p>" if left_out > 0 else ""
    below = "".join(f"<tr>{_cell(name)}{_cell(text)}</tr>" for name, text in found.footer(160))
    return (
        f"<p><b>{escape(found.title)}</b> {escape(found.about)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}<table>{below}</table>"
    )


def _row_html(row: SummaryRow) -> str:
    from archgraph.graph.summary_table import shortened
    from archgraph.graph.text import quantity

    kind = f"<b>{escape(row.kind)}</b>" if row.composite else escape(row.kind)
    more = f" and {len(row.outputs) - 1} more" if len(row.outputs) > 1 else ""
    macs = quantity(row.cost.macs) if isinstance(row.cost.macs, int) else shortened(row.cost.macs, 80)
    label = f'<td style="text-align:left;padding-left:{row.depth - 0.5:g}em"><code>{escape(row.label)}</code></td>'
    return (
        f"<tr>{label}{_cell(kind, plain=False)}{_cell(f'{row.outputs[0]}{more}')}"
        f"{_cell(f'{row.cost.parameters:,}' if row.cost.parameters else '', side='right')}"
        f"{_cell(macs if row.cost.macs != 0 else '', side='right')}</tr>"
    )


def _cell(text: str, side: str = "left", *, plain: bool = True) -> str:
    return f'<td style="text-align:{side}">{escape(text) if plain else text}</td>'
