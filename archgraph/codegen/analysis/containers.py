"""Containers: children in `nn.Sequential`, `nn.ModuleList` and `nn.ModuleDict`, equal ones counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.codegen.analysis.terms import call, copies, infix, listing, text
from archgraph.structure.terms import Term, number


@dataclass(slots=True)
class Repeats:
    """Children that are all equal: where they are `counted`, they are one construction and how often it is made.
    `met` are how many there were of them, each time."""

    counted: bool
    met: set[int] = field(default_factory=set)


def sequential(children: list[tuple[str, Term]], named: bool, repeats: Repeats) -> Term:
    """`nn.Sequential(…)`."""
    if named:
        return call("nn.Sequential", _named(children))
    return call("nn.Sequential", *several([child for _, child in children], repeats))


def several(children: list[Term], repeats: Repeats) -> list[Term]:
    """The children of a Sequential or of a list as they are written."""
    if len(children) < 2 or any(child != children[0] for child in children):
        return children
    repeats.met.add(len(children))
    return [copies(children[0], len(children))] if repeats.counted else children


def _named(children: list[tuple[str, Term]]) -> Term:
    """Children by name; names that only count, over children that are equal or grow evenly, are written once."""
    split = [re.fullmatch(r"(.*?)([0-9]+)", name) for name, _ in children]
    found = [(match[1], int(match[2])) for match in split if match]
    if len(found) == len(children) and found == [(found[0][0], found[0][1] + i) for i in range(len(found))]:
        stem, first = found[0]
        child = counted([child for _, child in children], first)
        if child is not None:
            span = (number("first", first), number("depth", len(children)))
            return Term("counted", stem, (child, *span))
    return Term("named", "", tuple(Term("entry", name, (child,)) for name, child in children))


def counted(children: list[Term], first: int = 0) -> Term | None:
    """At least three children whose numbers grow evenly, as one of `i`, from `first` on: `Layer(64 + 32 * i)`."""
    if len(children) < 3 or len({child.outline for child in children}) > 1:
        return None
    rows = [[term.value for term in child.numbers()] for child in children]
    steps = []
    for column in zip(*rows, strict=True):
        if all(type(value) is type(column[0]) and value == column[0] for value in column):
            steps.append(0)
        elif all(type(value) is int for value in column):
            steps.append(column[1] - column[0])
        else:
            return None
        if steps[-1] and any(value != column[0] + k * steps[-1] for k, value in enumerate(column)):
            return None
    grown = iter(zip(rows[0], steps, strict=True))
    return children[0].replaced(
        lambda part: _with_counter(part, *next(grown), first) if part.kind == "number" else None
    )


def _with_counter(part: Term, start: int, step: int, first: int) -> Term:
    if not step:
        return part
    turn = infix("*", number(part.text, step), text("i")) if step != 1 else text("i")
    base = start - step * first
    return infix("+", number(part.text, base), turn) if base else turn


def container(kind: str, children: Mapping[str, Term], repeats: Repeats) -> Term:
    """A list or a dict of modules."""
    if kind == "nn.ModuleList":
        return call(kind, listing(*several(list(children.values()), repeats)))
    entries = tuple(Term("entry", name, (child,)) for name, child in children.items())
    return call(kind, Term("named", "dict", entries))


def complete(names: list[str]) -> bool:
    return sorted(names) == sorted(map(str, range(len(names))))


def tree_of(modules: Mapping[str, Term]) -> dict[str, Any]:
    """Dotted paths as nested mappings."""
    root: dict[str, Any] = {}
    for path, term in modules.items():
        *levels, last = path.split(".")
        at = root
        for level in levels:
            at = at.setdefault(level, {})
        at[last] = term
    return root
