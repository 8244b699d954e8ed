"""Scopes settled from the innermost out: which are chains, and which sizes each forward takes as arguments.

A Sequential hands nothing on but one value. A chain in which a step needs a size from outside is a class with a forward
of its own, or, for a repetition, part of the forward around it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import count

from archgraph.codegen.analysis.chains import folded, form_of
from archgraph.codegen.analysis.names import class_name, dimension
from archgraph.codegen.analysis.scopes import Scope, ScopeStep, SizeVar, Var
from archgraph.codegen.analysis.sizes import AvailableValues, Column, beginning, is_lenient, sizes_of, turns
from archgraph.dims import Dim, Size
from archgraph.graph.types import joined
from archgraph.ops.contract import TensorType
from archgraph.records import record
from archgraph.structure.terms import Term

_UNTRIED = Term("untried")
"""Stands for the expression of a size that was sought for no other body."""


def arrange(root: Scope, applied_again: bool) -> None:
    """Gives every scope its form, the sizes that it takes, and what else its modules are applied to: where any is
    `applied_again`, as a network says of itself."""
    _Arrangement(root, applied_again).settle(root)


@record()
class _FoundSizes:
    """The expressions of the sizes that a scope needs, step by step, and which of those that do not follow it takes."""

    terms: Sequence[Sequence[Term | None]] = ()
    taken: Set[int] = frozenset()


class _Arrangement:
    def __init__(self, root: Scope, applied_again: bool):
        self._applied_again: set[int] = set()
        self._settled: set[int] = set()
        self._copies = count(1)
        self._found: dict[Hashable, _FoundSizes] = {}
        """What was found for the last scope of an outline."""
        groups: dict[int, list[Scope]] = {}
        for step in _steps(root, set()) if applied_again else ():
            if step.twin is not None and step.scope is not None:
                groups.setdefault(id(step.twin), [step.twin]).append(step.scope)
        for group in groups.values():
            self._applied_again.add(id(group[0]))
            _relate(group)

    def settle(self, scope: Scope) -> None:
        """Settles what stands inside, then the scope together with its other applications."""
        if id(scope) in self._settled:
            return
        members = (scope, *scope.siblings)
        self._settled.update(map(id, members))
        for member in members:
            for step in member.steps:
                for below in (step.twin, step.scope):
                    if below is not None:
                        self.settle(below)
        if len(members) > 1:
            for row in _rows(members):
                for step in row:
                    step.row = row
        for member in members:
            if any(map(self._is_opened, member.steps)):
                member.steps = [step for found in member.steps for step in self._opened(found)]
        self._form(members)
        self._take_sizes(scope)

    def _is_opened(self, step: ScopeStep) -> bool:
        """Whether a step is a repetition that cannot be a Sequential, and is not applied again."""
        below = step.scope
        if below is None or below.form != "class" or below.call is None or below.call.kind != "repeat":
            return False
        return step.twin is None and id(below) not in self._applied_again

    def _opened(self, step: ScopeStep) -> list[ScopeStep]:
        """A step, or those of such a repetition, which stand in the forward around it."""
        if step.scope is None or not self._is_opened(step):
            return [step]
        return _spliced(step, step.scope, -next(self._copies))

    def _form(self, members: Sequence[Scope]) -> None:
        for member in members:
            member.steps = folded(member)
            member.form = form_of(member)
        for row in _rows(members):
            if row[0].scope is None:
                continue
            below = [step.scope for step in row if step.scope is not None]
            if below[0].form == "chain" and id(below[0]) not in self._settled:  # folded just now
                self._settled.update(map(id, below))
                _relate(below)
                _wrap(below)
        if members[0].form != "class":
            _wrap(members)

    def _take_sizes(self, scope: Scope) -> None:
        """The sizes that a scope takes: those that its operations and the modules inside need and that it cannot know.

        Scopes of one family mostly differ in numbers alone: what was found for one is tried first for the next, and
        what did not follow there is not sought again."""
        if scope.form != "class" or scope.root:
            return
        rows = list(turns(scope))
        wanted = list(map(sizes_of, rows))
        if not any(wanted):
            return
        outline = (scope.family, len(scope.siblings), tuple(map(len, wanted)))
        before = self._found.get(outline) or _FoundSizes()
        found: list[list[Term | None]] = []
        missing: dict[Column, None] = {}
        known = beginning(scope)
        for place, (row, columns) in enumerate(zip(rows, wanted, strict=True)):
            terms: list[Term | None] = []
            if columns:
                tried = before.terms[place] if before.terms else [_UNTRIED] * len(columns)
                terms = [_expressed(known, column, term) for column, term in zip(columns, tried, strict=True)]
                if None in terms:
                    missing.update(dict.fromkeys(_missing(row, columns, terms)))
            found.append(terms)
            known.add_outputs(row)
        chosen = _fewest(list(missing), before.taken)
        self._found[outline] = _FoundSizes(found, frozenset(chosen))
        columns = list(chosen.values())
        for place, member in enumerate((scope, *scope.siblings)):
            member.sizes = [_argument(member, column[place]) for column in columns]


def _expressed(known: AvailableValues, column: Column, tried: Term | None) -> Term | None:
    """An expression for a size: the one that was right elsewhere, if it is right here too."""
    if tried is None:
        return None
    return tried if tried is not _UNTRIED and known.is_right(tried, column) else known.expressed(column)


def _steps(scope: Scope, seen: set[int]) -> Iterator[ScopeStep]:
    """All steps at every depth; those of a scope that stands in several places once."""
    seen.add(id(scope))
    for step in scope.steps:
        yield step
        if step.scope is not None and id(step.scope) not in seen:
            yield from _steps(step.scope, seen)


def _rows(members: Sequence[Scope]) -> Iterator[tuple[ScopeStep, ...]]:
    return zip(*(member.steps for member in members), strict=True)


def _relate(group: Sequence[Scope]) -> None:
    """Notes for the applications of one module, and for all modules inside, what the others are."""
    if len(group) < 2:
        return
    for scope in group:
        known = dict.fromkeys((*group, *(far for member in group for far in member.siblings)))
        scope.siblings = tuple(other for other in known if other is not scope)
    for row in _rows(group):
        below = [step.scope for step in row if step.scope is not None]
        if below:
            _relate(below)


def _spliced(step: ScopeStep, below: Scope, repetition: int) -> list[ScopeStep]:
    """The steps of a scope as steps of the one around it."""
    outside = dict(zip(map(id, below.inputs), step.inputs.values(), strict=True))
    outside |= dict(zip(map(id, below.outputs), step.outputs, strict=True))

    def seen(var: Var) -> Var:
        return outside.get(id(var), var)

    return [
        replace(
            inner,
            path=joined(step.path, inner.path),
            full=joined(step.full, inner.full),
            shared=joined(step.path, inner.shared) if inner.shared else "",
            inputs={port: seen(var) for port, var in inner.inputs.items()},
            outputs=tuple(map(seen, inner.outputs)),
            copies=(*step.copies, (repetition, index), *inner.copies),
            mode=step.mode or inner.mode,
        )
        for index, inner in enumerate(below.steps)
    ]


def _wrap(members: Sequence[Scope]) -> None:
    """An operation in a chain that torch has no module for gets a class with a forward of one line."""
    for row in _rows(members):
        if row[0].kind != "function" or _has_module(row):
            continue
        for step in row:
            step.scope, step.kind = _wrapper(step), "scope"
        _relate([step.scope for step in row if step.scope is not None])


def _has_module(row: Sequence[ScopeStep]) -> bool:
    made = [step.construction for step in row if step.node is not None]
    return made[0] is not None and all(term == made[0] for term in made)


def _wrapper(step: ScopeStep) -> Scope:
    assert step.node is not None
    ins = {port: Var(var.type, "x") for port, var in step.inputs.items()}
    outs = tuple(Var(var.type, var.name) for var in step.outputs)
    name = step.node.op.name
    inner = ScopeStep(name, step.full, ins, outs, "function", node=step.node)
    return Scope("", ("operation", name), class_name(name), list(ins.values()), list(outs), [inner])


# -- sizes -------------------------------------------------------------------------------------------------------------


def _missing(row: Sequence[ScopeStep], columns: Sequence[Column], found: Sequence[Term | None]) -> list[Column]:
    missing = [column for column, term in zip(columns, found, strict=True) if term is None]
    if len(missing) == 1 and row[0].scope is None and is_lenient(row[0].expression):
        return []
    return missing


def _fewest(columns: list[Column], taken: Set[int]) -> dict[int, Column]:
    """The simplest first, without those that follow from them, by their places; those in `taken` follow from none."""
    known, chosen = AvailableValues(len(columns[0]) if columns else 1), {}
    for place, column in sorted(enumerate(columns), key=lambda one: (one[1][0] is None, len(str(one[1][0])))):
        if place in taken or known.expressed(column) is None:
            chosen[place] = column
            known.add([[_size("size", dim)] for dim in column])
    return chosen


def _size(name: str, dim: Dim | None) -> SizeVar:
    return SizeVar(TensorType((), "int64"), name, dim)


def _argument(scope: Scope, dim: Dim | None) -> SizeVar:
    """The size under the name that the block has for it, or the usual name of its symbol."""
    if dim is None:
        return _size("device", None)
    call = scope.call
    if call is not None:
        for name, value in {**call.symbols, **call.arguments}.items():
            if type(value) is type(dim) and value == dim:
                return _size(dimension(name, 0) if name in call.symbols else name, dim)
    symbols = sorted(dim.symbols) if isinstance(dim, Size) else []
    return _size(dimension(symbols[0], 0) if len(symbols) == 1 else "size", dim)
