"""Rows of a table that are looked up by whole numbers in a row, and put in their places afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.graph.types import Item, Node
from archgraph.importing.writing.attention_steps import MERGES, PARTS, AttentionBody


def lookup_in_places(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """Numbers [A, B] that become [A · B], rows [A · B, C] of these and then [A, B, C]: rows of the numbers as they are."""
    looked_up = body.only(node.inputs["input"], "index") if node.op.name in PARTS else None
    if looked_up is None or looked_up.op.dim != 0:  # type: ignore[attr-defined]
        return None
    flat = body.maker(looked_up.inputs["index"], *MERGES)
    if flat is None:
        return None
    table, numbers = looked_up.inputs["input"], flat.inputs["input"]
    if body.shape(node.output) != (*body.shape(numbers), *body.shape(table)[1:]):
        return None
    return [replace(looked_up, inputs={"input": table, "index": numbers}, outputs=node.outputs)]
