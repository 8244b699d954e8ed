"""Sizes that are needed in a forward: which an operation needs, and how those of a scope follow from its values.

A module may be applied several times, to inputs of different sizes. What it computes must be right each time, so sizes
are columns here: one for each application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, SizeVar, Var, is_hole
from archgraph.codegen.analysis.size_expressions import ReadableSize, evaluated, express
from archgraph.codegen.analysis.terms import local
from archgraph.dims import Dim, Size
from archgraph.structure.terms import Term

Column = tuple[Dim | None, ...]
"""A size in each application of a module; None stands for the device."""


class AvailableValues:
    """The values from which a forward can compute sizes, one column per application of the class."""

    def __init__(self) -> None:
        self._rows: list[tuple[Var, ...]] = []

    def add(self, row: Sequence[Var]) -> None:
        """One more value: what it is in each application."""
        self._rows.append(tuple(row))

    def expressed(self, column: Column) -> Term | None:
        """An expression that is right in each application; None where these values do not determine the size."""
        if column[0] is None:
            return self._device()
        others = range(1, len(column))
        alike = all(size == column[0] for size in column)
        if alike and isinstance(column[0], int):
            return express(column[0], ())

        def agrees(term: Term) -> bool:
            return all(evaluated(term, lambda part: self._read(part, k)) == column[k] for k in others)  # noqa: B023

        return express(column[0], list(self._sources(alike)), agrees if len(column) > 1 else None)

    def _sources(self, alike: bool) -> Iterator[ReadableSize]:
        """All sizes; numbers only where a size is a number in one application and depends on the input in another."""
        for value, (var, *_) in enumerate(self._rows):
            if isinstance(var, SizeVar):
                if var.dim is not None:
                    yield ReadableSize(var.dim, value)
                continue
            for axis, dim in enumerate(var.type.shape):
                if isinstance(dim, Size) or not alike:
                    yield ReadableSize(dim, value, axis)

    def _read(self, part: Term, application: int) -> Dim | None:
        if part.kind == "variable":
            var = self._rows[part.value][application]
            return var.dim if isinstance(var, SizeVar) else None
        value, axis = part.value
        shape = self._rows[value][application].type.shape
        return shape[axis] if axis < len(shape) else None

    def _device(self) -> Term | None:
        """The device of the inputs, which is that of all intermediate values."""
        known = any(not isinstance(var, SizeVar) or var.dim is None for var, *_ in self._rows)
        return local("device") if known else None


def beginning(scope: Scope) -> AvailableValues:
    """What a forward has at hand at its beginning."""
    known = AvailableValues()
    for row in zip(*(member.arguments for member in (scope, *scope.siblings)), strict=True):
        known.add(row)
    return known


def turns(scope: Scope) -> Iterator[tuple[ScopeStep, ...]]:
    """Each step of a scope with what it is in the other applications."""
    return zip(*(member.steps for member in (scope, *scope.siblings)), strict=True)


def sizes_of(row: Sequence[ScopeStep]) -> list[Column]:
    """The sizes that a step needs besides its inputs."""
    if len(row) == 1:
        step = row[0]
        if step.scope is not None:
            return [(var.dim,) for var in step.scope.sizes]
        return list(step.own_sizes.values()) if step.kind in ("function", "custom") else []
    scopes = [step.scope for step in row if step.scope is not None]
    if scopes:
        return [tuple(var.dim for var in column) for column in zip(*(scope.sizes for scope in scopes), strict=True)]
    return list(sized(row)[1].values()) if row[0].kind in ("function", "custom") else []


def sized(row: Sequence[ScopeStep]) -> tuple[Term, dict[int, Column]]:
    """The expression of an operation, with the columns of its sizes by their places among its `holes`."""
    if len(row) == 1:
        return row[0].expression, row[0].own_sizes
    terms = [step.expression for step in row]
    columns = zip(*(list(filter(is_hole, term.all())) for term in terms), strict=True)
    return terms[0], {place: _values(row, parts) for place, parts in enumerate(columns) if _is_size(parts)}


def _values(row: Sequence[ScopeStep], parts: Sequence[Term]) -> Column:
    """A size of each application; the end of a slice where they count it from different ends."""
    if parts[0].text == "end":
        return tuple(step.node.op.end for step in row)  # type: ignore[union-attr]
    return tuple(part.value for part in parts)


def _is_size(parts: Sequence[Term]) -> bool:
    return parts[0].kind != "number" or any(part.value != parts[0].value for part in parts)


def is_lenient(term: Term) -> bool:
    """Whether one unknown size may be left to torch: `x.reshape(n, -1)`."""
    free = any(part.value == -1 for part in term.parts[1:] if part.kind == "number")
    return term.kind == "method" and term.text == "reshape" and not free
