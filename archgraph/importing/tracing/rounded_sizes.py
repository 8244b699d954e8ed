"""Padding up to a multiple, in plain sizes: torch's symbols stay short while a module with windows is traced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import sympy
from torch.utils._sympy import functions

_PAIR = 2
_MOST_QUOTIENTS = 8
"""In a sum of which it is asked whether it can be negative."""


@contextmanager
def rounded_sizes() -> Iterator[None]:
    """Inside, `(k - x % k) % k` is `k * ((x + k - 1) // k) - x`, which is the same number.

    Added to `x`, as modules with windows pad their images, it leaves `k * ((x + k - 1) // k)`, whose quotient by `k`
    torch knows. Without it each window's size holds the whole padding several times over, and torch's comparisons of
    sizes take minutes. Likewise `(x + x % 2) // 2` is `(x + 1) // 2`, as of patches that are merged two by two, and
    `math.ceil(x / k)` is `(x + k - 1) // k` and `max(2 * ((x + 1) // 2) - x, 0)` needs no max, as of TensorFlow's
    padding "same".
    """
    with ExitStack() as stack:
        for kind in (functions.Mod, functions.PythonMod):
            stack.enter_context(patch.object(kind, "eval", classmethod(_remainder(vars(kind)["eval"].__func__))))
        floor = functions.FloorDiv
        stack.enter_context(patch.object(floor, "eval", classmethod(_quotient(vars(floor)["eval"].__func__))))
        made = functions.MinMaxBase.__new__
        stack.enter_context(patch.object(functions.Max, "__new__", staticmethod(_maximum(made))))
        for kind in (functions.CeilToInt, functions.FloorToInt, functions.TruncToInt):
            rounding = _rounded(vars(kind)["eval"].__func__, up=kind is functions.CeilToInt)
            stack.enter_context(patch.object(kind, "eval", classmethod(rounding)))
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
    """A quotient of sympy that reads half of a size that was padded to an even one as the half rounded up, and the
    quotient of a quotient as one: `(x // a + c) // b` is `(x + a * c) // (a * b)`."""

    def evaluate(kind: Any, dividend: Any, divisor: Any) -> Any:
        if getattr(dividend, "is_Add", False) and divisor.is_Integer and divisor > 1:
            size = _made_even(dividend) if divisor == _PAIR else None
            if size is not None:
                return functions.FloorDiv(size + 1, divisor)
            number, inner = dividend.args if len(dividend.args) == _PAIR else (None, None)
            if number is not None and number.is_Integer and isinstance(inner, functions.FloorDiv):
                size, before = inner.args
                if before.is_Integer and before > 0:
                    return functions.FloorDiv(size + before * number, before * divisor)
        return plain(kind, dividend, divisor)

    return evaluate


def _rounded(plain: Any, up: bool) -> Any:
    """A rounding of sympy that reads the rounded quotient of two whole numbers as a whole one, and takes whole numbers
    that are added to it out of the rounding, as of `math.ceil((length - kernel) / stride + 1)`."""

    def evaluate(kind: Any, number: Any) -> Any:
        quotient, added = _without_whole_numbers(number)
        if isinstance(quotient, (functions.IntTrueDiv, functions.FloatTrueDiv)):
            size, divisor = map(_as_whole, quotient.args)
            whole = size.is_integer and divisor.is_Integer and divisor > 0
            if whole and (size.is_nonnegative or kind is not functions.TruncToInt):
                return functions.FloorDiv(size + divisor - 1 if up else size, divisor) + added
            whole = _whole_quotient(quotient)
            if whole is not None:
                return whole + added
        return plain(kind, number)

    return evaluate


def _as_whole(number: Any) -> Any:
    """A whole number that torch made one of floating point, as for `torch.arange(0.0, length)`."""
    if isinstance(number, functions.ToFloat):
        return number.args[0]
    return sympy.Integer(int(number)) if number.is_Float and float(number).is_integer() else number


def _whole_quotient(number: Any) -> Any:
    """What `n * h * w / (8 * h * 8 * w / 8 / 8)` is as a whole number, as of windows that become pictures again. None
    where a quotient on the way is none, so that floating point may round it."""
    if not isinstance(number, (functions.FloatTrueDiv, functions.IntTrueDiv)):
        whole = _as_whole(number)
        return whole if whole.is_integer else None
    parts = [_whole_quotient(one) for one in number.args]
    if None in parts:
        return None
    above, below = sympy.cancel(parts[0] / parts[1]).as_numer_denom()
    return above if below == 1 else None


def _without_whole_numbers(total: Any) -> tuple[Any, int]:
    """A sum of two without a whole number in it, `1.0` among them, and this number."""
    if getattr(total, "is_Add", False) and len(total.args) == _PAIR:
        number, rest = total.args
        if number.is_Number and float(number).is_integer():
            return rest, int(number)
    return total, 0


def _maximum(plain: Any) -> Any:
    """A maximum of sympy that knows what is never negative."""

    def make(kind: Any, *numbers: Any, **assumptions: Any) -> Any:
        if len(numbers) == len({0, *numbers}):  # one of them is 0
            others = [number for number in numbers if number != 0]
            if len(others) == 1 and _is_never_negative(others[0]):
                return others[0]
        return plain(kind, *numbers, **assumptions)

    return make


def _is_never_negative(total: Any) -> bool:
    """Whether a sum is at least 0 since `n - d < d * (n // d) <= n`, the quotient by the largest number first."""
    for _ in range(_MOST_QUOTIENTS):
        quotients = [one for one in total.atoms(functions.FloorDiv) if total.is_Add and total.coeff(one) != 0]
        if not quotients:
            break
        if not all(one.args[1].is_Integer and one.args[1] > 0 and total.coeff(one).is_Number for one in quotients):
            return False
        largest = max(quotients, key=lambda one: (one.args[1], one.count_ops(), str(one)))
        size, divisor = _by_another(largest, quotients)
        factor = total.coeff(largest)
        bound = size if factor < 0 else size - divisor + 1
        total = (total - factor * largest + factor * bound / divisor).expand()
    return bool(total.is_Number and total >= 0)


def _by_another(quotient: Any, others: Iterable[Any]) -> tuple[Any, Any]:
    """Dividend and divisor; of another quotient where there is one: `(x + 7) // 8` is `((x + 3) // 4 + 1) // 2`."""
    size, divisor = quotient.args
    for other in others:
        before, number = other.args
        added = (size - before) / number
        if other != quotient and divisor % number == 0 and added.is_Integer:
            return other + added, divisor / number
    return size, divisor


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
