"""Sizes that are needed in a forward: which an operation needs, and how those of a scope follow from its values.

A module may be applied several times, to inputs of different sizes. What it computes must be right each time, so sizes
are columns here: one for each application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, SizeVar, Var, is_hole
from archgraph.codegen.analysis.size_expressions import ReadableSize, Sources, evaluated, express
from archgraph.codegen.analysis.terms import local
from archgraph.dims import Dim, Size
from archgraph.structure.terms import Term, number

Column = tuple[Dim | None, ...]
"""A size in each application of a module; None stands for the device."""


_Seen = tuple[Dim | None, ...]
"""What can be read of a value in one application: the sizes of its dimensions, or, with None before it, the one size
that it is."""


class AvailableValues:
    """The values from which a forward can compute sizes, one column per application of the class.

    Bodies that are alike have the same values one after the other and ask for the same sizes, so what follows from
    which values is found once.
    """

    def __init__(self) -> None:
        self._known = _nothing()
        self._added: list[Sequence[Var]] = []
        """What was added since a size was asked for: most bodies never ask."""

    def add(self, row: Sequence[Var]) -> None:
        """One more value: what it is in each application."""
        self._added.append(row)

    def expressed(self, column: Column) -> Term | None:
        """An expression that is right in each application; None where these values do not determine the size."""
        for row in self._added:
            self._known = _followed(self._known, tuple([_seen(var) for var in row]))
        self._added.clear()
        return self._known.expressed(column)


class _Known:
    """The values of a forward up to a point, and what was asked there."""

    __slots__ = ("_answers", "_before", "_has_device", "_last", "_sources")

    def __init__(self, before: _Known | None = None, last: tuple[_Seen, ...] = ()) -> None:
        self._before, self._last = before, last
        own = last and (last[0] == _DEVICE or not _is_argument(last[0]))
        self._has_device = bool(own or (before is not None and before._has_device))
        self._answers: dict[Column, Term | None] = {}
        self._sources: dict[bool, Sources] = {}

    def expressed(self, column: Column) -> Term | None:
        """As `AvailableValues.expressed`."""
        if column[0] is None:
            return local("device") if self._has_device else None
        try:
            return self._answers[column]
        except KeyError:
            found = self._answers[column] = self._found(column)
            return found

    def _found(self, column: Column) -> Term | None:
        others = range(1, len(column))
        alike = all(size == column[0] for size in column)
        if alike and isinstance(column[0], int):
            return number("size", column[0])
        rows = self._rows()

        def agrees(term: Term) -> bool:
            return all(evaluated(term, lambda part: _read(rows, part, k)) == column[k] for k in others)  # noqa: B023

        assert column[0] is not None
        return express(column[0], self._readable(rows, alike), agrees if len(column) > 1 else None)

    def _readable(self, rows: Sequence[tuple[_Seen, ...]], alike: bool) -> Sources:
        if alike not in self._sources:
            self._sources[alike] = Sources(_sources(rows, alike))
        return self._sources[alike]

    def _rows(self) -> list[tuple[_Seen, ...]]:
        rows, at = [], self
        while at._before is not None:
            rows.append(at._last)
            at = at._before
        rows.reverse()
        return rows


_DEVICE = (None, None)


def _is_argument(seen: _Seen) -> bool:
    return seen[:1] == (None,)


def _seen(var: Var) -> _Seen:
    return (None, var.dim) if isinstance(var, SizeVar) else var.type.shape


@lru_cache(1)
def _nothing() -> _Known:
    return _Known()


@lru_cache(1 << 13)
def _followed(before: _Known, row: tuple[_Seen, ...]) -> _Known:
    """The values up to a point and one more."""
    return _Known(before, row)


def _sources(rows: Sequence[tuple[_Seen, ...]], alike: bool) -> Iterator[ReadableSize]:
    """All sizes; numbers only where a size is a number in one application and depends on the input in another."""
    for value, (seen, *_) in enumerate(rows):
        if _is_argument(seen):
            if seen[1] is not None:
                yield ReadableSize(seen[1], value)
            continue
        for axis, dim in enumerate(seen):
            if isinstance(dim, Size) or (dim is not None and not alike):
                yield ReadableSize(dim, value, axis)


def _read(rows: Sequence[tuple[_Seen, ...]], part: Term, application: int) -> Dim | None:
    """A variable or a dimension of one in an application; None where it is something else there."""
    value, axis = (part.value, None) if part.kind == "variable" else part.value
    seen = rows[value][application]
    if _is_argument(seen) != (axis is None):
        return None
    return seen[1] if axis is None else seen[axis] if axis < len(seen) else None


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


def is_handed(step: ScopeStep) -> bool:
    """Whether a step needs sizes that do not follow from what it reads itself, so that it cannot stand in a
    Sequential."""
    if step.scope is not None:
        return bool(step.scope.sizes)
    row = step.row or (step,)
    columns = sizes_of(row)
    if not columns:
        return False
    known = AvailableValues()
    for values in zip(*(each.inputs.values() for each in row), strict=True):
        known.add(values)
    return any(known.expressed(column) is None for column in columns)


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
