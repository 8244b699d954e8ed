"""Casts. What is float32 in the graph has the type that the module was moved to."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import local, method, ref, text
from archgraph.codegen.rules.constant import DTYPES
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops import conversion as ops
from archgraph.structure.terms import Term


@function(ops.To)
def to(site: TorchRuleContext, op: ops.To) -> Term:
    if op.dtype == "float32":
        return local("float32", ref("input"))
    return method(ref("input"), "to", text(DTYPES[op.dtype]))
