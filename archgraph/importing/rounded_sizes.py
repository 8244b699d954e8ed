"""Padding up to a multiple, in plain sizes: torch's symbols stay short while a module with windows is traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from torch.utils._sympy import functions


@contextmanager
def rounded_sizes() -> Iterator[None]:
    """Inside, `(k - x % k) % k` is `k * ((x + k - 1) // k) - x`, which is the same number.

    Added to `x`, as modules with windows pad their images, it leaves `k * ((x + k - 1) // k)`, whose quotient by `k`
    torch knows. Without it each window's size holds the whole padding several times over, and torch's comparisons of
    sizes take minutes.
    """
    with ExitStack() as stack:
        for kind in (functions.Mod, functions.PythonMod):
            plain: Any = kind.eval
            stack.enter_context(patch.object(kind, "eval", classmethod(_remainder(plain.__func__))))
        yield


def _remainder(plain: Any) -> Any:
    """A remainder of sympy that reads what is missing to a multiple as a difference."""

    def evaluate(kind: Any, dividend: Any, divisor: Any) -> Any:
        size = _reduced(dividend, divisor)
        if size is not None:
            return divisor * functions.FloorDiv(size + divisor - 1, divisor) - size
        return plain(kind, dividend, divisor)

    return evaluate


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
