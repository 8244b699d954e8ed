"""Numbers of a class that follow from others: multiples, whole parts, products with ratios, and a little more.

Each function takes what is known and a column, and returns the expression that equals it in every instance, or None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from archgraph.structure.class_parameters import KnownNumbers
from archgraph.structure.columns import first, fits, part, times
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import ABSENT

LARGEST_MULTIPLE = 8
EVIDENCE = 3
"""So many different numbers are multiples of others by no accident."""
_MOST_MORE = 16
"""So much may be added to a multiple of a width, as gates are."""
_RATIOS: Mapping[Literal["*", "//"], Callable[[int, int], int]] = {"*": operator.mul, "//": operator.floordiv}


def multiple(known: KnownNumbers, role: str, values: Sequence[Any]) -> Expression | None:
    """A small multiple, or a whole part, of what is known."""
    least = 0 if role == "padding" else 1
    if not all(type(value) is int and value >= least for value in values if value is not ABSENT):
        return None
    wide = role != "padding"
    number, at = first(values)
    for source in [*known.arguments, *known.parameters]:
        of = source.values[at]
        if type(of) is not int:
            continue
        if source.role != "argument" and not source.wide and (wide or source.role != "kernel_size"):
            continue
        for factor in range(2, LARGEST_MULTIPLE + 1):
            if wide and of * factor == number and fits(values, [times(value, factor) for value in source.values]):
                return Arithmetic("*", ParameterName(known.use(source, wide).name), ConstantNumber(factor))
            if factor not in (2, 4, 8) or of // factor != number:
                continue
            if fits(values, [part(value, factor, not wide) for value in source.values]):
                return Arithmetic("//", ParameterName(known.use(source, wide).name), ConstantNumber(factor))
    return None


def product(known: KnownNumbers, values: Sequence[Any]) -> Expression | None:
    """A size of what is read, times or divided by an argument: a ratio."""
    for size in known.arguments:
        if size.name not in known.sizes:
            continue
        for ratio in known.arguments:
            plain = all(type(value) is int and value > 0 for value in ratio.values)
            if ratio.name in known.sizes or not plain:
                continue
            for sign, of in _RATIOS.items():
                made = [of(a, b) if type(a) is int else ABSENT for a, b in zip(size.values, ratio.values, strict=True)]
                if fits(values, made):
                    left = ParameterName(known.use(size, True).name)
                    return Arithmetic(sign, left, ParameterName(known.use(ratio, False).name))
    return None


def line(known: KnownNumbers, values: Sequence[Any]) -> Expression | None:
    """A multiple of a size of what is read and some more, or a part of it with a numerator, as `3 * C // 4`."""
    if len({value for value in values if value is not ABSENT}) < EVIDENCE:
        return None
    for size in known.arguments:
        plain = all(type(value) is int for value in (*size.values, *(one for one in values if one is not ABSENT)))
        if size.name not in known.sizes or not plain:
            continue
        for factor in range(1, LARGEST_MULTIPLE + 1):
            more = {value - factor * of for value, of in zip(values, size.values, strict=True) if value is not ABSENT}
            if len(more) == 1 and 0 < (rest := next(iter(more))) <= _MOST_MORE:
                left = _multiplied(known.use(size, True).name, factor)
                return Arithmetic("+", left, ConstantNumber(rest))
            for parts in (2, 4, 8):
                if 1 < factor < parts and fits(values, [of * factor // parts for of in size.values]):
                    return Arithmetic("//", _multiplied(known.use(size, True).name, factor), ConstantNumber(parts))
    return None


def follows(known: KnownNumbers, wide: bool, values: Sequence[Any]) -> Expression | None:
    """A multiple of a parameter in use: arguments of which one follows from the other are one parameter."""
    if not wide or len({value for value in values if value is not ABSENT}) < EVIDENCE:
        return None
    number, at = first(values)
    for source in known.parameters:
        of = source.values[at]
        if not source.wide or source.name in known.sizes or type(of) is not int:
            continue
        for factor in range(2, LARGEST_MULTIPLE + 1):
            if of * factor == number and fits(values, [times(value, factor) for value in source.values]):
                return Arithmetic("*", ParameterName(source.name), ConstantNumber(factor))
    return None


def _multiplied(name: str, factor: int) -> Expression:
    return ParameterName(name) if factor == 1 else Arithmetic("*", ConstantNumber(factor), ParameterName(name))
