"""Evaluation in float64 throughout: also where a module's code names float32, as norms and rotary tables do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from archgraph.importing.proof.drawn_weights import DrawnWeights

_ELEMENT_TYPE = torch.Tensor.dtype


class _Float64(TorchFunctionMode):
    def __init__(self, weights: DrawnWeights | None):
        super().__init__()
        self._weights = weights

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        if getattr(func, "__self__", None) is _ELEMENT_TYPE:
            return torch.float32 if func(*args) is torch.float64 else func(*args)
        given: Iterable[Any] = map(_wide, args)
        named = {name: _wide(value) for name, value in (kwargs or {}).items()}
        if self._weights is not None:
            given = map(self._weights.value, given)
            named = {name: self._weights.value(value) for name, value in named.items()}
        return func(*given, **named)


def _wide(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


@contextmanager
def float64_evaluation(weights: DrawnWeights | None = None) -> Iterator[None]:
    """Inside, conversions to float32 are ones to float64, and so is what torch makes of numbers.

    A value says that it is in float32: `eps = 1e-5 if x.dtype is torch.float32 else 1e-3` decides as it does outside.
    Two programs that compute the same are equal there to about 1e-15, whichever of them rounds on its way. `weights`
    are read in the place of parameters without contents.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Float64(weights), torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)
