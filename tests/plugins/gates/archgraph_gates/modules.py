"""The layers as modules of torch: what generated code imports, and what `archgraph import --leaf` keeps as one node.
Nothing of archgraph is needed here."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GatedLinear(nn.Module):
    """(W x + b) · sigmoid(V x + c)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.out_features = out_features
        self.value = nn.Linear(in_features, out_features, bias)
        self.gate = nn.Linear(in_features, out_features, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(x) * torch.sigmoid(self.gate(x))
