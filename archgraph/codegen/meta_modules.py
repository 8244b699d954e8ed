"""A network on the meta device, whose equal layers are constructed once.

The constructors of generated classes run as they are written, but in a namespace of their own: `nn.Conv2d(…)` with
arguments that were met before gives a copy of that layer with tensors of its own there, and the network's classes are
made in the same way. torch sets a layer's attributes one after the other, each by a Python function that asks what the
value is, which takes ten times as long as the copy; and it draws numbers that are not there. So the first of equal
layers is an instance of a class below torch's own, for as long as torch constructs it, with neither.
"""

from __future__ import annotations

import inspect
import marshal
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.codegen.meta_construction import on_meta

_PLAIN = (bool, int, float, str, type(None), torch.dtype)
_PLAIN_OR_SEVERAL = frozenset((bool, int, float, str, tuple))
"""Types of attributes that torch keeps as they are, whatever their names: they are no tensors, and remove none."""
_META = torch.device("meta")
_STRUCTURE = frozenset(vars(nn.Module()))
"""The attributes that every module has: its tensors, its parts and its hooks."""
_TENSORS = ("_parameters", "_buffers")
_UNSEEN: Any = object()
_ALIKE = 2
"""The version of marshal's format in which equal values of equal types have equal bytes, wherever they come from."""


def on_meta_device(file: ModuleType, root: str) -> nn.Module:
    """The network of a generated file, on the meta device but for its constants."""
    with on_meta():
        made: nn.Module = _Namespace(file).constructors[root]()
    return made


class _Namespace:
    """The names of a generated file as its constructors see them here."""

    def __init__(self, file: ModuleType):
        self.constructors: dict[str, Any] = dict(vars(file))
        self._layers: dict[bytes, _Copies | None] = {}
        self.constructors["nn"] = _Layers(self.layer)
        for name, found in vars(file).items():
            if isinstance(found, type) and issubclass(found, nn.Module) and found.__module__ == file.__name__:
                self.constructors[name] = self._constructor(found)

    def _constructor(self, kind: type[nn.Module]) -> Callable[..., nn.Module]:
        """What makes an instance as `kind(…)` does."""
        written: Any = kind.__init__
        if written.__module__ != kind.__module__:  # torch's own, such as that of a list
            return kind
        start = FunctionType(
            written.__code__, self.constructors, written.__name__, written.__defaults__, written.__closure__
        )
        start.__kwdefaults__ = written.__kwdefaults__

        def construct(*args: Any, **kwargs: Any) -> nn.Module:
            made = kind.__new__(kind)
            start(made, *args, **kwargs)
            return made

        return construct

    def layer(self, kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module:
        """A layer of torch's: the copy of an equal one, or a new one."""
        try:
            key = marshal.dumps((kind.__name__, args, kwargs), _ALIKE)
        except ValueError:  # it is made of tensors or modules
            return kind(*args, **kwargs)
        known = self._layers.get(key, _UNSEEN)
        if known is not _UNSEEN:
            return kind(*args, **kwargs) if known is None else known.another()
        made = _plainly_constructed(kind, args, kwargs) or kind(*args, **kwargs)
        self._layers[key] = _Copies(made) if _can_be_copied(made) else None
        return made


class _Layers:
    """`torch.nn` as the constructors see it: what makes a layer is looked up once for each kind."""

    def __init__(self, layer: Callable[[type[nn.Module], tuple[Any, ...], dict[str, Any]], nn.Module]):
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        found = getattr(nn, name)
        if isinstance(found, type) and issubclass(found, nn.Module):
            kind, layer = found, self._layer

            def found(*args: Any, **kwargs: Any) -> nn.Module:
                return layer(kind, args, kwargs)

        setattr(self, name, found)
        return found


def _plainly_constructed(kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module | None:
    """The layer as torch's constructor makes it for the meta device; None where only the constructor itself knows how:
    it takes no device, or has parts, or a tensor of another device."""
    quick = _undrawn(kind)
    if quick is None or "device" in kwargs:
        return None
    with torch._C.DisableTorchFunction():  # it is told where to make tensors, so that none need be asked for
        made = quick(*args, device=_META, **kwargs)
    object.__setattr__(made, "__class__", kind)
    tensors = (*made._parameters.values(), *made._buffers.values())
    there = all(tensor is None or tensor.is_meta for tensor in tensors)
    return made if there and _can_be_copied(made) else None


@lru_cache(1 << 8)
def _undrawn(kind: type[nn.Module]) -> type[nn.Module] | None:
    """A class below one of torch's layers, whose instances keep plain attributes at once and draw nothing; None for a
    layer that takes no device, or sets attributes in its own way."""
    own = kind.__module__.startswith("torch.nn.modules.") and kind.__setattr__ is nn.Module.__setattr__
    if not own or "device" not in inspect.signature(kind.__init__).parameters:
        return None

    def set_attribute(self: nn.Module, name: str, value: Any) -> None:
        if type(value) in _PLAIN_OR_SEVERAL:
            self.__dict__[name] = value
        else:
            nn.Module.__setattr__(self, name, value)

    def reset_parameters(self: nn.Module) -> None:
        """There are no numbers to draw."""

    return type(kind.__name__, (kind,), {"__setattr__": set_attribute, "reset_parameters": reset_parameters})


def _can_be_copied(module: nn.Module) -> bool:
    """Whether a module has nothing but plain attributes and tensors: no parts, no hooks, no second names of tensors."""
    for name, value in vars(module).items():
        if name in _TENSORS or type(value) in _PLAIN:
            continue
        if name in _STRUCTURE:
            if value:
                return False
        elif type(value) not in (tuple, list) or any(type(part) not in _PLAIN for part in value):
            return False
    return True


class _Copies:
    """Makes layers like one that was constructed, as it was then: whatever happens to that one later."""

    def __init__(self, layer: nn.Module):
        self._kind = type(layer)
        self._plain: dict[str, Any] = {}
        self._containers: list[tuple[str, Callable[[], Any]]] = []
        self._tensors: list[tuple[str, dict[str, Tensor | None]]] = []
        for name, value in vars(layer).items():
            if name in _TENSORS:
                self._tensors.append((name, value.copy()))
            elif name in _STRUCTURE and type(value) not in _PLAIN:
                self._containers.append((name, type(value)))  # it is empty
            elif type(value) is list:
                self._containers.append((name, value.copy().copy))
            else:
                self._plain[name] = value

    def another(self) -> nn.Module:
        """The same layer without a constructor, with tensors of its own."""
        made = self._kind.__new__(self._kind)
        attributes = made.__dict__
        attributes.update(self._plain)
        for name, make in self._containers:
            attributes[name] = make()
        with torch._C.DisableTorchFunction():
            for name, held in self._tensors:
                attributes[name] = {key: None if old is None else _as_new(old) for key, old in held.items()}
        return made


def _as_new(tensor: Tensor) -> Tensor:
    """A tensor of its own like this one; on the meta device there are no numbers to copy. (There `empty_like` is a
    Python function of torch's, which takes twenty times as long.)"""
    if tensor.is_meta:
        fresh = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
    else:
        fresh = tensor.detach().clone()
    return nn.Parameter(fresh, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else fresh
