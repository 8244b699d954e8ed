"""A copy of a module that reads the tensors of another network: no weight is held twice."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch


def copy_with_weights(module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The module on other parameters, under their keys, which it shares; its buffers are copies. What is on meta gets
    memory."""
    own = module.state_dict(keep_vars=True)
    replaced = {
        id(value): torch.nn.Parameter(weights[key], requires_grad=value.requires_grad)
        for key, value in own.items()
        if isinstance(value, torch.nn.Parameter)
    }
    made = copy.deepcopy(module, dict(replaced))
    for inner in made.modules():
        for name, value in inner._buffers.items():
            if value is not None and value.is_meta:
                inner._buffers[name] = torch.empty_like(value, device="cpu")
    return made
