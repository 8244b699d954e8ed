"""The numbers of a class, compared over its instances and put back as literals, parameters or sizes of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from archgraph.codegen.analysis.names import free, is_identifier
from archgraph.codegen.analysis.terms import Term, text
from archgraph.codegen.classes.class_plan import ClassPlan
from archgraph.structure.template import Entry, Loop
from archgraph.structure.unification import Merged

MODULE_NAMES = frozenset(dir(nn.Module()))
"""What a module has already, so that no parameter is kept under such a name."""


@dataclass(frozen=True, slots=True)
class At:
    """Where a number stands: the module or function that has it, and the entry and position for those of a forward."""

    place: str
    entry: Entry | None = None
    axis: int = -1


def columns_of(group: Merged) -> Iterator[tuple[At, Term, list[Any]]]:
    """Each number of the class: where it stands, its term, and its value in each instance."""
    rows = [group.row(body) for body in group.bodies]
    index = 0
    for member in group.body.members:
        for term in member.term.numbers():
            yield At(member.name or "item"), term, [row[index] for row in rows]
            index += 1
    for entry in group.body.entries():
        for axis, part in enumerate(entry.term.parts):
            for term in part.numbers():
                at = At(entry.step.path.rpartition(".")[2], entry, axis if part is term else -1)
                yield at, term, [row[index] for row in rows]
                index += 1


def like_input(group: Merged, at: At, values: Sequence[Any]) -> Term | None:
    """A size of a reshape that is a value's own is taken from it: `x.reshape(n, channels, height, width)`."""
    if at.entry is None or at.axis < 2 or at.entry.term.kind != "method" or at.entry.term.text != "reshape":
        return None
    sizes = at.entry.term.parts[1:]
    origins = {part.value[0] for part in sizes if part.kind == "shape"}
    if len(origins) != 1 or group.lacking:
        return None
    value, axis = origins.pop(), at.axis - 1
    shapes = [body.vars[value].type.shape for body in group.bodies]
    own = all(len(shape) == len(sizes) and shape[axis] == size for shape, size in zip(shapes, values, strict=True))
    return Term("shape", value=(value, axis)) if own else None


def fill(made: ClassPlan, resolved: Sequence[Term]) -> None:
    """Puts the resolved numbers into the members and statements; parameters of a forward are kept on the module."""
    values = iter(resolved)
    made.members = [replace(member, term=_exchanged(member.term, values)) for member in made.body.members]
    for statement in made.body.statements:
        if isinstance(statement, Loop):
            entries = tuple(_forwarded(entry, values, made) for entry in statement.entries)
            made.statements.append(replace(statement, entries=entries))
        else:
            made.statements.append(_forwarded(statement, values, made))


def _exchanged(term: Term, values: Iterator[Term]) -> Term:
    return term.replaced(lambda part: next(values) if part.kind == "number" else None)


def _forwarded(entry: Entry, values: Iterator[Term], made: ClassPlan) -> Entry:
    def kept(part: Term) -> Term | None:
        if part.kind == "text" and part.text.startswith("?"):
            name = part.text[1:]
            members = {member.name for member in made.members}
            made.stored.setdefault(name, free(name, members | MODULE_NAMES))
            return text(f"self.{made.stored[name]}")
        return None

    def choose(part: Term) -> Term | None:
        if part.kind != "number":
            return None
        return next(values).replaced(
            lambda inner: text(f"?{inner.text}") if inner.kind == "text" and is_identifier(inner.text) else None
        )

    return replace(entry, term=entry.term.replaced(choose).replaced(kept))
