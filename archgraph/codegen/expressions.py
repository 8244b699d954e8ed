"""Sizes inside a forward, expressed through the shapes of the values that are at hand there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archgraph.codegen.terms import Term, infix, number
from archgraph.dims import Dim, Size, product, symbol
from archgraph.dims.size import Atom, Monomial
from archgraph.errors import ArchgraphError

LARGEST_FACTOR = 16
_OFFSETS = (0, 1, -1, 2, -2, 3, -3)


@dataclass(frozen=True, slots=True)
class Source:
    """A size that can be read at run time: dimension `axis` of the value numbered `value`."""

    dim: Size
    value: int
    axis: int

    @property
    def term(self) -> Term:
        return Term("shape", value=(self.value, self.axis))


def express(dim: Dim, sources: Sequence[Source]) -> Term | None:
    """The size as an expression over the sources, the earliest first; None where they do not determine it."""
    if not isinstance(dim, Size):
        return number("size", dim)
    for known in (_same(dim, sources), _scaled(dim, sources), _joined(dim, sources)):
        if known is not None:
            return known
    return _sum(dim, sources)


def _same(dim: Dim, sources: Sequence[Source]) -> Term | None:
    return next((source.term for source in sources if source.dim == dim), None)


def _scaled(dim: Size, sources: Sequence[Source]) -> Term | None:
    """`source * k` or `source // k`."""
    for source in sources:
        for factor in range(2, LARGEST_FACTOR + 1):
            if source.dim * factor == dim:
                return infix("*", source.term, number("factor", factor))
            if source.dim // factor == dim:
                return infix("//", source.term, number("factor", factor))
    return None


def _joined(dim: Size, sources: Sequence[Source]) -> Term | None:
    """`source * source`."""
    for i, left in enumerate(sources):
        for right in sources[i + 1 :]:
            if left.dim * right.dim == dim:
                return infix("*", left.term, right.term)
    return None


def _sum(dim: Size, sources: Sequence[Source]) -> Term | None:
    """Term by term of the polynomial, positive ones first."""
    total: Term | None = None
    for monomial, factor in sorted(dim.terms, key=lambda term: term[1] < 0):
        part = _monomial(monomial, abs(factor), sources)
        if part is None:
            return None
        if total is None:
            total = part if factor > 0 else infix("*", part, number("factor", -1))
        else:
            total = infix("+" if factor > 0 else "-", total, part)
    return total


def _monomial(monomial: Monomial, factor: int, sources: Sequence[Source]) -> Term | None:
    if not monomial:
        return number("offset", factor)
    whole = product(map(_size_of, monomial)) * factor
    if len(monomial) > 1 and isinstance(whole, Size):
        known = _same(whole, sources) or _scaled(whole, sources) or _joined(whole, sources)
        if known is not None:
            return known
    parts = [_atom(atom, sources) for atom in monomial]
    parts.sort(key=lambda part: part is not None and part.kind == "infix")
    result: Term | None = None
    for part in parts:
        if part is None:
            return None
        result = part if result is None else infix("*", result, part)
    return result if factor == 1 or result is None else infix("*", result, number("factor", factor))


def _atom(atom: Atom, sources: Sequence[Source]) -> Term | None:
    dim = _size_of(atom)
    known = _same(dim, sources)
    if known is not None or atom.numerator is None:
        return known
    for source, offset, divisor in _quotients(atom.denominator, sources):
        if _quotient(source.dim, offset, divisor) == dim:
            shifted = source.term if not offset else infix("+", source.term, number("offset", offset))
            return infix("//", shifted, number("divisor", divisor))
    inner = express(atom.numerator, sources)
    return None if inner is None else infix("//", inner, number("divisor", atom.denominator))


def _quotients(denominator: int, sources: Sequence[Source]) -> Iterator[tuple[Source, int, int]]:
    divisors = [k for k in range(2, denominator + 1) if denominator % k == 0]
    for source in sources:
        for divisor in divisors:
            for offset in _OFFSETS:
                yield source, offset, divisor


def _quotient(dim: Size, offset: int, divisor: int) -> Dim | None:
    try:
        return (dim + offset) // divisor
    except ArchgraphError:
        return None


def _size_of(atom: Atom) -> Dim:
    return symbol(atom.text) if atom.numerator is None else atom.numerator // atom.denominator
