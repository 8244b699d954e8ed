"""Activations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import activation as ops
from archgraph.ops.contract import FLOAT_TYPES, Operation

_ONE_OPERATOR = {
    ops.ReLU: "Relu",
    ops.Sigmoid: "Sigmoid",
    ops.Tanh: "Tanh",
}
# Beyond this the logarithm in softplus differs from x by less than float32 resolves.
_EXACT_THRESHOLD = 20.0


def _one_operator(kind: str) -> Callable[[OnnxRuleContext, Operation], str]:
    def form(at: OnnxRuleContext, op: Operation) -> str:
        return at.emit(kind, at["input"])

    return form


for _operation, _kind in _ONE_OPERATOR.items():
    rule(_operation)(_one_operator(_kind))


@rule(ops.ReLU6)
def relu6(at: OnnxRuleContext, op: ops.ReLU6) -> str:
    return at.emit("Clip", at["input"], at.scalar(0.0), at.scalar(6.0))


@rule(ops.LeakyReLU)
def leaky_relu(at: OnnxRuleContext, op: ops.LeakyReLU) -> str:
    return at.emit("LeakyRelu", at["input"], alpha=float(op.negative_slope))


@rule(ops.ELU)
def elu(at: OnnxRuleContext, op: ops.ELU) -> str:
    return at.emit("Elu", at["input"], alpha=float(op.alpha))


@rule(ops.SiLU)
def silu(at: OnnxRuleContext, op: ops.SiLU) -> str:
    """x · sigmoid(x), which ONNX Runtime fuses to QuickGelu."""
    return at.emit("Mul", at["input"], at.emit("Sigmoid", at["input"]))


@rule(ops.GELU)
def gelu(at: OnnxRuleContext, op: ops.GELU) -> str:
    """The patterns that ONNX Runtime fuses to Gelu and FastGelu. These have no kernel for a value without dimensions,
    the former on CUDA, the latter anywhere: it becomes a vector on the way."""
    form = _erf_gelu if op.approximate == "none" else _tanh_gelu
    if at.shape:
        return form(at, at["input"])
    vector = at.emit("Unsqueeze", at["input"], at.constant([0]))
    return at.emit("Squeeze", form(at, vector), at.constant([0]))


def _erf_gelu(at: OnnxRuleContext, x: str) -> str:
    bell = at.emit("Add", at.emit("Erf", at.emit("Div", x, at.scalar(math.sqrt(2)))), at.scalar(1.0))
    return at.emit("Mul", at.emit("Mul", x, bell), at.scalar(0.5))


def _tanh_gelu(at: OnnxRuleContext, x: str) -> str:
    cubic = at.emit("Mul", at.emit("Pow", x, at.scalar(3.0)), at.scalar(0.044715))
    inner = at.emit("Mul", at.emit("Add", x, cubic), at.scalar(math.sqrt(2 / math.pi)))
    bell = at.emit("Add", at.emit("Tanh", inner), at.scalar(1.0))
    # ONNX Runtime unites equal products, and its fusion removes one that others read too: no other is written so.
    half = at.emit("Mul", at.numbers(np.array([0.5])), x)
    return at.emit("Mul", half, bell)


@rule(ops.Hardsigmoid)
def hardsigmoid(at: OnnxRuleContext, op: ops.Hardsigmoid) -> str:
    return at.emit("HardSigmoid", at["input"], alpha=1 / 6, beta=0.5)


@rule(ops.Hardswish)
def hardswish(at: OnnxRuleContext, op: ops.Hardswish) -> str:
    return at.emit("Mul", at["input"], at.emit("HardSigmoid", at["input"], alpha=1 / 6, beta=0.5))


@rule(ops.Softplus)
def softplus(at: OnnxRuleContext, op: ops.Softplus) -> str:
    x = at["input"]
    scaled = x if op.beta == 1 else at.emit("Mul", x, at.scalar(op.beta))
    smooth = at.emit("Softplus", scaled)
    if op.beta != 1:
        smooth = at.emit("Div", smooth, at.scalar(op.beta))
    if op.threshold >= _EXACT_THRESHOLD:
        return smooth
    return at.emit("Where", at.emit("Greater", scaled, at.scalar(op.threshold)), x, smooth)


@rule(ops.Softmax)
def softmax(at: OnnxRuleContext, op: ops.Softmax) -> str:
    return at.emit("Softmax", at["input"], axis=op.dim)


@rule(ops.Clamp)
def clamp(at: OnnxRuleContext, op: ops.Clamp) -> str:
    """A bound that is left out would be the largest finite number, in ONNX Runtime as in the standard."""
    dtype = at.kernel_type(at.result.dtype)
    x = at.read("input", dtype)
    if dtype in FLOAT_TYPES:
        low, high = (-math.inf if op.min is None else op.min), (math.inf if op.max is None else op.max)
        return at.converted(at.emit("Clip", x, at.scalar(low, dtype), at.scalar(high, dtype)), dtype, at.result.dtype)
    above = x if op.min is None else at.emit("Max", x, at.scalar(op.min, dtype))
    return above if op.max is None else at.emit("Min", above, at.scalar(op.max, dtype))
