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
_FRESH = vars(nn.Module())
_VALUES = {name: value for name, value in _FRESH.items() if value is None or type(value) is bool}
_CONTAINERS: list[tuple[str, Callable[[], Any]]] = [
    (name, type(value)) for name, value in _FRESH.items() if name not in _VALUES
]
"""What torch gives every module before its own attributes: empty containers, a new one for each."""
_HOOKS = (
    module_of_torch._global_parameter_registration_hooks,
    module_of_torch._global_buffer_registration_hooks,
    module_of_torch._global_module_registration_hooks,
)


def constructed(
    kind: type[nn.Module], start: Callable[..., None], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> nn.Module:
    """What `kind(*args, **kwargs)` makes where `start` is its constructor."""
    below = None if is_watched() else _below(kind)  # type: ignore[arg-type]  # a class can be looked up
    made: nn.Module = kind.__new__(kind) if below is None else below.__new__(below)
    start(made, *args, **kwargs)
    if below is not None:
        object.__setattr__(made, "__class__", kind)
    return made


def is_watched() -> bool:
    """Whether someone wants to be told of each parameter, buffer and part."""
    return any(_HOOKS)


@lru_cache(1 << 8)
def _below(kind: type[nn.Module]) -> type[nn.Module] | None:
    """The class as whose instance a module is constructed; None where its own class sets attributes in its own way."""
    if kind.call_super_init or any(getattr(kind, way) is not getattr(nn.Module, way) for way in _WAYS):
        return None
    drawn = kind.__module__.startswith("torch.nn.modules.") and hasattr(kind, "reset_parameters")
    bases = (_Unchecked,) if kind is nn.Module else (kind, _Unchecked)
    return type(kind.__name__, bases, {"reset_parameters": _drawing_nothing} if drawn else {})


class _Unchecked(nn.Module):
    """Stands between the classes of a module and `nn.Module`."""

    def __init__(self) -> None:
        attributes = self.__dict__
        attributes.update(_VALUES)
        for name, make in _CONTAINERS:
            attributes[name] = make()

    def __setattr__(self, name: str, value: Any) -> None:
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

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        self._buffers[name] = tensor
        if not persistent:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        self._modules[name] = module


_WAYS = ("__setattr__", "register_parameter", "register_buffer", "add_module")


def _drawing_nothing(self: nn.Module) -> None:
    """There are no numbers to draw."""
