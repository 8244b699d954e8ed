"""A module in float64 in which each operation is off by what its float32 kernel may be off.

Monte Carlo arithmetic, D. S. Parker 1997, https://web.cs.ucla.edu/~stott/mca/: operands and results are moved at random
within one rounding, and what reaches the outputs shows how far two right programs can be apart. Within an operation,
equal numbers are moved alike, as a kernel rounds them: their mean is off by as much as each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from archgraph.artifact.arrays import Array
from archgraph.verify.low_precision import ROUNDOFF, SMALLEST
from archgraph.verify.norm_definitions import definition_of
from archgraph.verify.reference_values import run_module

if TYPE_CHECKING:
    from torch import Tensor, nn

DRAWS = 3
"""How often a module is perturbed; each element is judged by the root mean square of these."""

_SIGNS = 65_521
"""How many random signs are drawn: a prime, so that the bits of a number make a place among them."""

_SPREADING = 2_654_435_761
"""Knuth's multiplicative hashing: numbers that are near each other take places that are not."""

_INVERSE = pow(_SPREADING, -1, _SIGNS)

_NEAR = 22
"""Bits of a float32 within which the polynomial of a kernel errs to one side: half of an octave."""

_STEP = 2.0**-24
"""One rounding in float32 of a number near 1, whatever the type of the result."""

KERNELS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.ones_like,
    "elu": torch.ones_like,
    "silu": torch.abs,
    "gelu": torch.abs,
    "rnn_tanh": torch.ones_like,
}
"""Kernels that add 1 or ½ to what may be small, or take it away, so that their error does not shrink with the result:
it is one rounding near 1 of this multiple. The largest that was measured of ONNX Runtime 1.31 on its CPU: sigmoid 2.3
of these (at -12), ELU 1.0 (near 0), SiLU 2.3 |x| (at -12), GELU 0.4 |x|, its tanh form 2.3 |x| (at -3.2); 2.7 for the
tanh of its RNN, which is another one than that of its Tanh."""

_SCATTER = 0.5
"""What of that step each number by itself is off besides, as its result is rounded where it is near 1: numbers that are
near each other differ by that much, which a norm behind them amplifies. Measured as above, as a standard deviation:
sigmoid and SiLU 0.15 to 0.55, ELU 0.04 to 0.46, GELU 0.14 to 0.53."""

SUMS = frozenset(
    ("sum", "mean", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d")
)
"""Kernels that may add up n numbers one after the other: where these are alike, all roundings go the same way."""

UNLIKE: Mapping[str, float] = {
    "mish": 3.7,
    "acos": 3.2,
    "log2": 2.6,
    "elu": 1.0,
    **dict.fromkeys(("asin", "atan", "cos", "expm1", "log", "log10", "log1p", "log_sigmoid_forward"), 2.2),
    **dict.fromkeys(("sin", "softplus"), 2.2),
}
"""Kernels of ONNX Runtime 1.31 on its CPU that compute what does not fill a vector by another formula than the rest:
how many roundings equal numbers come out apart, at most (1.5 to 2.2 where it says 2.2; ELU one near 1)."""

_VECTORS = (4, 8, 16)
"""How many numbers a kernel computes at once, on one processor or another: each draw takes another one."""

_PER_TERM = 1 / 32
"""How many roundings of the sum of magnitudes for each of the n. The most that was measured of ONNX Runtime 1.31 on its
CPU, of numbers within 0.001 of each other: n / 56 for a mean of 150,528 of them, n / 42 for a pool of 50,176."""

_EXACT = frozenset(
    (
        *("cat", "stack", "clone", "copy_", "_to_copy", "_unsafe_view", "repeat", "roll", "flip", "lift_fresh"),
        *("index_select", "gather", "index", "embedding", "where", "masked_fill", "tril", "triu"),
        *("constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
        *("reflection_pad3d", "replication_pad3d", "max_pool3d_with_indices", "adaptive_max_pool2d"),
        *("adaptive_max_pool3d", "max_unpool2d", "max_unpool3d", "im2col"),
        *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_nearest3d"),
        *("max_pool2d_with_indices", "amax", "amin", "relu", "clamp", "clamp_min", "clamp_max", "neg", "abs"),
        *("upsample_nearest1d", "upsample_nearest2d", "pixel_shuffle", "pixel_unshuffle", "_local_scalar_dense"),
        *("zeros", "ones", "full", "arange", "zeros_like", "ones_like", "full_like", "empty", "scalar_tensor"),
    )
)
"""Operations that only move numbers, and so round nothing."""

_EXACT_IN_PLACE = _EXACT | {"copy", "fill", "zero", "index_put", "index_copy", "index_fill", "scatter"}
"""The same of what is changed in place, by the name without its last letter."""


def _functional(func: Any) -> Any:
    """The operation that makes anew what `func` writes into its first argument, as `silu` of `silu_`; None where torch
    has none, and for one that only moves numbers."""
    name = func.overloadpacket.__name__
    if not name.endswith("_") or name[:-1] in _EXACT_IN_PLACE:
        return None
    return getattr(getattr(torch.ops.aten, name[:-1], None), func._overloadname, None)


class Perturbing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Moves the operands and the results of each operation by so many roundings of an element type, up or down at
    random."""

    def __init__(self, dtype: str, seed: int, roundings: float = 1.0):
        super().__init__()  # type: ignore[no-untyped-call]
        self.roundings = roundings
        self.generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, (_SIGNS,), generator=self.generator).double() * 2 - 1
        self.signs = _by_remainder(signs)
        self.factors = 1 + roundings * ROUNDOFF[dtype] * self.signs
        self.smallest = roundings * SMALLEST[dtype]
        self.step = roundings * _STEP
        self.vector = _VECTORS[seed % len(_VECTORS)]
        sizes = torch.rand((_SIGNS,), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5
        self.sums = _by_remainder(signs * sizes)
        """Of unlike sizes: else a mean of a mean would cancel to nothing in one draw of two."""
        self.recurrence = ""
        """The function of torch of which the operations are steps, where that is an RNN."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch would import its compiler, which takes seconds, to keep it away from what is never compiled."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation of torch."""
        name = func.overloadpacket.__name__
        functional = _functional(func) if func._schema.is_mutable else None
        if functional is not None:  # what is changed in place is rounded as what is made anew
            return args[0].copy_(self.__torch_dispatch__(functional, types, args, kwargs))
        if name in _EXACT or func.is_view or func._schema.is_mutable:
            return func(*args, **(kwargs or {}))
        definition = definition_of(name, args)
        if definition is not None:
            # kernels compute norms in float32 and round what comes of it
            with Perturbing("float32", self._place(), self.roundings):
                found = definition(*args, **(kwargs or {}))
            return tuple(map(self._result, found)) if isinstance(found, tuple) else self._result(found)
        found = func(*map(self._operand, args), **(kwargs or {}))
        result = partial(self._unlike, apart=UNLIKE[name]) if name in UNLIKE else self._result
        if isinstance(found, (tuple, list)):
            return type(found)(map(result, found))
        moved = result(found)
        name = "rnn_tanh" if name == "tanh" and self.recurrence else name
        if name in KERNELS:
            signs = self._signs(args[0], name in UNLIKE) + _SCATTER * self._drawn(self.signs, args[0])
            erring = moved + self.step * KERNELS[name](args[0]) * signs
            return erring.clamp(0, 1) if name == "sigmoid" else erring  # a root or a logarithm of it stays a number
        if name in SUMS and _is_float(args[0]):
            one_way = _PER_TERM * args[0].numel() / max(moved.numel(), 1)
            magnitude = func(args[0].abs(), *args[1:], **(kwargs or {}))
            return moved + self.step * one_way * magnitude * self._drawn(self.sums, moved)
        return moved

    def _operand(self, value: Any) -> Any:
        return value * self._drawn(self.factors, value) if _is_float(value) else value

    def _result(self, value: Any) -> Any:
        if not _is_float(value):
            return value
        return self._operand(value) + self.smallest * self._drawn(self.signs, value)

    def _unlike(self, value: Any, apart: float) -> Any:
        """A result whose last numbers are moved by so many roundings of their own, too."""
        moved = self._result(value)
        last = self._last(value) if _is_float(value) else 0
        if not last:
            return moved
        end = moved.flatten()[-last:]
        return _with_last(moved, end + apart * (self._operand(end) - end))

    def _signs(self, x: Tensor, unlike: bool) -> Tensor:
        """To which side a kernel errs at each number, which may be another one at the last numbers."""
        signs = self._drawn(self.signs, x, _NEAR)
        last = self._last(x) if unlike else 0
        return _with_last(signs, self._drawn(self.signs, x.flatten()[-last:], _NEAR)) if last else signs

    def _last(self, x: Tensor) -> int:
        """How many numbers are left over where vectors are filled; as if one were missing where these come out even,
        since threads may share the work anywhere. 0 where all are left over, and so alike."""
        last = x.numel() % self.vector or self.vector - 1
        return last if last < x.numel() else 0

    def _drawn(self, table: Tensor, value: Tensor, near: int = 0) -> Tensor:
        """A random entry for each number, and the same one for numbers whose bits are equal but for the last `near`.

        It is entry (_SPREADING · bits + place) mod _SIGNS of the table as it was drawn.
        """
        bits = value.float().contiguous().view(torch.int32) >> near
        start = self._place() * _INVERSE % _SIGNS
        return table[start:].index_select(0, bits.remainder(_SIGNS).flatten()).view(value.shape)

    def _place(self) -> int:
        return int(torch.randint(0, _SIGNS, (), generator=self.generator))


class _Recurrences(TorchFunctionMode):
    """Tells what perturbs which operations are steps of an RNN, whose tanh is a kernel of its own."""

    def __init__(self, perturbing: Perturbing):
        super().__init__()
        self.perturbing = perturbing

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One function of torch."""
        name = getattr(func, "__name__", "")
        if not name.startswith("rnn_tanh"):  # rnn_tanh_cell is a step
            return func(*args, **(kwargs or {}))
        self.perturbing.recurrence = name
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.perturbing.recurrence = ""


def _by_remainder(table: Tensor) -> Tensor:
    """Entry _SPREADING · i mod _SIGNS at i, twice over: a place is then an offset, and needs no arithmetic in int64."""
    return table[_order()]


@cache
def _order() -> Tensor:
    once = torch.arange(_SIGNS, device="cpu") * _SPREADING % _SIGNS
    return torch.cat([once, once])


def _with_last(value: Tensor, last: Tensor) -> Tensor:
    """The value with other last numbers."""
    return torch.cat([value.flatten()[: -len(last)], last]).view(value.shape)


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def perturbed(
    module: nn.Module,
    names: Sequence[str],
    inputs: Mapping[str, Array],
    dtype: str = "float32",
    seed: int = 0,
    roundings: float = 1.0,
) -> dict[str, Array]:
    """The outputs of a module in float64 that rounds like one in `dtype`, or so many times as far."""
    perturbing = Perturbing(dtype, seed, roundings)
    with sdpa_kernel(SDPBackend.MATH), perturbing, _Recurrences(perturbing):
        return run_module(module, names, inputs, "float64")


def spread(exact: Array, draws: Sequence[Array]) -> Array:
    """The root mean square of what was drawn around the truth; 0 where it is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.stack([np.asarray(draw, np.float64) - exact for draw in draws])
        scaled = np.where(np.isfinite(gaps), gaps, 0.0) * len(draws) ** -0.5
        return np.asarray(np.hypot.reduce(scaled, axis=0))
