"""What torch computes on the meta device, where equal questions have equal answers and are asked once.

There a function only finds the type, the shape and the strides of its result, by Python functions of torch's that take
a thousand times as long as a new tensor: 100 µs for a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.codegen.meta_rules import result_without_torch

_PLAIN = frozenset((bool, int, float, complex, str, type(None), torch.dtype, torch.device, torch.memory_format))
_LISTS = frozenset((tuple, list, torch.Size))
_TENSORS = frozenset((Tensor, nn.Parameter))
_is_alias_of: Callable[[Tensor, Tensor], bool] = getattr(torch._C, "_is_alias_of")  # noqa: B009 - not in its types


class MetaResults:
    """The results of functions by what they were given. A result that is a view, or an argument itself, is computed
    each time: a copy would have another storage."""

    def __init__(self) -> None:
        self._makers: dict[Any, Callable[[], Tensor] | None] = {}
        self._others: set[Callable[..., Any]] = set()
        """Functions that were seen to return something else than a new tensor."""

    def of(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What the function returns."""
        if func in self._others:
            return func(*args, **kwargs)
        told = result_without_torch(func, args, kwargs)
        if told is not None:
            return told
        given: list[Tensor] = []
        try:
            key = (func, _outline(args, given), tuple(kwargs), _outline(tuple(kwargs.values()), given))
        except TypeError:
            return func(*args, **kwargs)
        make = self._makers.get(key)
        if make is not None:
            return make()
        result = func(*args, **kwargs)
        if type(result) is not Tensor or any(_is_alias_of(result, each) for each in given):
            self._others.add(func)
        elif result.is_meta and result.layout is torch.strided and not result.requires_grad:
            self._makers[key] = another(result)
        return result


def _outline(values: tuple[Any, ...], given: list[Tensor]) -> tuple[Any, ...]:
    """What determines a result of these arguments; `given` gets the tensors. Raises TypeError for other values."""
    parts: list[Any] = []
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            parts += (kind, value)
        elif kind in _LISTS:
            parts += (kind, _outline(value, given))
        elif kind in _TENSORS and value.is_meta and value.layout is torch.strided:
            given.append(value)
            parts += (value.shape, value.stride(), value.dtype, value.requires_grad)
        else:
            raise TypeError(kind)
    return tuple(parts)


def another(tensor: Tensor) -> Callable[[], Tensor]:
    """Makes tensors like this one; on the meta device there are no numbers to copy. (There `empty_like` is a Python
    function of torch's, which takes twenty times as long.)"""
    learns = tensor.requires_grad
    if not tensor.is_meta:
        clone = tensor.detach().clone().clone
        return (lambda: nn.Parameter(clone(), learns)) if isinstance(tensor, nn.Parameter) else clone
    kind, device = tensor.dtype, tensor.device
    fresh = partial(torch.empty_strided, tensor.shape, tensor.stride(), dtype=kind, device=device, requires_grad=learns)

    def parameter() -> Tensor:
        made = fresh()
        made.__class__ = nn.Parameter  # as torch does with what it makes a parameter of later
        return made

    return parameter if isinstance(tensor, nn.Parameter) else fresh
