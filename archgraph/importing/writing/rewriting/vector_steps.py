"""Vectors that are divided by their length, as the operation that does so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Item, Node
from archgraph.importing.writing.rewriting.attention_steps import AttentionBody
from archgraph.ops.contract import lookup


def normalized(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """x / max(‖x‖, eps) along one dimension, as torch.nn.functional.normalize computes it."""
    if node.op.name != "div" or len(node.inputs) != 2 or node.op.rounding_mode is not None:  # type: ignore[attr-defined]
        return None
    source, length = node.inputs["input"], node.inputs["other"]
    spread = body.only(length, "expand")
    least = body.only(spread.inputs["input"] if spread is not None else length, "clamp")
    norm = body.only(least.inputs["input"], "vector_norm") if least is not None else None
    if least is None or norm is None or norm.inputs["input"] is not source or source.type != node.output.type:
        return None
    clamp, op = _attributes(least), _attributes(norm)
    dims = op.dim if isinstance(op.dim, tuple) else (op.dim,)
    if clamp.max is not None or clamp.min is None or clamp.min < 0 or not op.keepdim or len(dims) != 1:
        return None
    if dims[0] is None:
        return None
    made = lookup("normalize").model_validate({"p": op.ord, "dim": dims[0], "eps": clamp.min})
    return [replace(node, name="normalize", op=made, inputs={"input": source})]


def _attributes(node: Node) -> Any:
    return node.op
