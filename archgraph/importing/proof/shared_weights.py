"""A copy of a module that reads the tensors of another network: no weight is held twice."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import CellType, FunctionType, ModuleType
from typing import Any

import torch

from archgraph.importing.sources.normed_weights import has_norm_hook

_UNCOPIED = (torch.jit.ScriptFunction, ModuleType)
"""What a module may hold as an attribute and Python refuses to copy."""


def copy_with_weights(module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The module on other parameters, under their keys, which it shares; its buffers are copies. What is on meta gets
    memory."""
    own = module.state_dict(keep_vars=True)
    replaced = {
        id(value): torch.nn.Parameter(weights[key], requires_grad=value.requires_grad)
        for key, value in own.items()
        if isinstance(value, torch.nn.Parameter)
    }
    copies: dict[int, Any] = dict(replaced)
    for inner in filter(has_norm_hook, module.modules()):  # what the hook has left there
        copies[id(inner.weight)] = torch.empty(0)
    for inner in module.modules():
        copies.update({id(value): value for value in vars(inner).values() if isinstance(value, _UNCOPIED)})
    made = copy.deepcopy(module, copies)
    for inner in made.modules():
        vars(inner).update(
            {name: _rebound(value, copies) for name, value in vars(inner).items() if isinstance(value, FunctionType)}
        )
        for name, value in inner._buffers.items():
            if value is not None and value.is_meta:
                inner._buffers[name] = torch.empty_like(value, device="cpu")
    return made


def _rebound(function: FunctionType, copies: dict[int, Any]) -> FunctionType:
    """A function that a module holds, such as `lambda x: mlp.out(mlp.act(x))`, on the copies of what it reads: copying
    a module leaves functions as they are."""
    cells = function.__closure__ or ()
    if not any(id(cell.cell_contents) in copies for cell in cells):
        return function
    closure = tuple(CellType(copies.get(id(cell.cell_contents), cell.cell_contents)) for cell in cells)
    made = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    return made
