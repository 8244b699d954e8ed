"""Einstein's notation: which dimensions of values meet, which are summed over, and which remain.

The notation is that of torch.einsum, https://docs.pytorch.org/docs/stable/generated/torch.einsum.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import TensorType
from archgraph.ops.requirements import named

_SIDE = re.compile(r"(?P<before>[a-zA-Z]*)(?P<dots>(\.\.\.)?)(?P<after>[a-zA-Z]*)\Z")

Letters = tuple[str, ...]
"""A name for each dimension of a value; what `...` stands for is numbered from its last dimension."""


@dataclass(frozen=True, slots=True)
class Equation:
    """The dimensions of each operand, and of the result."""

    operands: tuple[Letters, ...]
    result: Letters

    def sizes(self, kinds: Sequence[TensorType], facts: Facts) -> dict[str, Dim]:
        """The size of each dimension: equal wherever it stands, or 1. Raises ShapeError where sizes differ."""
        found: dict[str, Dim] = {}
        for letters, kind in zip(self.operands, kinds, strict=True):
            own: dict[str, Dim] = {}
            for letter, size in zip(letters, kind.shape, strict=True):
                cause = Cause(f"dimensions of {kind} with one letter ({letter}) must have equal sizes")
                facts.require_equal(own.setdefault(letter, size), size, cause)
                known = found.setdefault(letter, size)
                if known == 1:
                    found[letter] = size
                elif size != 1:
                    cause = Cause(f"dimensions of {named(kinds)} that meet ({letter}) must have equal sizes")
                    facts.require_equal(known, size, cause)
        return found

    def pairs(self) -> list[tuple[Letters, Letters, Letters]]:
        """The products of two that it is computed by, from left to right: both operands and what remains of them."""
        found: list[tuple[Letters, Letters, Letters]] = []
        have = self.operands[0]
        for i, other in enumerate(self.operands[1:], start=1):
            later = {letter for letters in (self.result, *self.operands[i + 1 :]) for letter in letters}
            both = tuple(dict.fromkeys((*have, *other)))
            kept = tuple(letter for letter in both if letter in later)
            found.append((have, other, kept))
            have = kept
        return found


def require_notation(text: object) -> object:
    """The equation without spaces; what is no text, as it is. Raises ValueError where it is none."""
    return _notation(text) if isinstance(text, str) else text


def _notation(text: str) -> str:
    plain = text.replace(" ", "")
    left, arrow, right = plain.partition("->")
    for side in (*left.split(","), *([right] if arrow else [])):
        if not _SIDE.match(side):
            raise ValueError(f"'{side}' is no list of letters, with ... for other dimensions")
    if arrow and len(set(right.replace(".", ""))) < len(right.replace(".", "")):
        raise ValueError("a letter stands for one dimension of the result only")
    unknown = sorted(set(right.replace(".", "")) - set(left))
    if unknown:
        raise ValueError(f"'{unknown[0]}' of the result is no dimension of an operand")
    return plain


def equation(text: str, kinds: Sequence[TensorType]) -> Equation:
    """The equation for values with so many dimensions. Raises ShapeError where these do not fit."""
    left, arrow, right = text.partition("->")
    sides = left.split(",")
    if len(sides) != len(kinds):
        raise ShapeError(
            "the equation has a list of letters for each value",
            expected=f"{len(kinds)} lists, separated by commas",
            received=f"{len(sides)} in '{left}'",
            subject="equation",
        )
    operands = tuple(_letters(side, kind) for side, kind in zip(sides, kinds, strict=True))
    most = max((len([each for each in letters if each.isdecimal()]) for letters in operands), default=0)
    dots = tuple(str(place) for place in reversed(range(most)))
    return Equation(operands, _given(right, dots) if arrow else _implied(operands, dots))


def _letters(side: str, kind: TensorType) -> Letters:
    """A letter for each dimension of a value."""
    found = _SIDE.match(side)
    assert found is not None, "the equation was checked"
    before, dots, after = found["before"], found["dots"], found["after"]
    more = kind.rank - len(before) - len(after)
    if more < 0 or (more and not dots):
        wanted = f"at least {len(before) + len(after)}" if dots else str(len(before))
        raise ShapeError(
            f"'{side}' does not name the dimensions of {kind}",
            expected=f"{wanted} dimensions",
            received=str(kind.rank),
            subject="equation",
        )
    return (*before, *(str(place) for place in reversed(range(more))), *after)


def _given(side: str, dots: Letters) -> Letters:
    before, found, after = side.partition("...")
    return (*before, *(dots if found else ()), *after)


def _implied(operands: Sequence[Letters], dots: Letters) -> Letters:
    """Without an arrow: what `...` stands for, and then the letters that occur once, in their order."""
    every = [letter for letters in operands for letter in letters if not letter.isdecimal()]
    return (*dots, *sorted(letter for letter in set(every) if every.count(letter) == 1))
