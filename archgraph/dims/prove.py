"""Decides statements about sizes, given which values their symbols may take.

Under steps of a period P every floor division is exact, so that with H = r + P·q a size is an integer polynomial in q.
A polynomial of degree d that vanishes at d + 1 places is zero: a finite test for infinitely many sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from itertools import product as pairs
from math import factorial, gcd, lcm, prod
from typing import NamedTuple

from archgraph.dims.constraint import Domain
from archgraph.dims.limits import check_coefficients
from archgraph.dims.size import REMEMBERED, Atom, Dim, Size, symbol, value_of, values_of
from archgraph.errors import ShapeError

LARGEST_PERIOD = 10_000
MOST_STEPS = 10_000
MOST_TRIALS = 200_000
MOST_CURVES = 64  # classes of a size that grows faster than a line; each is searched step by step

Domains = Mapping[str, Domain]


class Classes(NamedTuple):
    """Which residues of the symbols make an equation hold: the good combinations out of `total`."""

    symbols: tuple[str, ...]
    periods: tuple[int, ...]
    good: frozenset[tuple[int, ...]]
    total: int

    def by_symbol(self) -> dict[str, tuple[int, set[int]]] | None:
        """Period and residues of each symbol on its own; None where they depend on one another."""
        sets = [set(column) for column in zip(*self.good, strict=True)]
        if not self.good or prod(len(residues) for residues in sets) != len(self.good):
            return None
        return {name: (step, found) for name, step, found in zip(self.symbols, self.periods, sets, strict=True)}


@lru_cache(REMEMBERED)
def period(size: Size, name: str) -> int:
    """The step of a symbol after which the size repeats, but for whole multiples: H // 2 has period 2."""
    return lcm(*(_atom_period(atom, name) for monomial, _ in size.terms for atom in monomial))


def _atom_period(atom: Atom, name: str) -> int:
    if atom.numerator is None or name not in atom.symbols:
        return 1
    return atom.denominator * period(atom.numerator, name)


@lru_cache(REMEMBERED)
def degree(size: Size, name: str) -> int:
    """The degree of growth in one symbol."""
    return max(sum(_atom_degree(atom, name) for atom in monomial) for monomial, _ in size.terms)


def _atom_degree(atom: Atom, name: str) -> int:
    if name not in atom.symbols:
        return 0
    return 1 if atom.numerator is None else degree(atom.numerator, name)


def counted(size: Size, domains: Domains) -> Dim:
    """The size over counts of what its symbols are multiples of, which keep their names: with H = 32·h, `H // 16` is
    `2*h` and `H*W // 256` a product of counts."""
    steps = {name: step for name in size.symbols if (step := _step(domains[name]))}
    if not steps:
        return size
    try:
        return size.substitute({name: modulus * symbol(name) + rest for name, (modulus, rest) in steps.items()})
    except ShapeError:  # with more terms than a size may have
        return size


def _step(domain: Domain) -> tuple[int, int] | None:
    """Modulus and residue of a symbol with a single one."""
    return (domain.modulus, domain.residues[0]) if domain.modulus > 1 and len(domain.residues) == 1 else None


def zero_classes(difference: Size, domains: Domains) -> Classes:
    """The residues for which a size is 0 at all sizes. Raises ShapeError where there are too many to try."""
    counts = counted(difference, domains)
    if counts is difference:
        return _classes(difference, domains)
    steps = {name: _step(domains[name]) or (1, 0) for name in difference.symbols}
    inner = Classes((), (), frozenset({()} if counts == 0 else ()), 1)
    if isinstance(counts, Size):
        inner = _classes(counts, {name: Domain() if _step(domains[name]) else domains[name] for name in counts.symbols})
    gone = [name for name in sorted(difference.symbols) if name not in inner.symbols]
    places = [(steps[name][0] * period, steps[name]) for name, period in zip(inner.symbols, inner.periods, strict=True)]
    others = list(pairs(*(domains[name].residues for name in gone)))
    good = {
        (*(modulus * count + rest for count, (_, (modulus, rest)) in zip(cell, places, strict=True)), *more)
        for cell in inner.good
        for more in others
    }
    periods = (*(period for period, _ in places), *(domains[name].modulus for name in gone))
    return Classes((*inner.symbols, *gone), periods, frozenset(good), inner.total * len(others))


def _classes(difference: Size, domains: Domains) -> Classes:
    names = tuple(sorted(difference.symbols))
    if is_polynomial(difference):  # and not 0, so it vanishes at no more than single sizes
        return Classes(names, (1,) * len(names), frozenset(), 1)
    periods = tuple(lcm(period(difference, name), domains[name].modulus) for name in names)
    steps = [range(degree(difference, name) + 1) for name in names]
    refuse_large(difference, prod(periods))
    refuse_large(difference, prod(periods) * prod(map(len, steps)), MOST_TRIALS)
    cells = list(pairs(*(domains[name].lifted(step) for name, step in zip(names, periods, strict=True))))
    if len(names) == 1:
        zeros: frozenset[tuple[int, ...]] = frozenset(
            (residue,) for residue in _zeros(difference, cells, periods[0], steps[0])
        )
        return Classes(names, periods, zeros, len(cells))
    places = list(pairs(*steps))
    good = frozenset(cell for cell in cells if _vanishes(difference, names, cell, periods, places))
    return Classes(names, periods, good, len(cells))


def _zeros(size: Size, cells: list[tuple[int, ...]], period: int, places: range) -> list[int]:
    """The residues at which a size of one symbol vanishes: few are left after the first place."""
    left = [residue for (residue,) in cells]
    for place in places:
        values = values_of(size, [residue + period * place for residue in left])
        left = [residue for residue, value in zip(left, values, strict=True) if not value]
    return left


def _vanishes(
    size: Size,
    names: tuple[str, ...],
    cell: tuple[int, ...],
    periods: tuple[int, ...],
    places: list[tuple[int, ...]],
) -> bool:
    for place in places:
        numbers = (r + p * q for r, p, q in zip(cell, periods, place, strict=True))
        if value_of(size, dict(zip(names, numbers, strict=True))):
            return False
    return True


def is_polynomial(size: Size) -> bool:
    """Whether no floor division occurs in it."""
    return all(atom.numerator is None for monomial, _ in size.terms for atom in monomial)


def refuse_large(size: Size, cases: int, most: int = LARGEST_PERIOD) -> None:
    """Raises ShapeError where a proof would have to try more cases than that."""
    if cases > most:
        raise ShapeError(
            f"too many cases to decide for {size}",
            expected=f"a pattern that repeats after {most} cases at most",
            received=f"{cases} cases" if cases < 10**12 else "far more",
            hint="give this input a fixed size, or use fewer or equal strides",
        )


def known_divisor(size: Dim, domains: Domains) -> int:
    """A number that divides the size: 128 of 4*H*(W // 2), where H and W are multiples of 8."""
    if not isinstance(size, Size):
        return abs(size)
    return gcd(
        *(coefficient * prod(_atom_divisor(atom, domains) for atom in monomial) for monomial, coefficient in size.terms)
    )


def _atom_divisor(atom: Atom, domains: Domains) -> int:
    if atom.numerator is None:
        domain = domains.get(atom.text, Domain())
        return gcd(domain.modulus, *domain.residues)
    whole = known_divisor(atom.numerator, domains)
    return whole // atom.denominator if whole and whole % atom.denominator == 0 else 1


def never_zero_by_divisibility(difference: Size) -> bool:
    """Whether a common divisor of all terms but the constant rules 0 out: 2*H - 2*W + 1."""
    constant = sum(coefficient for monomial, coefficient in difference.terms if not monomial)
    return constant % gcd(*(coefficient for monomial, coefficient in difference.terms if monomial)) != 0


def single_zeros(difference: Size, name: str, domain: Domain) -> list[int] | None:
    """The allowed values where a size of one symbol happens to be 0; None where that takes too long to say."""
    found = []
    for residue, step, coefficients in polynomials(difference, name, domain):
        bound = root_bound(coefficients)
        if bound > MOST_STEPS or (bound and step > MOST_CURVES):
            return None
        places = (residue + step * q for q in _places_of_roots(coefficients, bound))
        found += [value for value in places if domain.allows(value) and not value_of(difference, {name: value})]
    return sorted(found)


def _places_of_roots(coefficients: list[int], bound: int) -> Iterator[int]:
    if len(coefficients) == 2:
        yield -coefficients[0] // coefficients[1]
    elif len(coefficients) > 2:
        yield from range(bound + 1)


def root_bound(coefficients: list[int]) -> int:
    """Cauchy's bound on the roots of a polynomial; lines are solved outright."""
    if len(coefficients) <= 2:
        return 0
    return 1 + max(abs(coefficient) for coefficient in coefficients[:-1]) // abs(coefficients[-1]) + 1


def polynomials(size: Size, name: str, domain: Domain) -> Iterator[tuple[int, int, list[int]]]:
    """For each allowed residue r of a period P: r, P and the coefficients of size(r + P·q), constant first.

    The size has this symbol alone. A polynomial of degree d is told by its values at d + 1 places, which are quicker
    found than its terms.
    """
    step = lcm(period(size, name), domain.modulus)
    refuse_large(size, step)
    residues = domain.lifted(step)
    columns = [
        values_of(size, [residue + step * place for residue in residues]) for place in range(degree(size, name) + 1)
    ]
    for residue, values in zip(residues, zip(*columns, strict=True), strict=True):
        yield residue, step, _interpolated([*values])


def _interpolated(values: list[int]) -> list[int]:
    """The coefficients, constant first, of the integer polynomial with these values at 0, 1, 2 …; the last is not 0
    unless it is the only one. Newton's forward differences."""
    differences, last = [], values
    while last:
        differences.append(last[0])
        last = [after - before for before, after in pairwise(last)]
    found = [0]
    for order in reversed(range(len(differences))):  # found · (q - order) + the next difference / order!
        shifted = [0, *found]
        found = [shifted[at] - order * value for at, value in enumerate([*found, 0])]
        found[0] += differences[order] // factorial(order)
    check_coefficients(found)
    while len(found) > 1 and found[-1] == 0:
        found.pop()
    return found
