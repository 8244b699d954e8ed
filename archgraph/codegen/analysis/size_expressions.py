"""Sizes inside a forward, expressed through the shapes of the values that are at hand there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from archgraph.codegen.analysis.terms import infix
from archgraph.dims import Dim, Size, product, symbol, symbols_of
from archgraph.dims.size import Atom, Monomial
from archgraph.errors import ArchgraphError
from archgraph.records import record
from archgraph.structure.terms import Term, number

_FACTORS = range(2, 17)
_OPERATORS: Mapping[str, Callable[[Dim, Dim], Dim]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}
_OFFSETS = (0, 1, -1, 2, -2, 3, -3)


@record()
class ReadableSize:
    """A size that can be read at run time: dimension `axis` of the value numbered `value`, or that value itself where
    the forward takes a size as an argument."""

    dim: Dim
    value: int
    axis: int | None = None

    @property
    def term(self) -> Term:
        return Term("variable", value=self.value) if self.axis is None else Term("shape", value=(self.value, self.axis))


Agrees = Callable[[Term], bool]
"""Whether an expression is right for the other inputs too that a shared module is applied to."""


def express(dim: Dim, sources: Sequence[ReadableSize], agrees: Agrees | None = None) -> Term | None:
    """The size as an expression over the sources, the earliest first; None where they do not determine it."""
    if not isinstance(dim, Size):
        plain = number("size", dim)
        if agrees is None or agrees(plain):
            return plain
    else:
        sources = [source for source in sources if isinstance(source.dim, Size)]
    return next((term for term in _remembered(dim, tuple(sources)) if agrees is None or agrees(term)), None)


def evaluated(term: Term, read: Callable[[Term], Dim | None]) -> Dim | None:
    """What an expression comes to, given what its variables and shapes are; None where one of them is unknown."""
    if term.kind != "infix":
        return term.value if term.kind == "number" else read(term)
    left, right = (evaluated(part, read) for part in term.parts)
    if left is None or right is None or (term.text == "//" and not isinstance(right, int)):
        return None
    try:
        return _OPERATORS[term.text](left, right)
    except ArchgraphError:
        return None


class _Candidates:
    """Expressions in their order, each of them found once; those that nobody has asked for are not looked for."""

    def __init__(self, terms: Iterator[Term]) -> None:
        self._found: list[Term] = []
        self._terms = terms

    def __iter__(self) -> Iterator[Term]:
        at = 0
        while True:
            if at == len(self._found):
                term = next(self._terms, None)
                if term is None:
                    return
                self._found.append(term)
            yield self._found[at]
            at += 1


@lru_cache(1 << 12)
def _remembered(dim: Dim, sources: tuple[ReadableSize, ...]) -> _Candidates:
    """The expressions of a size; the bodies of copies ask for the same ones."""
    return _Candidates(_candidates(dim, sources))


def _of_same_symbols(dim: Dim, sources: Sequence[ReadableSize]) -> Sequence[ReadableSize]:
    """The sources that a size may be made of by numbers alone."""
    symbols = symbols_of(dim)
    return [source for source in sources if symbols_of(source.dim) == symbols]


def _candidates(dim: Dim, sources: Sequence[ReadableSize]) -> Iterator[Term]:
    yield from _equal(dim, sources)
    yield from _scaled(dim, sources)
    yield from _joined(dim, sources)
    yield from _inverted(dim, sources, (1,))
    total = _sum(dim, sources) if isinstance(dim, Size) else None
    if total is not None:
        yield total
    yield from _inverted(dim, sources, _FACTORS)


def _equal(dim: Dim, sources: Sequence[ReadableSize]) -> Iterator[Term]:
    return (source.term for source in sources if source.dim == dim)


def _scaled(dim: Dim, sources: Sequence[ReadableSize]) -> Iterator[Term]:
    """`source * k` or `source // k`."""
    for source in _of_same_symbols(dim, sources):
        for factor in _FACTORS:
            if source.dim * factor == dim:
                yield infix("*", source.term, number("factor", factor))
            if source.dim // factor == dim:
                yield infix("//", source.term, number("factor", factor))


def _joined(dim: Dim, sources: Sequence[ReadableSize]) -> Iterator[Term]:
    """`source * source`."""
    symbols = symbols_of(dim)
    sources = [source for source in sources if symbols_of(source.dim) <= symbols]
    for i, left in enumerate(sources):
        for right in sources[i + 1 :]:
            if symbols_of(left.dim) | symbols_of(right.dim) == symbols and left.dim * right.dim == dim:
                yield infix("*", left.term, right.term)


def _inverted(dim: Dim, sources: Sequence[ReadableSize], factors: Iterable[int]) -> Iterator[Term]:
    """`source - k`, or `(source - k) // factor`, where the source was made of the size in that way."""
    sources = _of_same_symbols(dim, sources)
    for factor in factors:
        for source in sources:
            offset = source.dim - dim * factor
            if not isinstance(offset, int):
                continue
            sign = "-" if offset > 0 else "+"
            shifted = infix(sign, source.term, number("offset", abs(offset))) if offset else source.term
            yield shifted if factor == 1 else infix("//", shifted, number("factor", factor))


def _sum(dim: Size, sources: Sequence[ReadableSize]) -> Term | None:
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


def _monomial(monomial: Monomial, factor: int, sources: Sequence[ReadableSize]) -> Term | None:
    if not monomial:
        return number("offset", factor)
    whole = product(map(_size_of, monomial)) * factor
    if len(monomial) > 1 and isinstance(whole, Size):
        known = next((term for way in (_equal, _scaled, _joined) for term in way(whole, sources)), None)
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


def _atom(atom: Atom, sources: Sequence[ReadableSize]) -> Term | None:
    dim = _size_of(atom)
    known = next(_equal(dim, sources), None)
    if known is None and atom.numerator is None:
        known = next(_inverted(dim, sources, (1, *_FACTORS)), None)
    if known is not None or atom.numerator is None:
        return known
    for source, offset, divisor in _quotients(atom.denominator, _of_same_symbols(dim, sources)):
        if _quotient(source.dim, offset, divisor) == dim:
            shifted = source.term if not offset else infix("+", source.term, number("offset", offset))
            return infix("//", shifted, number("divisor", divisor))
    inner = express(atom.numerator, sources)
    return None if inner is None else infix("//", inner, number("divisor", atom.denominator))


def _quotients(denominator: int, sources: Sequence[ReadableSize]) -> Iterator[tuple[ReadableSize, int, int]]:
    divisors = [k for k in range(2, denominator + 1) if denominator % k == 0]
    for source in sources:
        for divisor in divisors:
            for offset in _OFFSETS:
                yield source, offset, divisor
    for source in sources:
        for divisor in divisors:
            yield source, divisor - 1, divisor  # rounded up


def _quotient(dim: Dim, offset: int, divisor: int) -> Dim | None:
    try:
        return (dim + offset) // divisor
    except ArchgraphError:
        return None


def _size_of(atom: Atom) -> Dim:
    return symbol(atom.text) if atom.numerator is None else atom.numerator // atom.denominator
