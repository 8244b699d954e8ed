"""The text of a size, as one would write it in Python: `2*((H + 1) // 2)`. `reading` takes it back."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archgraph.dims.size import Monomial

Terms: TypeAlias = "tuple[tuple[Monomial, int], ...]"


@lru_cache(1 << 13)
def sum_text(terms: Terms) -> str:
    """Positive terms first, so that a leading minus is rare: `5 - H`."""
    text = ""
    for monomial, coefficient in sorted(terms, key=lambda term: term[1] < 0):
        if coefficient < 0:
            text += (" - " if text else "-") + _bare_text(monomial, -coefficient)
        else:
            text += (" + " if text else "") + _term_text(monomial, coefficient)
    return text


def floor_text(terms: Terms, divisor: int) -> str:
    """`H*W // 16`, and with parentheses where they are needed or read better: `(H + 1) // 2`."""
    text = sum_text(terms)
    bare = len(terms) == 1 and not _is_floor(*terms[0])
    return f"{text} // {divisor}" if bare else f"({text}) // {divisor}"


def _term_text(monomial: Monomial, coefficient: int) -> str:
    return monomial[0].text if _is_floor(monomial, coefficient) else _bare_text(monomial, coefficient)


def _is_floor(monomial: Monomial, coefficient: int) -> bool:
    return len(monomial) == 1 and coefficient == 1 and monomial[0].numerator is not None


def _bare_text(monomial: Monomial, coefficient: int) -> str:
    """A product with its floor divisions in parentheses."""
    factors = [str(coefficient)] if coefficient != 1 or not monomial else []
    for atom in dict.fromkeys(monomial):
        power = monomial.count(atom)
        text = atom.text if atom.numerator is None else f"({atom.text})"
        factors.append(text if power == 1 else f"{text}**{power}")
    return "*".join(factors)
