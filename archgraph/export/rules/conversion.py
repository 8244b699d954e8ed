"""Casts."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import conversion as ops


@rule(ops.To)
def to(at: OnnxRuleContext, op: ops.To) -> str:
    return at.cast(at["input"], at.result.dtype)
