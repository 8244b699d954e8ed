"""Between which bounds a size stays, and from which sizes of the input on it is large enough for a window."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from .constraint import Domain
from .prove import MOST_STEPS, Domains, degree, polynomials, root_bound
from .size import REMEMBERED, Atom, Size, evaluate, value_of

Interval: TypeAlias = tuple[int | None, int | None]  # None stands for no bound
Range: TypeAlias = tuple[int, int | None]


def interval(size: Size, domains: Domains) -> Interval:
    """Bounds that the size never leaves, not always the tightest; None stands for no bound."""
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in size.terms:
        bounds: Interval = (1, 1)
        for atom in monomial:
            bounds = _times(bounds, _atom_interval(atom, domains))
        bottom, top = _times(bounds, (coefficient, coefficient))
        low = None if low is None or bottom is None else low + bottom
        high = None if high is None or top is None else high + top
    return low, high


def _atom_interval(atom: Atom, domains: Domains) -> Interval:
    if atom.numerator is None:
        domain = domains[atom.text]
        return domain.minimum, domain.maximum
    low, high = interval(atom.numerator, domains)
    return None if low is None else low // atom.denominator, None if high is None else high // atom.denominator


def _times(a: Interval, b: Interval) -> Interval:
    """The product of two intervals; without bounds where an unbounded one may be negative."""
    for one, other in ((a, b), (b, a)):
        if one[0] == one[1] and one[0] is not None:
            return _scaled(other, one[0])
    (low, top), (least, most) = a, b
    if low is not None and least is not None and low >= 0 and least >= 0:
        return low * least, None if top is None or most is None else top * most
    if low is None or top is None or least is None or most is None:
        return None, None
    corners = (low * least, low * most, top * least, top * most)
    return min(corners), max(corners)


def _scaled(bounds: Interval, factor: int) -> Interval:
    if factor == 0:
        return 0, 0
    ends = [None if bound is None else bound * factor for bound in bounds]
    return (ends[0], ends[1]) if factor > 0 else (ends[1], ends[0])


@lru_cache(REMEMBERED)
def rises(size: Size) -> bool:
    """Whether a size cannot shrink as its symbols grow from 0: no negative coefficient anywhere but the constants."""
    return all(coefficient >= 0 or not monomial for monomial, coefficient in size.terms) and all(
        atom.numerator is None or (rises(atom.numerator) and _starts_at_zero(atom, monomial))
        for monomial, _ in size.terms
        for atom in monomial
    )


def _starts_at_zero(atom: Atom, monomial: tuple[Atom, ...]) -> bool:
    """A negative factor would turn its neighbours around; remainders are normalised to be non-negative."""
    assert atom.numerator is not None
    return len(monomial) == 1 or evaluate(atom.numerator, dict.fromkeys(atom.symbols, 0)) >= 0


def holding(size: Size, least: int, name: str, domain: Domain) -> Range | None:
    """The range (first, last) of allowed values where a size of one symbol is at least `least`.

    It reaches up without end, or to the domain's maximum, where it can; else it starts at the bottom. None where there
    is no such range. Raises ShapeError where there are too many values to try.
    """
    top = domain.maximum
    if rises(size) and degree(size, name) and (top is None or value_of(size, {name: top}) >= least):
        return domain.at_or_above(_crossing(size, least, name, domain.first)), top
    found = _holding_by_residue(size, least, name, domain)
    if top is None or (found and found[0] <= top):
        return found
    return _holding_by_trial(size, least, name, domain)


def _holding_by_residue(size: Size, least: int, name: str, domain: Domain) -> Range | None:
    """Each residue class is a polynomial of its own; all must rise, or all must fall."""
    lows, highs = [domain.first], []
    for residue, step, coefficients in polynomials(size, name, domain):
        first, last = _polynomial_range([coefficients[0] - least, *coefficients[1:]])
        if first is None and last is None:
            return None
        if first is not None:
            lows.append(residue + step * (first - 1) + 1)
        if last is not None:
            highs.append(residue + step * (last + 1) - 1)
    if not highs:
        return domain.at_or_above(max(lows)), domain.maximum
    end = domain.at_or_below(min(highs))
    return (domain.first, end) if max(lows) <= domain.first <= end else None


def _crossing(size: Size, least: int, name: str, low: int) -> int:
    """The smallest value from `low` on where a rising size reaches `least`, by doubling and halving."""
    if value_of(size, {name: low}) >= least:
        return low
    step = 1
    while value_of(size, {name: low + step}) < least:
        step *= 2
    below, high = low + step // 2, low + step
    while high - below > 1:
        middle = (below + high) // 2
        below, high = (below, middle) if value_of(size, {name: middle}) >= least else (middle, high)
    return high


def _holding_by_trial(size: Size, least: int, name: str, domain: Domain) -> Range | None:
    assert domain.maximum is not None
    values = list(domain.values(domain.minimum + MOST_STEPS))
    fails = [at for at, value in enumerate(values) if value_of(size, {name: value}) < least]
    if values[-1] != domain.at_or_below(domain.maximum) or len(fails) == len(values):
        return None
    if not fails:
        return values[0], values[-1]
    if fails[-1] - fails[0] + 1 != len(fails):
        return None
    if fails[0] == 0:
        return values[fails[-1] + 1], values[-1]
    return (values[0], values[fails[0] - 1]) if fails[-1] == len(values) - 1 else None


def _polynomial_range(coefficients: list[int]) -> tuple[int | None, int | None]:
    """Where a polynomial in q is ≥ 0: from the first number on, or up to the second; twice None where neither."""
    constant, slope = coefficients[0], coefficients[-1] if len(coefficients) > 1 else 0
    if slope == 0:
        return (-1, None) if constant >= 0 else (None, None)
    if len(coefficients) > 2:
        return _settled(coefficients), None
    return (-(constant // slope), None) if slope > 0 else (None, constant // -slope)


def _settled(coefficients: list[int]) -> int | None:
    """From where on a polynomial of higher degree stays ≥ 0, sought down from the bound on its roots."""
    first = root_bound(coefficients)
    if coefficients[-1] < 0 or first > MOST_STEPS:
        return None
    while first > 0 and sum(c * (first - 1) ** power for power, c in enumerate(coefficients)) >= 0:
        first -= 1
    return first
