"""Activations beyond the common ones: most by the forms of their table."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import write_form
from archgraph.export.profiles import rule
from archgraph.ops import nonlinearity as ops


@rule(ops.Activation)
@rule(ops.AlongDim)
def by_form(at: OnnxRuleContext, op: ops.Activation | ops.AlongDim) -> str:
    dtype = at.type.dtype
    return write_form(at, op.row.form(dtype), {"x": at["input"]}, dtype)


@rule(ops.Softmax2d)
def softmax2d(at: OnnxRuleContext, op: ops.Softmax2d) -> str:
    return at.emit("Softmax", at["input"], axis=len(at.shape) - 3)


@rule(ops.Hardtanh)
def hardtanh(at: OnnxRuleContext, op: ops.Hardtanh) -> str:
    return at.emit("Clip", at["input"], at.scalar(op.min_val), at.scalar(op.max_val))


@rule(ops.RReLU)
def rrelu(at: OnnxRuleContext, op: ops.RReLU) -> str:
    return at.emit("LeakyRelu", at["input"], alpha=(op.lower + op.upper) / 2)


@rule(ops.PReLU)
def prelu(at: OnnxRuleContext, op: ops.PReLU) -> str:
    """The channels are dimension 1; ONNX aligns slopes at the last one."""
    behind = max(0, len(at.shape) - 2)
    return at.emit("PRelu", at["input"], at.weight("weight", (op.num_parameters, *(1,) * behind)))


@rule(ops.GLU)
def glu(at: OnnxRuleContext, op: ops.GLU) -> str:
    axis = op.dim % len(at.shape)
    half, gate = at.emit_many("Split", 2, at["input"], axis=axis, num_outputs=2)
    return at.emit("Mul", half, at.emit("Sigmoid", gate))
