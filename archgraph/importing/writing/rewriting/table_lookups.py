"""Rows of a table that are looked up by whole numbers in a row and put in their places afterwards, and tables that are
added to what has more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.graph.types import Item, Node, Value
from archgraph.importing.writing.rewriting.attention_steps import ATTENTION, MERGES, PARTS, AttentionBody


def lookup_in_places(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """Numbers [A, B] as [A · B], the rows [A · B, C] of these, and then [A, B, C]: rows of the numbers as they are."""
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


_BROADCAST = {"add": ("input", "other"), "sub": ("input", "other"), "mul": ("input", "other"), ATTENTION: ("mask",)}
"""What takes operands of fewer dimensions, and which of them."""


def without_leading_ones(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """An operand that gets a dimension in front, which broadcasting gives it anyhow."""
    for port in _BROADCAST.get(node.op.name, ()) if len(node.inputs) > 1 else ():
        value = node.inputs.get(port)
        added = body.only(value, "unsqueeze") if value is not None else None
        if added is None or added.op.dim != (0,) or not _stands_behind(added.inputs["input"], port, node):  # type: ignore[attr-defined]
            continue
        return [replace(node, inputs={**node.inputs, port: added.inputs["input"]})]
    return None


def _stands_behind(plain: Value, port: str, node: Node) -> bool:
    """Whether a value without its first dimension still has at least two, and the others give the result its rank."""
    others = [value.type.rank for name, value in node.inputs.items() if name != port]
    return plain.type.rank >= 2 and max(others) >= node.output.type.rank > plain.type.rank
