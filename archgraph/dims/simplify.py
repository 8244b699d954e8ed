"""Simpler forms of a size under what is known of its symbols: with H a multiple of 8, 8*(H // 8) is H."""

from __future__ import annotations

from itertools import product as pairs
from math import gcd, lcm, prod

from archgraph.dims.bounds import interval
from archgraph.dims.constraint import Domain
from archgraph.dims.prove import Domains, counted, period
from archgraph.dims.size import Atom, Dim, Monomial, Size, symbol, value_of

MOST_CASES = 4_096  # beyond, a size is left as it is: correct, only longer


def simplified(dim: Dim, domains: Domains) -> Dim:
    """An equal size under the given domains, with needless remainders gone and exact divisions cancelled."""
    total = _term_by_term(dim, domains)
    if not isinstance(total, Size) or _length(total) == (1, 0):
        return total
    by_counts = _term_by_term(_over_counts(total, domains), domains)
    return by_counts if not isinstance(by_counts, Size) or _length(by_counts) < _length(total) else total


def _length(size: Size) -> tuple[int, int]:
    """How many terms a size has, and how many quotients of several symbols, which no symbol can be divided out of."""
    atoms = [atom for monomial, _ in size.terms for atom in monomial]
    return len(size.terms), sum(atom.numerator is not None and len(atom.symbols) > 1 for atom in atoms)


def _term_by_term(dim: Dim, domains: Domains) -> Dim:
    if not isinstance(dim, Size) or not any(_is_narrow(domains[name]) for name in dim.symbols):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        total = total + _simplified_term(monomial, coefficient, domains)
    return total


def _over_counts(size: Size, domains: Domains) -> Dim:
    """The size over counts of what its symbols are multiples of: with H a multiple of 224, `3*(H // 112) + H // 224` is
    `7*(H // 224)`."""
    found = counted(size, domains)
    if found is size or not isinstance(found, Size):
        return found
    single = {name: domains[name] for name in found.symbols if len(domains[name].residues) == 1}
    return found.substitute(
        {name: (symbol(name) - domain.residues[0]) // domain.modulus for name, domain in single.items()}
    )


def _is_narrow(domain: Domain) -> bool:
    return domain.modulus > 1 or domain.maximum is not None


def _settled(size: Dim, domains: Domains) -> Dim:
    """The number that a size is at all allowed values, where it is one: `(H + 192) // 224` is 1 up to 255."""
    if not isinstance(size, Size) or all(domains[name].maximum is None for name in size.symbols):
        return size
    low, high = interval(size, domains)
    return low if low is not None and low == high else size


def _simplified_term(monomial: Monomial, coefficient: int, domains: Domains) -> Dim:
    factors: list[Dim] = []
    for atom in monomial:
        if atom.numerator is None:
            factors.append(_settled(atom.as_size(), domains))
            continue
        numerator, exact = _without_slack(atom, domains)
        common = gcd(coefficient, atom.denominator) if exact else 1
        coefficient //= common
        factors.append(_settled(numerator // (atom.denominator // common), domains))
    result: Dim = coefficient
    for factor in factors:
        result = result * factor
    return result


def _without_slack(atom: Atom, domains: Domains) -> tuple[Dim, bool]:
    """The atom's numerator less the remainder that it always leaves, and whether that is all of its remainder."""
    assert atom.numerator is not None
    numerator = _term_by_term(atom.numerator, domains)
    if not isinstance(numerator, Size):
        return numerator, False
    remainders = _remainders(numerator, atom.denominator, domains)
    return numerator - min(remainders), len(remainders) == 1


def _remainders(size: Size, divisor: int, domains: Domains) -> set[int]:
    """What is left over of a size at its symbols' allowed values, which the residues decide; {0, 1} if unknown."""
    names = sorted(size.symbols)
    periods = [lcm(divisor * period(size, name), domains[name].modulus) for name in names]
    if prod(periods) > MOST_CASES:
        return {0, 1}
    lifted = [domains[name].lifted(step) for name, step in zip(names, periods, strict=True)]
    return {value_of(size, dict(zip(names, cell, strict=True))) % divisor for cell in pairs(*lifted)}
