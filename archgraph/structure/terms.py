"""Terms: what an instance computes or constructs, as small trees with holes for its numbers.

Two instances share a class when their terms have the same `outline`, which leaves the numbers out. A target has kinds
of its own; this room knows three: a `number` is a hole, a `variable` a value of the template, and a `shape` one
dimension of a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Term(NamedTuple):
    """One node of an expression. `text` is a name, `parts` are its operands, `value` a number or a default.

    Thousands are made for one network, and a named tuple is made in a third of the time of a frozen data class.
    """

    kind: str
    text: str = ""
    parts: tuple[Term, ...] = ()
    value: Any = None

    @property
    def outline(self) -> tuple[Any, ...]:
        """The term without its numbers: what instances of one class have in common."""
        held = None if self.kind == "number" else self.value
        return (self.kind, self.text, held, *[part.outline for part in self.parts])

    def numbers(self) -> list[Term]:
        """The numbers in it, from left to right."""
        if self.kind == "number":
            return [self]
        found: list[Term] = []
        for part in self.parts:
            if part.parts:
                found += part.numbers()
            elif part.kind == "number":
                found.append(part)
        return found

    def all(self) -> list[Term]:
        """This term and everything in it."""
        found = [self]
        for part in self.parts:
            found += part.all() if part.parts else (part,)
        return found

    def replaced(self, choose: Callable[[Term], Term | None]) -> Term:
        """The same term with parts exchanged: `choose` gives a part's successor, or None to look inside it."""
        return choose(self) or self._with_parts(choose)

    def _with_parts(self, choose: Callable[[Term], Term | None]) -> Term:
        if not self.parts:
            return self
        parts = [choose(part) or (part._with_parts(choose) if part.parts else part) for part in self.parts]
        return _made(Term, (self.kind, self.text, tuple(parts), self.value))


def alike(first: Term, other: Term, values: list[Any]) -> bool:
    """Whether two terms have one outline; `values` gains the numbers of the other, from left to right."""
    kind, text, parts, value = other
    its_kind, its_text, counterparts, its_value = first
    if its_kind != kind or its_text != text:
        return False
    if kind == "number":
        values.append(value)
        return True
    if len(counterparts) != len(parts) or its_value != value:
        return False
    for part, mine in zip(counterparts, parts, strict=True):
        if part.parts or mine.parts:
            if not alike(part, mine, values):
                return False
        elif mine.kind == "number":  # most are; that no function is called for them counts
            if part.kind != "number" or part.text != mine.text:
                return False
            values.append(mine.value)
        elif part != mine:
            return False
    return True


_made = tuple.__new__
"""Makes a term without asking for defaults, in two thirds of the time."""


def number(role: str, value: Any) -> Term:
    """A number, or a tuple of numbers, or a word out of a contract's fixed choice. `role` names the parameter."""
    return _made(Term, ("number", role, (), value))


def variable(value: int) -> Term:
    """A value of the template, by its number: the arguments first, then the results in the order of their making."""
    return _made(Term, ("variable", "", (), value))


def shape(value: int, axis: int) -> Term:
    """The size of one dimension of a value."""
    return _made(Term, ("shape", "", (), (value, axis)))
