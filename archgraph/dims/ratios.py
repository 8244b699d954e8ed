"""Compares products of sizes factor by factor, as a reshape does, without multiplying them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from archgraph.dims.constraint import Domain
from archgraph.dims.prove import degree, period, refuse_large
from archgraph.dims.size import Dim, Size, evaluate, product, symbols_of

Factors = Counter[Dim]
Narrowing = dict[str, tuple[int, set[int]]]


def cancelled(a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Factors, Factors]:
    """The factors of both sides, split as far as they are products, without those that both have."""
    left, right = factors(a), factors(b)
    return left - right, right - left


def factors(dims: Sequence[Dim]) -> Factors:
    """What sizes are products of, as far as they are products."""
    found: Factors = Counter()
    for dim in dims:
        if isinstance(dim, Size) and len(dim.terms) == 1:
            (monomial, coefficient), *_ = dim.terms
            found[coefficient] += 1
            found.update(atom.as_size() for atom in monomial)
        else:
            found[dim] += 1
    return found


def narrowing_by_symbol(left: Factors, right: Factors, domains: dict[str, Domain]) -> Narrowing | None:
    """The residues under which each symbol's own factors keep one ratio, and these ratios make the sides equal.

    An empty dict says that they never do; None that this way of looking cannot tell.
    """
    names = {name for factor in (*left, *right) for name in symbols_of(factor)}
    if any(len(symbols_of(factor)) > 1 for factor in (*left, *right)):
        return None
    ratio = Fraction(1)
    found: Narrowing = {}
    for name in sorted(names):
        step, classes = _ratio_classes(_of(left, name), _of(right, name), name, domains[name])
        if len(classes) != 1:
            return None if classes else {}
        ((own, residues),) = classes.items()
        ratio, found[name] = ratio * own, (step, residues)
    constants = evaluate(_of(left, None), {}), evaluate(_of(right, None), {})
    return found if constants[0] * ratio == constants[1] else {}


def _of(factors: Factors, name: str | None) -> Dim:
    """The product of the factors that depend on a symbol, or of the numbers."""
    wanted = frozenset() if name is None else frozenset((name,))
    return product(factor for factor in factors.elements() if symbols_of(factor) == wanted)


def _ratio_classes(a: Dim, b: Dim, name: str, domain: Domain) -> tuple[int, dict[Fraction, set[int]]]:
    """A period, and the residues under which a / b is one number at all sizes, by that number."""
    sizes = [side for side in (a, b) if isinstance(side, Size)]
    step = lcm(domain.modulus, *(period(side, name) for side in sizes))
    refuse_large(sizes[0], step)
    places = max(degree(side, name) for side in sizes) + 2
    classes: dict[Fraction, set[int]] = {}
    for residue in domain.lifted(step):
        ratio = _ratio(a, b, name, [residue + step * q for q in range(places)])
        if ratio is not None:
            classes.setdefault(ratio, set()).add(residue)
    return step, classes


def _ratio(a: Dim, b: Dim, name: str, values: list[int]) -> Fraction | None:
    """a / b where it is the same at all values. Polynomials that agree at enough places agree everywhere."""
    pairs = [(evaluate(a, {name: value}), evaluate(b, {name: value})) for value in values]
    base = next(((p, q) for p, q in pairs if q), None)
    if base is None or any(p * base[1] != q * base[0] for p, q in pairs):
        return None
    return Fraction(*base)
