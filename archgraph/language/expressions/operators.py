"""What the operators and functions of the expression language mean on its values.

Values are truth values, whole numbers, floats, text, nothing, lists of these, and symbolic sizes. A truth value is not
a number. Whatever would ask a symbolic size for its value goes through the facts, and fails where they cannot tell.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from archgraph.dims import Facts, Size, symbols_of
from archgraph.errors import ShapeError
from archgraph.language.expressions.budget import spend
from archgraph.language.expressions.values import FaultError, described, is_number, kind, shown

LARGEST_INTEGER = 2**63 - 1
LONGEST_LIST = 10_000
DEEPEST_LIST = 16
LONGEST_TEXT = 10_000

Arithmetic = Callable[[Any, Any], Any]
ARITHMETIC: dict[str, Arithmetic] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# --- arithmetic -------------------------------------------------------------------------------------------------------


def combine(symbol: str, a: Any, b: Any) -> Any:
    """The result of an arithmetic operator. Raises FaultError."""
    if isinstance(a, Size) or isinstance(b, Size):
        return _sizes(symbol, a, b)
    if is_number(a) and is_number(b):
        return _numbers(symbol, a, b)
    if symbol == "+" and isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return bounded([*a, *b])
    if symbol == "+" and isinstance(a, str) and isinstance(b, str):
        return _bounded_text(a, b)
    if symbol == "*" and isinstance(a, (list, tuple)) and type(b) is int:
        return _repeated(a, b)
    if symbol == "*" and isinstance(b, (list, tuple)) and type(a) is int:
        return _repeated(b, a)
    hint = "a truth value is not a number; write (1 if … else 0)" if bool in (type(a), type(b)) else ""
    raise FaultError(
        f"'{symbol}' cannot combine {kind(a)} and {kind(b)}",
        expected="numbers",
        received=f"{shown(a)} {symbol} {shown(b)}",
        hint=hint,
    )


def _numbers(symbol: str, a: Any, b: Any) -> Any:
    if symbol == "**":
        _refuse_large_power(a, b)
    try:
        result = ARITHMETIC[symbol](a, b)
    except ZeroDivisionError:
        raise FaultError("division by zero", received=f"{shown(a)} {symbol} {shown(b)}") from None
    except OverflowError:
        raise _too_large(f"{shown(a)} {symbol} {shown(b)}") from None
    return checked(result, f"{shown(a)} {symbol} {shown(b)}")


def _refuse_large_power(a: Any, b: Any) -> None:
    if isinstance(a, int) and isinstance(b, int) and b > 0 and abs(a) > 1 and (abs(a).bit_length() - 1) * b > 63:
        raise _too_large(f"{a} ** {b}")
    if a < 0 and isinstance(b, float) and b != int(b if math.isfinite(b) else 0):
        raise FaultError("a negative number has no power with a fraction", received=f"{a} ** {b}")


def _too_large(received: str) -> FaultError:
    return FaultError("the number is too large", "whole numbers below 2**63, floats up to 1.8e308", received)


def checked(result: Any, received: str) -> Any:
    """The number, unless it is beyond what the language counts with."""
    if isinstance(result, float) and not math.isfinite(result):
        raise _too_large(received)
    if isinstance(result, int) and abs(result) > LARGEST_INTEGER:
        raise _too_large(received)
    return result


def _sizes(symbol: str, a: Any, b: Any) -> Any:
    for other in (a, b):
        if not isinstance(other, Size) and type(other) is not int:
            received = f"{shown(a)} {symbol} {shown(b)}"
            raise FaultError(f"'{symbol}' cannot combine a size and {kind(other)}", "whole numbers and sizes", received)
    if symbol == "/":
        raise FaultError(
            "'/' gives a fraction, which a size cannot be",
            received=f"{shown(a)} / {shown(b)}",
            hint="write //, which rounds down; (a + b - 1) // b rounds up",
        )
    if symbol == "**" and isinstance(b, Size):
        raise FaultError(
            "an exponent must be a number", expected="a whole number", received=f"{shown(a)} ** {shown(b)}"
        )
    try:
        result = ARITHMETIC[symbol](a, b)
    except ShapeError as error:
        first = error.problems[0]
        raise FaultError(first.message, first.expected, first.received, first.hint) from None
    if isinstance(result, Size) and any(abs(factor) > LARGEST_INTEGER for _, factor in result.terms):
        raise _too_large(f"{shown(a)} {symbol} {shown(b)}")
    return result if isinstance(result, Size) else checked(result, f"{shown(a)} {symbol} {shown(b)}")


def _bounded_text(a: str, b: str) -> str:
    if len(a) + len(b) > LONGEST_TEXT:
        raise FaultError("the text grows too long", expected=f"at most {LONGEST_TEXT} characters")
    return a + b


def _repeated(items: Sequence[Any], times: int) -> list[Any]:
    if len(items) * times > LONGEST_LIST:
        raise FaultError("the list grows too long", f"at most {LONGEST_LIST} entries", str(len(items) * times))
    return bounded(list(items) * times)


def bounded(items: list[Any]) -> list[Any]:
    """The list, unless it holds too much in all or is nested too deeply: values are shared, so they could explode."""
    left = LONGEST_LIST
    spend(len(items))
    level: list[Any] = [items]
    for _ in range(DEEPEST_LIST):
        inner: list[Any] = []
        for values in level:
            left -= len(values)
            if left < 0:
                raise FaultError("the list grows too long", expected=f"at most {LONGEST_LIST} entries in all")
            inner.extend(value for value in values if isinstance(value, (list, tuple)))
        if not inner:
            return items
        level = inner
    raise FaultError("the list is nested too deeply", expected=f"at most {DEEPEST_LIST} levels")


def negative(value: Any) -> Any:
    """-value. Raises FaultError unless it is a number or a size."""
    if is_number(value) or isinstance(value, Size):
        return -value
    raise FaultError(f"'-' cannot turn {kind(value)} around", expected="a number", received=described(value))


# --- comparison -------------------------------------------------------------------------------------------------------


def compare(symbol: str, a: Any, b: Any, facts: Facts) -> bool:
    """Whether a comparison holds. Raises FaultError where that depends on a symbolic size, or makes no sense."""
    if symbol in ORDER:
        return _ordered(symbol, a, b, facts)
    if symbol in ("in", "not in"):
        return _among(a, b, facts) == (symbol == "in")
    answer = equal(a, b, facts)
    if answer is None:
        raise _depends(f"{shown(a)} {symbol} {shown(b)}", _symbols(a) | _symbols(b))
    return answer == (symbol == "==")


def equal(a: Any, b: Any, facts: Facts) -> bool | None:
    """Whether two values are equal; None where that depends on a symbolic size."""
    if isinstance(a, Size) or isinstance(b, Size):
        whole = all(isinstance(value, Size) or type(value) is int for value in (a, b))
        return facts.is_equal(a, b) if whole else False
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return _equal_lists(a, b, facts)
    if isinstance(a, bool) != isinstance(b, bool) and (is_number(a) or is_number(b)):
        raise FaultError(
            "a truth value cannot be compared with a number",
            received=f"{shown(a)} and {shown(b)}",
            hint="a condition stands by itself: 'x' and 'not x'",
        )
    return bool(a == b)


def _equal_lists(a: Sequence[Any], b: Sequence[Any], facts: Facts) -> bool | None:
    if len(a) != len(b):
        return False
    spend(len(a))
    answer: bool | None = True
    for left, right in zip(a, b, strict=True):
        same = equal(left, right, facts)
        if same is False:
            return False
        answer = None if same is None else answer
    return answer


def _ordered(symbol: str, a: Any, b: Any, facts: Facts) -> bool:
    if is_number(a) and is_number(b):
        return ORDER[symbol](a, b)
    if all(isinstance(value, Size) or type(value) is int for value in (a, b)):
        answer = facts.compare(a, symbol, b)
        if answer is None:
            raise _depends(f"{shown(a)} {symbol} {shown(b)}", _symbols(a) | _symbols(b))
        return answer
    received = f"{shown(a)} {symbol} {shown(b)}"
    raise FaultError(f"'{symbol}' cannot compare {kind(a)} and {kind(b)}", expected="numbers", received=received)


def _among(item: Any, items: Any, facts: Facts) -> bool:
    if not isinstance(items, (list, tuple)):
        raise FaultError("'in' looks into a list", expected="a list", received=described(items))
    spend(len(items))
    answers = [equal(item, other, facts) for other in items]
    if True not in answers and None in answers:
        raise _depends(f"{shown(item)} in {shown(items)}", _symbols(item) | _symbols(items))
    return True in answers


def _symbols(value: Any) -> frozenset[str]:
    if isinstance(value, (list, tuple)):
        return frozenset().union(*(_symbols(item) for item in value))
    return symbols_of(value) if isinstance(value, Size) else frozenset()


def _depends(what: str, symbols: frozenset[str]) -> FaultError:
    names = " and ".join(sorted(symbols))
    sizes = f"the size{'s' if len(symbols) > 1 else ''} {names}"
    return FaultError(
        f"'{what}' depends on {sizes}; a structure may not depend on a symbolic size",
        hint="give that size a number in 'inputs', or bound it there with 'where'",
    )


def truth(value: Any, role: str) -> bool:
    """The value, which must be true or false. Raises FaultError: nothing else counts as true."""
    if isinstance(value, bool):
        return value
    hint = "write … != 0" if is_number(value) or isinstance(value, Size) else ""
    if isinstance(value, (list, tuple)):
        hint = "write len(…) > 0"
    if isinstance(value, str) or value is None:
        hint = "compare it: … == 'text', … != null"
    raise FaultError(f"{role} must be true or false", expected="true or false", received=described(value), hint=hint)


# --- indexing ---------------------------------------------------------------------------------------------------------


def item(items: Any, index: Any) -> Any:
    """items[index], counted from 0; negative from the end. Raises FaultError."""
    if not isinstance(items, (list, tuple)):
        raise FaultError("only a list has entries", expected="a list", received=described(items))
    if isinstance(index, Size):
        raise _depends(f"[{index}]", index.symbols)
    if type(index) is not int:
        raise FaultError("an index must be a whole number", expected="a whole number", received=described(index))
    if not -len(items) <= index < len(items):
        expected = f"{-len(items)} to {len(items) - 1}" if items else "no index, for the list is empty"
        entries = "1 entry" if len(items) == 1 else f"{len(items)} entries"
        raise FaultError(f"the index is out of range: the list has {entries}", expected, str(index))
    return items[index]


def section(items: Any, bounds: tuple[Any, Any, Any]) -> list[Any]:
    """items[start:stop:step]. Raises FaultError."""
    if not isinstance(items, (list, tuple)):
        raise FaultError("only a list has sections", expected="a list", received=described(items))
    for bound in bounds:
        if isinstance(bound, Size):
            raise _depends(f"[{bound}]", bound.symbols)
        if bound is not None and type(bound) is not int:
            raise FaultError("the bounds of a section must be whole numbers", "whole numbers", described(bound))
    if bounds[2] == 0:
        raise FaultError("the step of a section must not be 0", received="0")
    found = list(items[slice(*bounds)])
    spend(len(found))
    return found
