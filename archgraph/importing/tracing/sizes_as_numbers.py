"""Functions of torch that take plain numbers only, where a module hands them a size: steps that keep the size free."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

import sympy
import torch
from torch.nn import functional
from torch.utils._sympy.functions import ToFloat

from archgraph.importing.tracing.replaced_functions import replaced_function

Function = Callable[..., Any]


@torch.library.custom_op("archgraph::linspace", mutates_args=())
def _linspace(start: float, end: float, steps: int) -> torch.Tensor:
    return torch.linspace(start, end, steps)


_linspace.register_fake(lambda start, end, steps: torch.empty(steps))


@contextmanager
def sizes_as_numbers(module: torch.nn.Module) -> Iterator[None]:
    """Inside, `torch.linspace(-1, 1, H)` has as many steps as a free size says, and a pooling whose window is the whole
    input, as `F.max_pool1d(x, x.shape[2])`, is its mean or maximum. Attention is causal where more than one query asks
    for it: a query alone attends to itself in both ways. This one stands in the source of the module's classes too,
    which import it by its name."""
    with ExitStack() as stack:
        attention = functional.scaled_dot_product_attention
        for place in [vars(functional), *_sources(module)]:
            names = [name for name, value in place.items() if value is attention]
            stack.enter_context(patch.dict(place, dict.fromkeys(names, _in_place_of(attention, _attended))))
        stack.enter_context(replaced_function("linspace", _in_place_of(torch.linspace, _spaced)))
        for rank in (1, 2, 3):
            for name, of_call in ((f"avg_pool{rank}d", _mean), (f"max_pool{rank}d", _maximum)):
                pooled = partial(_pooled, rank, of_call)
                stack.enter_context(patch.object(functional, name, _in_place_of(getattr(functional, name), pooled)))
        yield


def _in_place_of(plain: Function, instead: Function) -> Function:
    """A function of torch's name that is handed the plain one before its arguments."""

    @wraps(plain)
    def called(*args: Any, **options: Any) -> Any:
        return instead(plain, *args, **options)

    return called


def _spaced(plain: Function, start: Any, end: Any, steps: Any = 100, **options: Any) -> Any:
    if not isinstance(steps, torch.SymInt) or options.get("out") is not None or not _is_number(start):
        return plain(start, end, steps, **options)
    dtype = options.get("dtype") or torch.get_default_dtype()
    if _is_number(end):
        return _linspace(float(start), float(end), steps).to(dtype)
    if _is_nothing(end - start - (steps - 1)):  # from pixel to pixel
        counted = torch.arange(steps, dtype=dtype)  # type: ignore[call-overload]
        return counted if start == 0 else counted + start
    return plain(start, end, steps, **options)


def _sources(module: torch.nn.Module) -> list[dict[str, Any]]:
    """What the source files of a module's classes call by a name."""
    names = {type(inner).__module__ for inner in module.modules()}
    return [vars(sys.modules[name]) for name in sorted(names) if name in sys.modules]


def _attended(plain: Function, query: Any, key: Any, *args: Any, **options: Any) -> Any:
    is_causal = options.get("is_causal")
    if isinstance(is_causal, torch.SymBool):
        queries = query.shape[-2]
        alone = is_causal.node.expr == sympy.Gt(queries.node.expr, 1) if isinstance(queries, torch.SymInt) else False
        options["is_causal"] = bool((alone and _is_nothing(queries - key.shape[-2])) or is_causal)
    return plain(query, key, *args, **options)


def _pooled(rank: int, of_call: Function, plain: Function, *args: Any, **options: Any) -> Any:
    whole = of_call(*args, **options)
    windows = _each(whole.window, rank)
    if not whole.is_plain or not any(isinstance(window, torch.SymInt) for window in windows):
        return plain(*args, **options)
    sizes = whole.value.shape[-rank:]
    filled = [_is_nothing(size - window) for size, window in zip(sizes, windows, strict=True)]
    steps = zip(filled, windows, _each(whole.stride or windows, rank), strict=True)
    if not all(one or (type(window) is int and window == stride == 1) for one, window, stride in steps):
        return plain(*args, **options)
    dims = [place - rank for place, one in enumerate(filled) if one]
    return whole.reduced(dims)


@dataclass(frozen=True, slots=True)
class _Pooling:
    """A call of a pooling. Plain ones have no padding, no gaps, another divisor or places of their maxima."""

    value: torch.Tensor
    window: Any
    stride: Any
    is_plain: bool
    is_mean: bool

    def reduced(self, dims: list[int]) -> torch.Tensor:
        """Over all of these dimensions."""
        return self.value.mean(dims, keepdim=True) if self.is_mean else self.value.amax(dims, keepdim=True)


def _mean(
    input: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> _Pooling:
    return _Pooling(input, kernel_size, stride, padding == 0 and divisor_override is None, True)


def _maximum(
    input: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> _Pooling:
    return _Pooling(input, kernel_size, stride, padding == 0 and dilation == 1 and not return_indices, False)


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    """A number for each dimension."""
    given = tuple(value) if isinstance(value, Sequence) else (value,)
    return given if len(given) == rank else given * rank


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_nothing(difference: Any) -> bool:
    """Whether a difference of sizes is 0 whatever they are."""
    if isinstance(difference, (torch.SymInt, torch.SymFloat)):
        form = difference.node.expr.replace(ToFloat, lambda size: size).expand()
        return bool(form == 0)
    return bool(difference == 0)
