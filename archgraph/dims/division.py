"""Division of one size by another, where nothing remains."""

from __future__ import annotations

from archgraph.dims.size import Dim, Monomial, Size, from_terms
from archgraph.errors import ShapeError


def exact_quotient(dividend: Dim, divisor: Size) -> Dim:
    """Division of polynomials, leading term by leading term. Raises ShapeError where something remains."""
    quotient: Dim = 0
    rest = dividend
    lead, leading = divisor.terms[0]
    while isinstance(rest, Size):
        monomial, coefficient = rest.terms[0]
        ratio = _cancelled(monomial, lead)
        if ratio is None or coefficient % leading:
            break
        step = from_terms({ratio: coefficient // leading})
        quotient, rest = quotient + step, rest - step * divisor
    if isinstance(rest, Size) or rest != 0:
        raise _not_exact(dividend, divisor)
    return quotient


def _cancelled(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _not_exact(dividend: Dim, divisor: Size) -> ShapeError:
    return ShapeError(
        f"{dividend} cannot be divided by {divisor} for all sizes",
        expected=f"a multiple of {divisor}",
        received=str(dividend),
        hint="divide by a number, or by a size that is a factor",
    )
