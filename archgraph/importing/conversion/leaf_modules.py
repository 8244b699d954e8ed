"""Modules that are one operation: their name stands on it, and they have no body."""

from __future__ import annotations

import torch
from torch import fx

from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.views import operation_name
from archgraph.importing.rules import PASSED_ON, SKIPPED


def is_leaf(call: ModuleCall) -> bool:
    """Whether a module is one operation: all modules of torch.nn that hold no others, and whatever does one thing."""
    if any(isinstance(entry, ModuleCall) for entry in call.entries):
        return False
    hooked = call.module._forward_pre_hooks or call.module._forward_hooks  # what they compute is part of the call
    if call.qualified_class.startswith("torch.nn.modules.") and not call.module._modules and not hooked:
        return True
    working = [node for node in call.entries if isinstance(node, fx.Node) and _works(node)]
    return len(working) <= 1


def makes_tensors(node: fx.Node) -> bool:
    """Whether the result of an operation is a tensor, or several of them."""
    found = node.meta.get("val")
    return isinstance(found, torch.Tensor) or (
        isinstance(found, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in found)
    )


def _works(node: fx.Node) -> bool:
    name = operation_name(node)
    return makes_tensors(node) and name not in SKIPPED and name not in PASSED_ON and name != "getitem"
