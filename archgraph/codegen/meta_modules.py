"""A network on the meta device, whose equal layers are constructed once.

The constructors of generated classes run as they are written, but in a namespace of their own: `nn.Conv2d(…)` with
arguments that were met before gives a copy of that layer with tensors of its own there, and the network's classes are
made in the same way. torch sets a layer's attributes one after the other, each by a Python function that asks what the
value is, which takes ten times as long as the copy; the first of equal layers is constructed without that.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.codegen.meta_construction import on_meta
from archgraph.codegen.meta_results import another
from archgraph.codegen.unchecked_attributes import constructed
from archgraph.records import record

_PLAIN = frozenset((bool, int, float, str, type(None), torch.dtype))
_STRUCTURE = frozenset(vars(nn.Module()))
"""The attributes that every module has: its tensors, its parts and its hooks."""
_TENSORS = ("_parameters", "_buffers")
_UNSEEN: Any = object()
_ALIKE = 2
"""The version of marshal's format in which equal values of equal types have equal bytes, wherever they come from."""


def on_meta_device(file: ModuleType, root: str) -> nn.Module:
    """The network of a generated file, on the meta device but for its constants."""
    constructors = _Namespace(file).constructors
    with torch.no_grad(), on_meta():
        made: nn.Module = constructors[root]()
    constructors.clear()  # they know each other, so that only the garbage collector would find them
    return made


class _Namespace:
    """The names of a generated file as its constructors see them here."""

    def __init__(self, file: ModuleType):
        self.constructors: dict[str, Any] = dict(vars(file))
        self._layers: dict[bytes, _Seen | _Copies | None] = {}
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
            return constructed(kind, start, args, kwargs)

        return construct

    def layer(self, kind: type[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module:
        """A layer of torch's: the copy of an equal one, or a new one."""
        try:
            key = marshal.dumps((kind.__name__, args, kwargs), _ALIKE)
        except ValueError:  # it is made of tensors or modules
            return constructed(kind, kind.__init__, args, kwargs)
        known = self._layers.get(key, _UNSEEN)
        if type(known) is _Seen:
            with torch._C.DisableTorchFunction():
                known = self._layers[key] = known.copies()
        if type(known) is _Copies:
            return known.another()
        made = constructed(kind, kind.__init__, args, kwargs)
        if known is _UNSEEN:
            with torch._C.DisableTorchFunction():
                self._layers[key] = _seen(made)
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


def _seen(layer: nn.Module) -> _Seen | _Copies | None:
    """A layer as it is now, for what may equal it."""
    attributes = dict(vars(layer))
    for name in _TENSORS:
        attributes[name] = attributes[name].copy()
    for name in [name for name, value in attributes.items() if type(value) is list]:
        attributes[name] = attributes[name].copy()
    seen = _Seen(type(layer), attributes)
    return seen if seen.has_no_numbers else seen.copies()


@record()
class _Seen:
    """A layer that was constructed once, as it was then. Most networks have many layers that stay alone."""

    kind: type[nn.Module]
    attributes: dict[str, Any]

    @property
    def has_no_numbers(self) -> bool:
        """Whether its tensors stay as they are whatever is done with that one."""
        for name in _TENSORS:
            for tensor in self.attributes[name].values():
                if tensor is not None and not tensor.is_meta:
                    return False
        return True

    def copies(self) -> _Copies | None:
        """What makes more of it; None where it has more than plain attributes and tensors: parts, hooks, or second
        names of tensors."""
        plain: dict[str, Any] = {}
        containers: list[tuple[str, Callable[[], Any]]] = []
        tensors: list[tuple[str, list[tuple[str, Callable[[], Tensor] | None]]]] = []
        for name, value in self.attributes.items():
            kind = type(value)
            if kind in _PLAIN:
                plain[name] = value
            elif name in _TENSORS:
                held = [(key, None if tensor is None else another(tensor)) for key, tensor in value.items()]
                tensors.append((name, held))
            elif name in _STRUCTURE:
                if value:
                    return None
                containers.append((name, kind))
            elif kind not in (tuple, list) or not _PLAIN.issuperset(map(type, value)):
                return None
            elif kind is list:
                containers.append((name, value.copy))
            else:
                plain[name] = value
        return _Copies(self.kind, plain, containers, tensors)


@record()
class _Copies:
    """Makes layers like one that was constructed, as it was then: whatever happens to that one later. `plain` are
    attributes that all share; `containers` make a new one for each, and `tensors` a new tensor."""

    kind: type[nn.Module]
    plain: dict[str, Any]
    containers: list[tuple[str, Callable[[], Any]]]
    tensors: list[tuple[str, list[tuple[str, Callable[[], Tensor] | None]]]]

    def another(self) -> nn.Module:
        """The same layer without a constructor, with tensors of its own."""
        made = self.kind.__new__(self.kind)
        attributes = made.__dict__
        attributes.update(self.plain)
        for name, make in self.containers:
            attributes[name] = make()
        with torch._C.DisableTorchFunction():
            for name, held in self.tensors:
                attributes[name] = {key: make() if make is not None else None for key, make in held}
        return made
