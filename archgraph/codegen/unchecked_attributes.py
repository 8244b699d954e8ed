"""Constructors run without torch's checks of each attribute, and without draws.

`nn.Module.__setattr__`, `register_parameter` and `register_buffer` ask what a value is, whether its name stands for
something else, and who wants to be told: half of the time of a constructor that is known to work. Here a module is, for
as long as its constructor runs, an instance of a class below its own, which keeps parameters, buffers and parts where
torch keeps them. For the meta device: there is nothing to draw for the weights of torch's layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as module_of_torch

_PLAIN = frozenset((bool, int, float, str, tuple))
"""Types of attributes that torch keeps as they are."""
_HOOKS = (
    module_of_torch._global_parameter_registration_hooks,
    module_of_torch._global_buffer_registration_hooks,
    module_of_torch._global_module_registration_hooks,
)


def constructed(
    kind: type[nn.Module], start: Callable[..., None], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> nn.Module:
    """What `kind(*args, **kwargs)` makes where `start` is its constructor."""
    below = None if any(_HOOKS) else _below(kind)
    made: nn.Module = kind.__new__(kind) if below is None else below.__new__(below)
    start(made, *args, **kwargs)
    if below is not None:
        object.__setattr__(made, "__class__", kind)
    return made


@lru_cache(1 << 8)
def _below(kind: type[nn.Module]) -> type[nn.Module] | None:
    """The class as whose instance a module is constructed; None where its own class sets attributes in its own way."""
    ways = ("__setattr__", "register_parameter", "register_buffer")
    if any(getattr(kind, way) is not getattr(nn.Module, way) for way in ways):
        return None
    own = {
        "__setattr__": _set_attribute,
        "register_parameter": _register_parameter,
        "register_buffer": _register_buffer,
    }
    if kind.__module__.startswith("torch.nn.modules."):
        own["reset_parameters"] = _reset_parameters
    return type(kind.__name__, (kind,), own)


def _set_attribute(self: nn.Module, name: str, value: Any) -> None:
    if type(value) in _PLAIN:
        self.__dict__[name] = value
    elif isinstance(value, nn.Module):
        self.__dict__.pop(name, None)  # an optional part is None before it is there
        self._modules[name] = value
    elif type(value) is nn.Parameter:
        self.__dict__.pop(name, None)
        self._parameters[name] = value
    else:
        nn.Module.__setattr__(self, name, value)


def _register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
    self._parameters[name] = param


def _register_buffer(self: nn.Module, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
    self._buffers[name] = tensor
    if not persistent:
        self._non_persistent_buffers_set.add(name)


def _reset_parameters(self: nn.Module) -> None:
    """There are no numbers to draw."""
