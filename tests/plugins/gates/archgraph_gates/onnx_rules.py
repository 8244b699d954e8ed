"""How the operations are written as ONNX: standard operators, and ONNX Runtime's own where a CPU gains by them."""

from __future__ import annotations

import numpy as np

from archgraph.export.rules import CPU, OnnxRuleContext, rule
from archgraph_gates import operations as ops


@rule(ops.QuickGELU)
def quick_gelu(at: OnnxRuleContext, op: ops.QuickGELU) -> str:
    scaled = at.emit("Mul", at["input"], at.scalar(op.alpha))
    return at.emit("Mul", at["input"], at.emit("Sigmoid", scaled))


@rule(ops.QuickGELU, CPU)
def quick_gelu_on_cpu(at: OnnxRuleContext, op: ops.QuickGELU) -> str:
    if at.type.dtype != "float32":
        return quick_gelu(at, op)
    return at.emit("QuickGelu", at["input"], alpha=op.alpha, domain="com.microsoft")


@rule(ops.GatedLinear)
def gated_linear(at: OnnxRuleContext, op: ops.GatedLinear) -> str:
    value, gate = (_linear(at, op, part) for part in ("value", "gate"))
    return at.emit("Mul", value, at.emit("Sigmoid", gate))


def _linear(at: OnnxRuleContext, op: ops.GatedLinear, part: str) -> str:
    made = at.emit("MatMul", at["input"], at.transposed(f"{part}.weight"))
    return at.emit("Add", made, at.weight(f"{part}.bias")) if op.bias else made


@rule(ops.Hashed)
def hashed(at: OnnxRuleContext, op: ops.Hashed) -> str:
    def whole(value: int) -> str:
        return at.constant(np.array(value, dtype=at.type.dtype))

    return at.emit("Mod", at.emit("Mul", at["input"], whole(op.factor)), whole(op.buckets))
