"""Sizes inside a forward, expressed through the shapes of the values that are at hand there."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from archgraph.codegen.analysis.terms import infix
from archgraph.dims import Dim, Size, product, symbol, symbols_of
from archgraph.dims.size import Atom, Monomial, value_of
from archgraph.errors import ArchgraphError
from archgraph.records import record
from archgraph.structure.terms import Term, number, shape, variable

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
        return variable(self.value) if self.axis is None else shape(self.value, self.axis)


Agrees = Callable[[Term], bool]
"""Whether an expression is right for the other inputs too that a shared module is applied to."""


class Sources:
    """Sizes that can be read, the earliest first, with what is asked of them again and again."""

    def __init__(self, sizes: Iterable[ReadableSize]):
        self.all = tuple(sizes)
        self._alike: dict[frozenset[str], list[tuple[ReadableSize, int, int]]] = {}

    def of(self, symbols: frozenset[str]) -> list[tuple[ReadableSize, int, int]]:
        """Those of just these symbols, which sizes of them may be made of by numbers alone, and their values."""
        found = self._alike.get(symbols)
        if found is None:
            sources = [source for source in self.all if symbols_of(source.dim) == symbols]
            found = self._alike[symbols] = [(source, *_values(source.dim)) for source in sources]
        return found

    @cached_property
    def symbolic(self) -> Sources:
        """Those that depend on a symbol: what a size that does is made of."""
        sources = [source for source in self.all if isinstance(source.dim, Size)]
        return Sources(sources) if len(sources) < len(self.all) else self


def express(dim: Dim, sources: Sources, agrees: Agrees | None = None) -> Term | None:
    """The size as an expression over the sources, the earliest first; None where they do not determine it."""
    if not isinstance(dim, Size):
        plain = number("size", dim)
        if agrees is None or agrees(plain):
            return plain
    else:
        sources = sources.symbolic
    return next((term for term in _candidates(dim, sources) if agrees is None or agrees(term)), None)


def evaluated(term: Term, read: Callable[[Term], Dim | None]) -> Dim | None:
    """What an expression comes to, given what its variables and shapes are; None where one of them is unknown."""
    if term.kind != "infix":
        return term.value if term.kind == "number" else read(term)
    first, second = term.parts
    left, right = evaluated(first, read), evaluated(second, read)
    if left is None or right is None or (term.text == "//" and not isinstance(right, int)):
        return None
    try:
        return _OPERATORS[term.text](left, right)
    except ArchgraphError:
        return None


class _Point(dict[str, int]):
    """A value for each symbol."""

    def __init__(self, salt: str):
        super().__init__()
        self._salt = salt

    def __missing__(self, name: str) -> int:
        value = self[name] = 1_000 + zlib.crc32(f"{self._salt}{name}".encode()) % 100_003
        return value


_POINTS = (_Point("a"), _Point("b"))


@lru_cache(1 << 12)
def _values(dim: Dim) -> tuple[int, int]:
    """What a size comes to at two points. Sizes that differ there are not equal, which is seen much sooner so than by
    their arithmetic; whether others are is decided by that."""
    if not isinstance(dim, Size):
        return dim, dim
    first, second = _POINTS
    return value_of(dim, first), value_of(dim, second)


def is_part(dim: Size, whole: Size, divisor: int) -> bool:
    """Whether a size is another one divided and rounded down."""
    return _values(whole)[0] // divisor == _values(dim)[0] and whole // divisor == dim


def _candidates(dim: Dim, sources: Sources) -> Iterator[Term]:
    yield from _equal(dim, sources)
    yield from _scaled(dim, sources)
    yield from _joined(dim, sources)
    yield from _inverted(dim, sources, (1,))
    total = _sum(dim, sources) if isinstance(dim, Size) else None
    if total is not None:
        yield total
    yield from _inverted(dim, sources, _FACTORS)


def _equal(dim: Dim, sources: Sources) -> Iterator[Term]:
    return (source.term for source, _, _ in sources.of(symbols_of(dim)) if source.dim == dim)


def _scaled(dim: Dim, sources: Sources) -> Iterator[Term]:
    """`source * k` or `source // k`."""
    wanted, _ = _values(dim)
    for source, found, _ in sources.of(symbols_of(dim)):
        for factor in _FACTORS:
            if found * factor == wanted and source.dim * factor == dim:
                yield infix("*", source.term, number("factor", factor))
            if found // factor == wanted and source.dim // factor == dim:
                yield infix("//", source.term, number("factor", factor))


def _joined(dim: Dim, sources: Sources) -> Iterator[Term]:
    """`source * source`."""
    symbols = symbols_of(dim)
    wanted, _ = _values(dim)
    parts = [(source, _values(source.dim)[0]) for source in sources.all if symbols_of(source.dim) <= symbols]
    for i, (left, found) in enumerate(parts):
        for right, other in parts[i + 1 :]:
            if found * other != wanted or symbols_of(left.dim) | symbols_of(right.dim) != symbols:
                continue
            if left.dim * right.dim == dim:
                yield infix("*", left.term, right.term)


def _inverted(dim: Dim, sources: Sources, factors: Iterable[int]) -> Iterator[Term]:
    """`source - k`, or `(source - k) // factor`, where the source was made of the size in that way."""
    here, there = _values(dim)
    alike = sources.of(symbols_of(dim))
    for factor in factors:
        for source, found, far in alike:
            if found - here * factor != far - there * factor:
                continue
            offset = source.dim - dim * factor
            if not isinstance(offset, int):
                continue
            sign = "-" if offset > 0 else "+"
            shifted = infix(sign, source.term, number("offset", abs(offset))) if offset else source.term
            yield shifted if factor == 1 else infix("//", shifted, number("factor", factor))


def _sum(dim: Size, sources: Sources) -> Term | None:
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


def _monomial(monomial: Monomial, factor: int, sources: Sources) -> Term | None:
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


def _atom(atom: Atom, sources: Sources) -> Term | None:
    dim = _size_of(atom)
    known = next(_equal(dim, sources), None)
    if known is None and atom.numerator is None:
        known = next(_inverted(dim, sources, (1, *_FACTORS)), None)
    if known is not None or atom.numerator is None:
        return known
    wanted, _ = _values(dim)
    for source, found, offset, divisor in _quotients(atom.denominator, sources.of(symbols_of(dim))):
        if (found + offset) // divisor == wanted and _quotient(source.dim, offset, divisor) == dim:
            shifted = source.term if not offset else infix("+", source.term, number("offset", offset))
            return infix("//", shifted, number("divisor", divisor))
    inner = express(atom.numerator, sources)
    return None if inner is None else infix("//", inner, number("divisor", atom.denominator))


def _quotients(
    denominator: int, sources: Sequence[tuple[ReadableSize, int, int]]
) -> Iterator[tuple[ReadableSize, int, int, int]]:
    """Sources with their values, offsets and divisors."""
    divisors = [k for k in range(2, denominator + 1) if denominator % k == 0]
    for source, found, _ in sources:
        for divisor in divisors:
            for offset in _OFFSETS:
                yield source, found, offset, divisor
    for source, found, _ in sources:
        for divisor in divisors:
            yield source, found, divisor - 1, divisor  # rounded up


def _quotient(dim: Dim, offset: int, divisor: int) -> Dim | None:
    try:
        return (dim + offset) // divisor
    except ArchgraphError:
        return None


def _size_of(atom: Atom) -> Dim:
    return symbol(atom.text) if atom.numerator is None else atom.numerator // atom.denominator
