"""Constants, free parameters and buffers: values without an operator."""

from __future__ import annotations

import numpy as np

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import constant as ops


@rule(ops.Constant)
def constant(at: OnnxRuleContext, op: ops.Constant) -> str:
    return at.constant(np.array(op.value, dtype=op.element_type))


@rule(ops.Parameter)
def parameter(at: OnnxRuleContext, op: ops.Parameter) -> str:
    return at.weight("")


@rule(ops.Buffer)
@rule(ops.RegisterBuffer)
def buffer(at: OnnxRuleContext, op: ops.Buffer | ops.RegisterBuffer) -> str:
    return at.weight("")
