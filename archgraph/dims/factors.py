"""A size as a product: the symbols that all terms share, and sums that were multiplied out."""

from __future__ import annotations

import operator
from collections import Counter
from functools import reduce

from archgraph.dims.monomials import exact_quotient
from archgraph.dims.size import Dim, Size, from_terms, product


def factors(size: Size) -> list[Dim]:
    """Sizes of which this is the product, or this one alone: a - 1 and b + 1 of a*b + a - b - 1.

    A factor of several terms is found where another one holds one of its symbols or floor divisions once.
    """
    first, *others = (Counter(monomial) for monomial, _ in size.terms)
    shared: list[Dim] = [atom.as_size() for atom in reduce(operator.and_, others, first).elements()]
    if shared:
        return [*shared, *_factors_of(size // product(shared))]
    for atom in dict.fromkeys(atom for monomial, _ in size.terms for atom in monomial):
        beside = {
            tuple(other for other in monomial if other != atom): c for monomial, c in size.terms if atom in monomial
        }
        rest = {monomial: coefficient for monomial, coefficient in size.terms if atom not in monomial}
        once = all(monomial.count(atom) <= 1 for monomial, _ in size.terms)
        if once and len(beside) > 1 and (quotient := exact_quotient(rest, beside)) is not None:
            return [atom.as_size() + from_terms(quotient), *_factors_of(from_terms(beside))]
    return [size]


def _factors_of(dim: Dim) -> list[Dim]:
    return factors(dim) if isinstance(dim, Size) else [dim] * (dim != 1)
