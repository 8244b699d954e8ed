"""The functions of the expression language, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from archgraph.dims import Facts, Size
from archgraph.language.expressions.operators import LONGEST_LIST, bounded, checked, combine, compare, truth
from archgraph.language.expressions.values import FaultError, described, is_number
from archgraph.records import record


@record()
class Function:
    """A function by its name, its form as documented, and how many arguments it takes."""

    name: str
    form: str
    least: int
    most: int
    apply: Callable[[Sequence[Any], Facts], Any]

    def __call__(self, arguments: Sequence[Any], facts: Facts) -> Any:
        return self.apply(arguments, facts)


def _list(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    raise FaultError(f"{name}() takes a list", expected="a list", received=described(value))


def _number(name: str, value: Any) -> Any:
    if is_number(value) or isinstance(value, Size):
        return value
    hint = "a truth value is not a number; write (1 if … else 0)" if isinstance(value, bool) else ""
    raise FaultError(f"{name}() takes numbers", expected="a number", received=described(value), hint=hint)


def _whole(name: str, value: Any) -> int:
    if type(value) is int:
        return value
    hint = "a structure may not depend on a symbolic size" if isinstance(value, Size) else ""
    raise FaultError(f"{name}() takes whole numbers", expected="a whole number", received=described(value), hint=hint)


def _len(arguments: Sequence[Any], facts: Facts) -> int:
    return len(_list("len", arguments[0]))


def _range(arguments: Sequence[Any], facts: Facts) -> list[int]:
    bounds = [_whole("range", argument) for argument in arguments]
    if len(bounds) == 3 and bounds[2] == 0:
        raise FaultError("the step of range() must not be 0", received="0")
    numbers = range(*bounds)
    if _length(numbers) > LONGEST_LIST:
        raise FaultError("the list grows too long", f"at most {LONGEST_LIST} entries", str(_length(numbers)))
    return list(numbers)


def _length(numbers: range) -> int:
    """len() of a range, also where that exceeds what len() can return."""
    return max(0, (numbers.stop - numbers.start + numbers.step - (1 if numbers.step > 0 else -1)) // numbers.step)


def _reversed(arguments: Sequence[Any], facts: Facts) -> list[Any]:
    return list(_list("reversed", arguments[0]))[::-1]


def _extreme(name: str, symbol: str) -> Callable[[Sequence[Any], Facts], Any]:
    def apply(arguments: Sequence[Any], facts: Facts) -> Any:
        items = arguments if len(arguments) > 1 else _list(name, arguments[0])
        if not items:
            raise FaultError(f"{name}() of an empty list", expected="at least one number")
        best = _number(name, items[0])
        for value in items[1:]:
            best = best if compare(symbol, best, _number(name, value), facts) else value
        return best

    return apply


def _int(arguments: Sequence[Any], facts: Facts) -> Any:
    return _rounded("int", math.trunc, arguments[0])


def _ceil(arguments: Sequence[Any], facts: Facts) -> Any:
    return _rounded("ceil", math.ceil, arguments[0])


def _floor(arguments: Sequence[Any], facts: Facts) -> Any:
    return _rounded("floor", math.floor, arguments[0])


def _rounded(name: str, how: Callable[[float], int], value: Any) -> Any:
    number = _number(name, value)
    if isinstance(number, Size):
        return number
    if not math.isfinite(number):
        raise FaultError(f"{name}() takes finite numbers", received=described(value))
    return checked(how(number), f"{name}({number})")


def _round(arguments: Sequence[Any], facts: Facts) -> Any:
    if len(arguments) == 1:
        return _rounded("round", round, arguments[0])
    number, digits = _number("round", arguments[0]), _whole("round", arguments[1])
    if not -20 <= digits <= 20:
        raise FaultError("round() takes few digits", expected="-20 to 20", received=str(digits))
    return number if isinstance(number, Size) else checked(round(number, digits), f"round({number}, {digits})")


def _sum(arguments: Sequence[Any], facts: Facts) -> Any:
    total: Any = 0
    for value in _list("sum", arguments[0]):
        total = combine("+", total, _number("sum", value))
    return total


def _zip(arguments: Sequence[Any], facts: Facts) -> list[Any]:
    lists = [_list("zip", argument) for argument in arguments]
    lengths = [len(values) for values in lists]
    if len(set(lengths)) > 1:
        raise FaultError("zip() takes lists of equal length", received=f"lengths {', '.join(map(str, lengths))}")
    return bounded([list(group) for group in zip(*lists, strict=True)])


def _enumerate(arguments: Sequence[Any], facts: Facts) -> list[Any]:
    start = _whole("enumerate", arguments[1]) if len(arguments) > 1 else 0
    return bounded([[number, value] for number, value in enumerate(_list("enumerate", arguments[0]), start)])


def _any(arguments: Sequence[Any], facts: Facts) -> bool:
    return True in [truth(value, "an entry of any()") for value in _list("any", arguments[0])]


def _all(arguments: Sequence[Any], facts: Facts) -> bool:
    return False not in [truth(value, "an entry of all()") for value in _list("all", arguments[0])]


def _log2(arguments: Sequence[Any], facts: Facts) -> Any:
    number = _number("log2", arguments[0])
    if isinstance(number, Size) or number <= 0:
        hint = "a structure may not depend on a symbolic size" if isinstance(number, Size) else ""
        raise FaultError("log2() takes a number above 0", "a number above 0", described(arguments[0]), hint)
    if type(number) is int and number & (number - 1) == 0:
        return number.bit_length() - 1
    return math.log2(number)


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("len", "len(list)", 1, 1, _len),
        Function("range", "range(stop), range(start, stop) or range(start, stop, step)", 1, 3, _range),
        Function("reversed", "reversed(list)", 1, 1, _reversed),
        Function("min", "min(list) or min(a, b, …)", 1, 100, _extreme("min", "<=")),
        Function("max", "max(list) or max(a, b, …)", 1, 100, _extreme("max", ">=")),
        Function("int", "int(number)", 1, 1, _int),
        Function("ceil", "ceil(number)", 1, 1, _ceil),
        Function("floor", "floor(number)", 1, 1, _floor),
        Function("round", "round(number) or round(number, digits)", 1, 2, _round),
        Function("sum", "sum(list)", 1, 1, _sum),
        Function("zip", "zip(list, list, …)", 1, 100, _zip),
        Function("enumerate", "enumerate(list) or enumerate(list, start)", 1, 2, _enumerate),
        Function("any", "any(list)", 1, 1, _any),
        Function("all", "all(list)", 1, 1, _all),
        Function("log2", "log2(number)", 1, 1, _log2),
    )
}
RESERVED = frozenset(FUNCTIONS) - {"log2"}
"""Functions whose names mean nothing else. Later ones leave their names to the specs that had them before."""
