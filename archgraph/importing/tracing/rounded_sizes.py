"""Padding up to a multiple, in plain sizes: torch's symbols stay short while a module with windows is traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from torch.utils._sympy import functions

_PAIR = 2


@contextmanager
def rounded_sizes() -> Iterator[None]:
    """Inside, `(k - x % k) % k` is `k * ((x + k - 1) // k) - x`, which is the same number.

    Added to `x`, as modules with windows pad their images, it leaves `k * ((x + k - 1) // k)`, whose quotient by `k`
    torch knows. Without it each window's size holds the whole padding several times over, and torch's comparisons of
    sizes take minutes. Likewise `(x + x % 2) // 2` is `(x + 1) // 2`, as of patches that are merged two by two.
    """
    with ExitStack() as stack:
        for kind in (functions.Mod, functions.PythonMod):
            stack.enter_context(patch.object(kind, "eval", classmethod(_remainder(vars(kind)["eval"].__func__))))
        floor = functions.FloorDiv
        stack.enter_context(patch.object(floor, "eval", classmethod(_quotient(vars(floor)["eval"].__func__))))
        yield


def _remainder(plain: Any) -> Any:
    """A remainder of sympy that reads what is missing to a multiple as a difference."""

    def evaluate(kind: Any, dividend: Any, divisor: Any) -> Any:
        size = _reduced(dividend, divisor)
        if size is not None:
            return divisor * functions.FloorDiv(size + divisor - 1, divisor) - size
        return plain(kind, dividend, divisor)

    return evaluate


def _quotient(plain: Any) -> Any:
    """A quotient of sympy that reads half of a size that was padded to an even one as the half rounded up."""

    def evaluate(kind: Any, dividend: Any, divisor: Any) -> Any:
        size = _made_even(dividend) if divisor == _PAIR and getattr(dividend, "is_Add", False) else None
        return plain(kind, dividend, divisor) if size is None else functions.FloorDiv(size + 1, divisor)

    return evaluate


def _made_even(total: Any) -> Any:
    """The x of `x + x % 2`, or of one more than that; None for any other sum."""
    for part in total.args:
        odd = isinstance(part, (functions.Mod, functions.PythonMod)) and part.args[1] == _PAIR
        if odd and total - part - part.args[0] in (0, 1):
            return part.args[0]
    return None


def _reduced(dividend: Any, divisor: Any) -> Any:
    """The size that is taken from the divisor, or from nothing; None for any other dividend."""
    if not (getattr(divisor, "is_Integer", False) and divisor > 1):
        return None
    negative = -dividend
    if negative.is_Symbol or isinstance(negative, functions.FloorDiv):
        return negative
    rest = divisor - dividend
    if isinstance(rest, (functions.Mod, functions.PythonMod)) and rest.args[1] == divisor:
        return rest.args[0]
    return None
