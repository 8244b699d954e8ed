"""What torch's functions make on the meta device, told without the Python functions that it has for them there.

The first of those that a process calls imports torch's compiler, which takes 0.7 seconds, and each takes 100 to 600 µs.
Constants and normalized weights of networks are made by few of them: counting, arithmetic, joining, norms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

Rule = Callable[..., Tensor | None]
_WHOLE = frozenset((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64))
_NUMBERS = frozenset((int, float))
_TENSORS = frozenset((Tensor, nn.Parameter))
_MOST_PLAIN = 3
"""Tensors of more dimensions may lie in memory with the channels last."""


def result_without_torch(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """A new tensor of the type, shape and strides that the function's result has on the meta device; None where that is
    not known."""
    rule = _RULES.get(func)
    try:
        return rule(*args, **kwargs) if rule is not None else None
    except (TypeError, IndexError, RuntimeError):  # arguments of another kind, and those that torch has an error for
        return None


def _is_plain(value: object) -> bool:
    """Whether a tensor has numbers, lies in memory in its order, and is not followed for gradients."""
    if not _is_fixed(value):
        return False
    if not value.dtype.is_floating_point and value.dtype not in _WHOLE:
        return False
    return _lies_in_order(value)


def _is_fixed(value: object) -> TypeGuard[Tensor]:
    """Whether what is made of a value has no gradient."""
    if not isinstance(value, Tensor) or type(value) not in _TENSORS or not value.is_meta:
        return False
    return not value.requires_grad or not torch.is_grad_enabled()


def _lies_in_order(tensor: Tensor) -> bool:
    """Whether the strides are those of a new tensor, for dimensions of one place too."""
    step = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if stride != step:
            return False
        step *= size or 1
    return True


def _arithmetic(one: Any, other: Any, /) -> Tensor | None:
    """A sum, a difference or a product of two tensors, or of a tensor and a number."""
    if not _is_plain(one) or not (_is_plain(other) or type(other) in _NUMBERS):
        return None
    dtype = torch.result_type(one, other)
    shape = one.shape
    if isinstance(other, Tensor):
        shape = torch.broadcast_tensors(one, other)[0].shape  # type: ignore[no-untyped-call]
    return torch.empty(shape, dtype=dtype, device=one.device)


def _quotient(one: Any, other: Any, /) -> Tensor | None:
    made = _arithmetic(one, other)
    return made if made is None or made.is_floating_point() else made.to(torch.get_default_dtype())


def _same(one: Any, /) -> Tensor | None:
    """What a function of each number makes that leaves whole ones whole."""
    return torch.empty(one.shape, dtype=one.dtype, device=one.device) if _is_plain(one) else None


def _smooth(one: Any, /) -> Tensor | None:
    """What a function of each number makes whose results are no whole numbers."""
    return _same(one) if isinstance(one, Tensor) and one.is_floating_point() else None


def _arange(*bounds: Any, device: Any, dtype: torch.dtype | None = None) -> Tensor | None:
    plain = 1 <= len(bounds) <= 3 and all(type(bound) is int for bound in bounds)
    if not plain or torch.device(device).type != "meta":
        return None
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step == 0 or (end - start) * step < 0:
        return None
    return torch.empty(math.ceil((end - start) / step), dtype=dtype or torch.int64, device=device)


def _are_fixed(tensors: Any) -> bool:
    return type(tensors) in (list, tuple) and all(map(_is_fixed, tensors))


def _stack(tensors: Any, dim: int = 0) -> Tensor | None:
    if not _are_fixed(tensors):
        return None
    return _cat([one.unsqueeze(dim) for one in tensors], dim)


def _cat(tensors: Any, dim: int = 0) -> Tensor | None:
    if not _are_fixed(tensors):
        return None
    first = tensors[0]
    for one in tensors:
        alike = one.dim() == first.dim() > 0
        if not alike or one.dtype != first.dtype or (one.dim() > _MOST_PLAIN and not _lies_in_order(one)):
            return None
    dim = range(first.dim())[dim]
    shapes = [list(one.shape) for one in tensors]
    if any(shape[:dim] + shape[dim + 1 :] != shapes[0][:dim] + shapes[0][dim + 1 :] for shape in shapes):
        return None
    shape = [*shapes[0][:dim], sum(each[dim] for each in shapes), *shapes[0][dim + 1 :]]
    return torch.empty(shape, dtype=first.dtype, device=first.device)


def _norm_except_dim(weight: Any, power: int = 2, dim: int = 0, /) -> Tensor | None:
    """The magnitudes of weight normalization (`torch.nn.utils.parametrizations.weight_norm`)."""
    if not _is_plain(weight) or not weight.is_floating_point() or weight.numel() == 0 or weight.dim() == 0:
        return None
    if dim not in (0, weight.dim() - 1):  # one between lies in memory in another order
        return None
    shape = [size if place == dim else 1 for place, size in enumerate(weight.shape)]
    return torch.empty(shape, dtype=weight.dtype, device=weight.device)


def _weight_norm(weight: Any, magnitudes: Any, dim: int = 0, /) -> Tensor | None:
    """A normalized weight of these magnitudes."""
    wanted = _norm_except_dim(weight, 2, dim)
    if wanted is None or not _is_plain(magnitudes) or magnitudes.dtype != weight.dtype:
        return None
    return _smooth(weight) if magnitudes.shape == wanted.shape else None


_KEPT = ["abs", "neg", "sign"]
_SMOOTH = ["cos", "exp", "log", "log2", "reciprocal", "rsqrt", "sigmoid", "sin", "sqrt", "tanh"]
_RULES: Mapping[Any, Rule] = {
    **dict.fromkeys((Tensor.add, Tensor.sub, Tensor.mul, torch.add, torch.sub, torch.mul), _arithmetic),
    **dict.fromkeys((Tensor.div, torch.div), _quotient),
    **dict.fromkeys(chain.from_iterable((getattr(Tensor, name), getattr(torch, name)) for name in _KEPT), _same),
    **dict.fromkeys(chain.from_iterable((getattr(Tensor, name), getattr(torch, name)) for name in _SMOOTH), _smooth),
    torch.arange: _arange,
    torch.stack: _stack,
    torch.cat: _cat,
    torch.norm_except_dim: _norm_except_dim,
    torch._weight_norm: _weight_norm,
}
