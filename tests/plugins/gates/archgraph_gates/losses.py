"""Losses for `archgraph train --loss gates.NAME`: functions of a network's output and its target."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def focal(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy that easy examples weigh little in (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""
    entropy = F.cross_entropy(output, target, reduction="none")
    return ((1 - torch.exp(-entropy)) ** 2 * entropy).mean()
