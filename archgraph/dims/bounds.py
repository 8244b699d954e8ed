"""Between which bounds a size stays, and from which sizes of the input on it is large enough for a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product as pairs
from math import prod
from typing import TypeAlias

from archgraph.dims.constraint import Domain
from archgraph.dims.prove import MOST_CURVES, MOST_STEPS, Domains, degree, period, polynomials, root_bound
from archgraph.dims.size import REMEMBERED, Atom, Monomial, Size, value_of

HIGHEST_SHIFTED = 6  # a product of so many atoms has 64 parts above their least values
Interval: TypeAlias = tuple[int | None, int | None]  # None stands for no bound
Range: TypeAlias = tuple[int, int | None]


def interval(size: Size, domains: Domains) -> Interval:
    """Bounds that the size never leaves, not always the tightest."""
    bounds = {atom: _atom_interval(atom, domains) for monomial, _ in size.terms for atom in monomial}
    if _subtracts_a_product(size):
        return _interval_above_least(size, bounds)
    return _interval_of_terms(size.terms, bounds)


def _subtracts_a_product(size: Size) -> bool:
    """Whether terms work against one another in which one atom may stand: a*b - a."""
    signs = {coefficient > 0 for monomial, coefficient in size.terms if monomial}
    return len(signs) == 2 and 1 < len(size.terms[0][0]) <= HIGHEST_SHIFTED


def _interval_above_least(size: Size, bounds: Mapping[Atom, Interval]) -> Interval:
    """Bounds from the same polynomial in how far each atom is above its least value, where terms cancel: with a ≥ 2 and
    b ≥ 1, a*b + a - b - 1 is x*y + 2*x + y + 2 for x = a - 2 and y = b - 1, hence at least 2."""
    total: dict[Monomial, int] = {}
    for monomial, coefficient in size.terms:
        for above in pairs(*((True, False) for _ in monomial)):
            least = prod(bounds[atom][0] or 0 for atom, one in zip(monomial, above, strict=True) if not one)
            rest = tuple(atom for atom, one in zip(monomial, above, strict=True) if one)
            total[rest] = total.get(rest, 0) + coefficient * least
    above_least = {atom: (0, None if high is None else high - (low or 0)) for atom, (low, high) in bounds.items()}
    return _interval_of_terms([term for term in total.items() if term[1]], above_least)


def _interval_of_terms(terms: Iterable[tuple[Monomial, int]], atoms: Mapping[Atom, Interval]) -> Interval:
    lows: list[int | None] = []
    highs: list[int | None] = []
    for monomial, coefficient in terms:
        bounds = [atoms[atom] for atom in monomial]
        least = coefficient * prod(low or 0 for low, _ in bounds)
        tops = [high for _, high in bounds if high is not None]
        most = coefficient * prod(tops) if len(tops) == len(bounds) else None
        lows.append(least if coefficient > 0 else most)
        highs.append(most if coefficient > 0 else least)
    return _total(lows), _total(highs)


def _atom_interval(atom: Atom, domains: Domains) -> tuple[int, int | None]:
    """Never below 0: sizes are not, and normal forms leave no negative coefficient under a floor."""
    if atom.numerator is None:
        return domains[atom.text].minimum, domains[atom.text].maximum
    low, high = interval(atom.numerator, domains)
    return (low or 0) // atom.denominator, None if high is None else high // atom.denominator


def _total(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def rises(size: Size) -> bool:
    """Whether a size cannot shrink as its symbols grow: no negative coefficient but the constant."""
    return all(coefficient >= 0 for monomial, coefficient in size.terms if monomial)


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


@lru_cache(REMEMBERED)  # the blocks of a network ask the same, each of its own application
def _holding_by_residue(size: Size, least: int, name: str, domain: Domain) -> Range | None:
    """Each residue class is a polynomial of its own; all must rise, or all must fall."""
    if degree(size, name) > 1 and period(size, name) > MOST_CURVES:
        return None
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
