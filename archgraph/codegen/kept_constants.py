"""Constants survive the meta device: they have no key, so no file could give their numbers back.

torch's `to_empty`, and loading with `assign=True`, give memory to what has keys and silently leave the rest without
numbers. A generated class keeps the numbers of its constants while they lie on the meta device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_KEPT = "_constants_off_meta"
"""The attribute of a module that has the numbers by the constants' names, as long as they lie on the meta device."""


def keep_constants(made: type[nn.Module]) -> None:
    """Lets a generated class keep its constants. What it constructs and computes stays as it is written."""
    setattr(made, "_apply", _apply)  # noqa: B010 - mypy refuses the assignment
    setattr(made, "load_state_dict", _load_state_dict)  # noqa: B010


def _apply(self: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """torch's own, which `to`, `half`, `to_empty` and the like call for each module."""
    before = _constants(self)
    nn.Module._apply(self, fn, recurse)  # type: ignore[no-untyped-call]
    for name, constant in before.items():
        now = self._buffers[name]
        assert now is not None
        if now.is_meta and not constant.is_meta:
            vars(self).setdefault(_KEPT, {})[name] = constant
        elif constant.is_meta and not now.is_meta:
            _put_back(self, name, now.device)
    return self


def _load_state_dict(self: nn.Module, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
    """torch's own. With `assign` the weights lie where the given ones do, and so do the constants."""
    found = nn.Module.load_state_dict(self, state_dict, strict, assign)
    first = next((tensor for tensor in state_dict.values() if isinstance(tensor, Tensor)), None)
    if assign and first is not None and not first.is_meta:
        for part in self.modules():
            for name in tuple(vars(part).get(_KEPT, ())):
                _put_back(part, name, first.device)
    return found


def _constants(module: nn.Module) -> dict[str, Tensor]:
    found = {name: module._buffers[name] for name in module._non_persistent_buffers_set}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _put_back(module: nn.Module, name: str, device: torch.device) -> None:
    """The numbers of a constant in the type that it has by now."""
    kept: dict[str, Tensor] = vars(module).get(_KEPT, {})
    if name in kept:
        empty = module._buffers[name]
        assert empty is not None
        module._buffers[name] = kept.pop(name).to(device=device, dtype=empty.dtype)
