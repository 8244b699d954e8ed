"""Variances, and norms with the statistics of what they are given, by their definitions: each step is an operation that
rounds.

The mean that is taken away is a sum of n numbers. Where these are nearly constant, their variance is no larger than
what that mean is off, and 1 / √(variance + eps) amplifies it by up to 1 / √eps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Normed: TypeAlias = "tuple[Tensor, Tensor, Tensor]"
"""The result, the mean, and 1 / √(variance + eps), as torch's own operations give them."""


def definition_of(name: str, args: Sequence[Any]) -> Callable[..., Any] | None:
    """The definition of one of torch's operations; None of any other, and of a batch norm with stored statistics."""
    if name == "native_group_norm":
        return _group_norm
    if name == "native_layer_norm":
        return _layer_norm
    if name in _SPREADS:
        return _SPREADS[name]
    return _batch_norm if name == "native_batch_norm" and args[5] else None


def _batch_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *others: Any) -> Normed:
    """Over all dimensions but the channels, https://arxiv.org/abs/1502.03167; an instance norm is one of these."""
    over = [axis for axis in range(x.ndim) if axis != 1]
    normed, mean, scale = _standardised(x, over, eps=others[-1])
    return _affine(normed, weight, bias), mean.flatten(), scale.flatten()


def _group_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *others: Any) -> Normed:
    """Over each group of channels, https://arxiv.org/abs/1803.08494."""
    groups, eps = others[-2:]
    normed, mean, scale = _standardised(x.reshape(x.shape[0], groups, -1), [2], eps)
    return _affine(normed.reshape(x.shape), weight, bias), mean.squeeze(2), scale.squeeze(2)


def _layer_norm(x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> Normed:
    """Over the last dimensions, https://arxiv.org/abs/1607.06450.

    ONNX Runtime adds up a row in float64 and rounds its mean once. So the mean is a product with 1 / n here, which is
    off by a rounding and not by as many as a sum of n numbers.
    """
    rows = x.reshape(-1, prod(shape))
    share = rows.new_full((rows.shape[1], 1), 1 / max(rows.shape[1], 1))
    mean = rows @ share
    centred = rows - mean
    scale = ((centred * centred) @ share + eps).rsqrt()
    scaled = (centred * scale).reshape(x.shape)
    scaled = scaled if weight is None else scaled * weight
    statistics = [*x.shape[: x.ndim - len(shape)], *[1] * len(shape)]
    return scaled if bias is None else scaled + bias, mean.reshape(statistics), scale.reshape(statistics)


def _standardised(x: Tensor, over: list[int], eps: float) -> Normed:
    """(x - mean) / √(variance + eps)."""
    mean = x.mean(over, keepdim=True)
    centred = x - mean
    scale = ((centred * centred).mean(over, keepdim=True) + eps).rsqrt()
    return centred * scale, mean, scale


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x · weight + bias along dimension 1."""
    shape = (-1, *[1] * (x.ndim - 2))
    scaled = x if weight is None else x * weight.view(shape)
    return scaled if bias is None else scaled + bias.view(shape)


def _variance_and_mean(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Σ (x - mean)² / max(0, n - correction), of n numbers; the correction is 1 where none is given."""
    over = list(range(x.ndim)) if not dim else [axis % x.ndim for axis in dim]
    mean = x.mean(over, keepdim=True)
    centred = x - mean
    count = prod(x.shape[axis] for axis in over)
    free = max(0.0, count - (1 if correction is None else correction))
    found = (centred * centred).sum(over, keepdim=True) / free
    return (found, mean) if keepdim else (_without(found, over), _without(mean, over))


def _without(x: Tensor, over: Sequence[int]) -> Tensor:
    return x.reshape([size for axis, size in enumerate(x.shape) if axis not in over])


def _deviation_and_mean(x: Tensor, *dim: Any, **others: Any) -> tuple[Tensor, Tensor]:
    """The root of the variance."""
    variance, mean = _variance_and_mean(x, *dim, **others)
    return variance.sqrt(), mean


_SPREADS: Mapping[str, Callable[..., Any]] = {
    "var_mean": _variance_and_mean,
    "std_mean": _deviation_and_mean,
    "var": lambda *args, **others: _variance_and_mean(*args, **others)[0],
    "std": lambda *args, **others: _deviation_and_mean(*args, **others)[0],
}
"""As torch's operations are called, `var.correction` and its like: dimensions, and what is given by name."""
