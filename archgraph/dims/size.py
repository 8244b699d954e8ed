"""Symbolic sizes: integer polynomials over symbols and floor divisions, always in normal form.

Two sizes that print alike are equal, and equal normal forms have equal values for every value of the symbols. The
converse does not hold (`H // 2 + (H + 1) // 2` is `H`); `Facts` decides those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any, ClassVar, NoReturn, TypeAlias

from archgraph.dims import limits
from archgraph.dims.monomials import exact_quotient, graded_order, multiplied
from archgraph.dims.printing import floor_text, sum_text
from archgraph.errors import ShapeError
from archgraph.records import taken_by_class

REMEMBERED = 1 << 15  # entries kept by each cache: far more than one network needs, yet bounded

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Atom:
    """A symbol, or floor(numerator / denominator) with no negative coefficient in the numerator.

    The text identifies it. Neither kind is ever negative.
    """

    text: str
    symbols: frozenset[str]
    numerator: Size | None = None
    denominator: int = 1

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self.text == other.text)

    def __hash__(self) -> int:
        return hash(self.text)

    def as_size(self) -> Size:
        """The size that consists of this atom alone."""
        return Size((((self,), 1),), self.symbols, hash((((self,), 1),)))


Monomial: TypeAlias = tuple[Atom, ...]  # sorted by text, repeated for powers; () stands for the constant 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Size:
    """An integer polynomial that is not constant, over symbols and floor(P / c) atoms.

    `terms` are pairs of monomial and coefficient, highest degree first. Constants are plain ints, so a result of
    arithmetic is an int whenever it does not depend on a symbol.
    """

    terms: tuple[tuple[Monomial, int], ...]
    symbols: frozenset[str]
    _hash: int
    __get_pydantic_core_schema__: ClassVar[Any] = classmethod(taken_by_class)

    def __add__(self, other: Dim) -> Dim:
        return _sum(self, other) if isinstance(other, (int, Size)) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return _sum(self, -other) if isinstance(other, (int, Size)) else NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return _sum(_product(self, -1), other) if isinstance(other, int) else NotImplemented

    def __neg__(self) -> Dim:
        return _product(self, -1)

    def __pos__(self) -> Dim:
        return self

    def __mul__(self, other: Dim) -> Dim:
        return _product(self, other) if isinstance(other, (int, Size)) else NotImplemented

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dim:
        if not isinstance(exponent, int):
            return NotImplemented
        limits.check_power(exponent)
        return product([self] * exponent)

    def __floordiv__(self, other: Dim) -> Dim:
        """floor(self / other); by another size only where nothing remains. Raises ShapeError."""
        if isinstance(other, Size):
            return _exact(self, other)
        return _floor(self, _divisor(self, other)) if isinstance(other, int) else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
        return _exact(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        if not isinstance(other, (int, Size)):
            return NotImplemented
        return self - (self // other) * other

    def __rmod__(self, other: int) -> Dim:
        return other - (other // self) * self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Size) and self._hash == other._hash and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError(
            f"whether {self} is below or above {other} cannot be decided for all sizes; "
            "ask Facts.compare, which knows their bounds"
        )

    __le__ = __gt__ = __ge__ = __lt__

    def __str__(self) -> str:
        return sum_text(self.terms)

    def __repr__(self) -> str:
        return f"Size({self!s})"

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Its value where each symbol has the given value. Raises ShapeError where one is missing."""
        try:
            return value_of(self, values)
        except KeyError as missing:
            name = missing.args[0]
        raise ShapeError(
            f"the size {self} has no value without {name}",
            expected=", ".join(sorted(self.symbols)),
            received=", ".join(sorted(values)) or "nothing",
        )

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        """The same size with some symbols replaced by numbers or other sizes."""
        if not self.symbols & values.keys():
            return self
        total: Dim = 0
        for monomial, coefficient in self.terms:
            term: Dim = coefficient
            for atom in monomial:
                term = term * _substituted(atom, values)
            total = total + term
        return total


Dim: TypeAlias = int | Size


def symbol(name: str) -> Size:
    """The size that a name stands for. Raises ShapeError where the name is not an identifier."""
    if not _NAME.match(name):
        raise ShapeError("this cannot name a size", expected="letters, digits and _", received=repr(name))
    return _symbol(name)


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """The value of a dimension where each symbol has the given value. Raises ShapeError where one is missing."""
    return dim.evaluate(values) if isinstance(dim, Size) else dim


def symbols_of(dim: Dim) -> frozenset[str]:
    """The symbols that a dimension depends on."""
    return dim.symbols if isinstance(dim, Size) else frozenset()


def product(dims: Iterable[Dim]) -> Dim:
    """All dimensions multiplied; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def value_of(size: Size, values: Mapping[str, int]) -> int:
    """`Size.evaluate` without its error: raises a plain KeyError. Proofs call it in their inner loop."""
    total = 0
    for monomial, term in size.terms:
        for atom in monomial:
            if atom.numerator is None:
                term *= values[atom.text]
            else:
                term *= value_of(atom.numerator, values) // atom.denominator
        total += term
    return total


def values_of(size: Size, numbers: list[int]) -> list[int]:
    """`value_of` a size of one symbol, for each number that it may stand for."""
    totals = [0] * len(numbers)
    for monomial, coefficient in size.terms:
        terms = [coefficient] * len(numbers)
        for atom in monomial:
            if atom.numerator is None:
                parts = numbers
            else:
                parts = [value // atom.denominator for value in values_of(atom.numerator, numbers)]
            terms = [term * part for term, part in zip(terms, parts, strict=True)]
        totals = [total + term for total, term in zip(totals, terms, strict=True)]
    return totals


@lru_cache(REMEMBERED)
def _symbol(name: str) -> Size:
    return Atom(name, frozenset((name,))).as_size()


def from_terms(coefficients: Mapping[Monomial, int]) -> Dim:
    """The normal form of a sum of monomials: an int where no symbol remains."""
    terms = [term for term in coefficients.items() if term[1]]
    if not terms or (len(terms) == 1 and not terms[0][0]):
        return terms[0][1] if terms else 0
    limits.check_coefficients([coefficient for _, coefficient in terms])
    terms.sort(key=lambda term: graded_order(term[0]))
    symbols = frozenset().union(*(atom.symbols for monomial, _ in terms for atom in monomial))
    ordered = tuple(terms)
    return Size(ordered, symbols, hash(ordered))


@lru_cache(REMEMBERED)
def _sum(a: Size, b: Dim) -> Dim:
    if not isinstance(b, Size):
        return _shifted(a, b)
    total = dict(a.terms)
    for monomial, coefficient in b.terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    return from_terms(total)


def _shifted(size: Size, number: int) -> Size:
    """size + number: only the constant changes, and it is the last term."""
    last, constant = size.terms[-1]
    rising, constant = (size.terms, 0) if last else (size.terms[:-1], constant)
    constant += number
    limits.check_coefficients([constant])
    terms = (*rising, ((), constant)) if constant else rising
    return Size(terms, size.symbols, hash(terms))


@lru_cache(REMEMBERED)
def _product(a: Size, b: Dim) -> Dim:
    if not isinstance(b, Size):
        return a if b == 1 else from_terms({monomial: coefficient * b for monomial, coefficient in a.terms})
    degree = len(a.terms[0][0]) + len(b.terms[0][0])
    if degree > limits.HIGHEST_DEGREE:
        raise limits.too_large(f"a degree up to {limits.HIGHEST_DEGREE}", degree)
    total: dict[Monomial, int] = {}
    for left, m in a.terms:
        for right, n in b.terms:
            monomial = multiplied(left, right)
            total[monomial] = total.get(monomial, 0) + m * n
    return from_terms(total)


@lru_cache(REMEMBERED)
def _floor(size: Size, divisor: int) -> Dim:
    """floor(size / divisor): whole multiples pulled out, common divisors cancelled, nested floors merged."""
    if divisor == 1:
        return size
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in size.terms:
        whole[monomial], rest[monomial] = divmod(coefficient, divisor)
    common = gcd(divisor, *(coefficient for monomial, coefficient in rest.items() if monomial))
    numerator = from_terms({monomial: coefficient // common for monomial, coefficient in rest.items()})
    if not isinstance(numerator, Size):  # between 0 and the divisor, so its floor is 0
        return from_terms(whole)
    return from_terms(whole) + _floor_of_remainder(numerator, divisor // common)


def _floor_of_remainder(numerator: Size, divisor: int) -> Dim:
    """floor((floor(A / a) + R) / c) = floor((A + a R) / (a c)); without a floor to merge, a new atom."""
    for monomial, coefficient in numerator.terms:
        if coefficient == 1 and len(monomial) == 1 and monomial[0].numerator is not None:
            inner = monomial[0]
            others = numerator - from_terms({monomial: 1})
            return (monomial[0].numerator + others * inner.denominator) // (divisor * inner.denominator)
    text = floor_text(numerator.terms, divisor)
    limits.check_floor(text, divisor)
    return Atom(text, numerator.symbols, numerator, divisor).as_size()


def _exact(dividend: Dim, divisor: Size) -> Dim:
    terms = dividend.terms if isinstance(dividend, Size) else (((), dividend),)
    quotient = exact_quotient(dict(terms), dict(divisor.terms))
    if quotient is None:
        raise ShapeError(
            f"{dividend} cannot be divided by {divisor} for all sizes",
            expected=f"a multiple of {divisor}",
            received=str(dividend),
            hint="divide by a number, or by a size that is a factor",
        )
    return from_terms(quotient)


def _divisor(size: Size, number: int) -> int:
    if number < 1:
        raise ShapeError(f"the size {size} is divided by {number}", expected="a positive divisor", received=str(number))
    return number


def _substituted(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    if atom.numerator is not None:
        return atom.numerator.substitute(values) // atom.denominator
    return values[atom.text] if atom.text in values else _symbol(atom.text)
