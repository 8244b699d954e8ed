"""Monomials, as tuples of atoms sorted by their text, and the division of polynomials in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar


class _Named(Protocol):
    @property
    def text(self) -> str: ...


AtomType = TypeVar("AtomType", bound=_Named)


def graded_order(monomial: tuple[AtomType, ...]) -> tuple[int, list[str]]:
    """Graded lexicographic, the highest degree first; multiplication respects it, which division relies on."""
    return -len(monomial), [atom.text for atom in monomial]


def multiplied(left: tuple[AtomType, ...], right: tuple[AtomType, ...]) -> tuple[AtomType, ...]:
    """The product of two monomials."""
    return tuple(sorted(left + right, key=lambda atom: atom.text))


def exact_quotient(
    dividend: Mapping[tuple[AtomType, ...], int], divisor: Mapping[tuple[AtomType, ...], int]
) -> dict[tuple[AtomType, ...], int] | None:
    """Division of polynomials, leading term by leading term; None where something remains."""
    rest = {monomial: coefficient for monomial, coefficient in dividend.items() if coefficient}
    quotient: dict[tuple[AtomType, ...], int] = {}
    lead = min(divisor, key=graded_order)
    while rest:
        monomial = min(rest, key=graded_order)
        ratio = _cancelled(monomial, lead)
        if ratio is None or rest[monomial] % divisor[lead]:
            return None
        factor = quotient[ratio] = rest[monomial] // divisor[lead]
        for other, coefficient in divisor.items():
            product = multiplied(ratio, other)
            rest[product] = rest.get(product, 0) - factor * coefficient
            if not rest[product]:
                del rest[product]
    return quotient


def _cancelled(monomial: tuple[AtomType, ...], divisor: tuple[AtomType, ...]) -> tuple[AtomType, ...] | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)
