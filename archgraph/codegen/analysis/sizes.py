"""Sizes that are needed in a forward: which an operation needs, and how those of a scope follow from its values.

A module may be applied several times, to inputs of different sizes. What it computes must be right each time, so sizes
are columns here: one for each application.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, SizeVar, Var, is_hole
from archgraph.codegen.analysis.size_expressions import ReadableSize, Sources, evaluated, express
from archgraph.codegen.analysis.terms import local
from archgraph.dims import Dim, Size
from archgraph.records import record
from archgraph.structure.terms import Term, number

Column = tuple[Dim | None, ...]
"""A size in each application of a module; None stands for the device."""


class AvailableValues:
    """The values from which a forward can compute sizes, by their numbers: those of each application of the class."""

    def __init__(self, applications: int = 1) -> None:
        self.values: list[list[Var]] = [[] for _ in range(applications)]
        self._known = _nothing()
        self._read = 0
        """So many rows were read into what is known: most bodies never ask for a size."""

    def add(self, values: Iterable[Iterable[Var]]) -> None:
        """More values: those of each application."""
        for known, more in zip(self.values, values, strict=True):
            known += more

    def add_outputs(self, row: Sequence[ScopeStep]) -> None:
        """The values that a step makes, given what it is in each application."""
        if len(row) == 1:  # for speed
            self.values[0] += row[0].outputs
            return
        for known, step in zip(self.values, row, strict=True):
            known += step.outputs

    def expressed(self, column: Column) -> Term | None:
        """An expression that is right in each application; None where these values do not determine the size."""
        first = column[0]
        if first is None:
            return self._device()
        if len(column) == 1:
            return self._read_once().expressed(first) if isinstance(first, Size) else number("size", first)
        alike = all(size == first for size in column)
        if alike and isinstance(first, int):
            return number("size", first)
        return express(first, Sources(self._sources(alike)), lambda term: self.is_right(term, column))

    def _read_once(self) -> _KnownSizes:
        """What can be read in the one application that there is."""
        (values,) = self.values
        for value in range(self._read, len(values)):
            for axis, dim in _sizes(values[value]):
                if type(dim) is Size and self._known.times.get(dim, 0) < 2:
                    self._known = _extended(self._known, dim, value, axis)
        self._read = len(values)
        return self._known

    def _sources(self, alike: bool) -> Iterator[ReadableSize]:
        """All sizes; numbers only where a size is a number in one application and depends on the input in another."""
        for value, var in enumerate(self.values[0]):
            for axis, dim in _sizes(var):
                if isinstance(dim, Size) or (dim is not None and (axis is None or not alike)):
                    yield ReadableSize(dim, value, axis)

    def is_right(self, term: Term, column: Column) -> bool:
        """Whether an expression comes to the size in each application."""
        if column[0] is None:
            return term == self._device()
        if len(column) == 1 and term.kind in ("shape", "variable"):
            return self._value(term, 0) == column[0]
        for application, size in enumerate(column):
            if evaluated(term, lambda part: self._value(part, application)) != size:  # noqa: B023
                return False
        return True

    def _value(self, part: Term, application: int) -> Dim | None:
        """What a variable or a shape is; None for one that is not there."""
        value, axis = (part.value, None) if part.kind == "variable" else part.value
        values = self.values[application]
        var = values[value] if value < len(values) else None
        if var is None or isinstance(var, SizeVar):
            return var.dim if var is not None and axis is None else None
        return var.type.shape[axis] if axis is not None and axis < len(var.type.shape) else None

    def _device(self) -> Term | None:
        """The device of the inputs, which is that of all intermediate values."""
        known = any(not isinstance(var, SizeVar) or var.dim is None for var in self.values[0])
        return local("device") if known else None


def _sizes(var: Var) -> Iterable[tuple[int | None, Dim | None]]:
    """What can be read of a value: the sizes of its dimensions, or the one size that it is."""
    return ((None, var.dim),) if isinstance(var, SizeVar) else enumerate(var.type.shape)


@record(eq=False)
class _KnownSizes:
    """Sizes that can be read, the earliest first, and what was found to follow from them. Bodies that are alike read
    the same sizes and ask for the same ones.

    Of equal sizes the first two are enough: an expression is made of the earliest, but for a square, which is made of
    both. `times` says how many of each there are.
    """

    sources: Sources
    times: Mapping[Size, int]
    found: dict[Size, Term | None]

    def expressed(self, size: Size) -> Term | None:
        """A size as an expression; None where these do not determine it."""
        try:
            return self.found[size]
        except KeyError:
            term = self.found[size] = express(size, self.sources)
            return term


@lru_cache(1)
def _nothing() -> _KnownSizes:
    return _KnownSizes(Sources(()), {}, {})


@lru_cache(1 << 12)
def _extended(known: _KnownSizes, dim: Size, value: int, axis: int | None) -> _KnownSizes:
    """One size more."""
    times = {**known.times, dim: known.times.get(dim, 0) + 1}
    return _KnownSizes(Sources((*known.sources.all, ReadableSize(dim, value, axis))), times, {})


def beginning(scope: Scope) -> AvailableValues:
    """What a forward has at hand at its beginning."""
    known = AvailableValues(1 + len(scope.siblings))
    known.add([member.arguments for member in (scope, *scope.siblings)])
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
    known = AvailableValues(len(row))
    known.add([each.inputs.values() for each in row])
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
