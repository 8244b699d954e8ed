"""Dimensions of size one that are added to a value: where, and what need not add them in a step of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Item, Node
from archgraph.importing.writing.rewriting.attention_steps import AttentionBody


def new_axes(node: Node) -> list[int]:
    """The dimensions that `unsqueeze` adds, as they are counted in its result, in ascending order."""
    rank, found = node.inputs["input"].type.rank, list[int]()
    for dim in node.op.dim:  # type: ignore[attr-defined]
        rank += 1
        place = dim % rank
        found = [*(one + (one >= place) for one in found), place]
    return sorted(found)


def added_at_once(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """Dimensions that are added one after the other."""
    before = body.only(node.inputs["input"], "unsqueeze") if node.op.name == "unsqueeze" else None
    if before is None:
        return None
    dims = (*before.op.dim, *node.op.dim)  # type: ignore[attr-defined]
    made = replace(node, op=node.op.model_copy(update={"dim": dims}), name=before.name, inputs=before.inputs)
    return kept(made, body) or [made]


def expanded(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """What gets dimensions in front to be repeated along them: `expand` adds them itself."""
    added = body.only(node.inputs["input"], "unsqueeze") if node.op.name == "expand" else None
    new = new_axes(added) if added is not None else []
    if added is None or new != list(range(len(new))) or -1 in node.op.shape[: len(new)]:  # type: ignore[attr-defined]
        return None
    return [replace(node, inputs=added.inputs)]


def kept(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """Dimensions that a sum, mean or maximum leaves out and that are added again at once: it keeps them."""
    reduced = body.only(node.inputs["input"], *_REDUCTIONS) if node.op.name == "unsqueeze" else None
    op: Any = reduced.op if reduced is not None else None
    if reduced is None or op.keepdim or op.dim is None:
        return None
    rank = reduced.inputs["input"].type.rank
    dims = op.dim if isinstance(op.dim, tuple) else (op.dim,)
    if sorted(dim % rank for dim in dims) != new_axes(node):
        return None
    return [replace(reduced, op=op.model_copy(update={"keepdim": True}), outputs=node.outputs)]


_REDUCTIONS = (
    *("sum", "mean", "prod", "std", "var", "logsumexp", "vector_norm"),
    *("amax", "amin", "argmax", "argmin", "all", "any"),
)
"""What leaves dimensions out, with one result."""
