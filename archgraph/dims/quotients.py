"""Quotients of sizes whose divisor is a factor for the allowed sizes alone."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from archgraph.dims.facts import Facts
from archgraph.dims.ratios import factors
from archgraph.dims.size import Dim, Size, evaluate, product, symbols_of
from archgraph.errors import ShapeError


def quotient(dividend: Dim, divisor: Size, facts: Facts) -> tuple[Dim, int] | None:
    """`dividend / divisor` as a size over a number; None where it cannot be shown to be one.

    With W a multiple of 16, `H*(W // 4)` by `W // 16` is `4*H` over 1, and by `W` it is `H` over 4.
    """
    try:
        return dividend // divisor, 1
    except ShapeError:
        pass
    own, rest = _own(dividend, divisor)
    for size in (own, divisor):
        facts.simplify(size)  # so that all symbols are among those of the example
    example = facts.example()
    number = evaluate(divisor, example)
    if not number:
        return None
    ratio = Fraction(evaluate(own, example), number)
    if not facts.is_equal(ratio.denominator * own, ratio.numerator * divisor):
        return None
    return facts.simplify(product([rest, ratio.numerator])), ratio.denominator


def ratio_at(dividend: Dim, divisor: Size, sizes: Mapping[str, int]) -> tuple[Dim, Dim, Fraction]:
    """The factors of a dividend that depend on the divisor's symbols alone, the other factors, and the ratio of the
    first to the divisor at these sizes. Raises ShapeError where a size is missing, or the divisor is 0."""
    own, rest = _own(dividend, divisor)
    number = evaluate(divisor, sizes)
    if not number:
        raise ShapeError("a size is divided by 0", received=str(divisor))
    return own, rest, Fraction(evaluate(own, sizes), number)


def _own(dividend: Dim, divisor: Size) -> tuple[Dim, Dim]:
    """The product of the factors that depend on the divisor's symbols alone, and that of the others."""
    own: Dim = 1
    rest: Dim = 1
    for factor in factors([dividend]).elements():
        if symbols_of(factor) and symbols_of(factor) <= divisor.symbols:
            own = own * factor
        else:
            rest = rest * factor
    return own, rest
