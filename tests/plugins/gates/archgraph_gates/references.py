"""What torch computes for each operation, written apart from its rules: what these are held against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archgraph_gates import modules


def quick_gelu(op: Any, x: Tensor) -> Tensor:
    """SiLU of another slope."""
    return F.silu(op.alpha * x) / op.alpha


def gated_linear(op: Any, x: Tensor) -> nn.Module:
    """The module itself."""
    return modules.GatedLinear(x.shape[-1], op.out_features, op.bias)


def hashed(op: Any, x: Tensor) -> Tensor:
    """By floor division."""
    scaled = x * op.factor
    return scaled - torch.div(scaled, op.buckets, rounding_mode="floor") * op.buckets


REFERENCES = {"gates.quick_gelu": quick_gelu, "gates.gated_linear": gated_linear, "gates.hashed": hashed}
