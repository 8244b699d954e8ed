"""The numbers of a class put back into its text as literals, parameters or sizes of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from torch import nn

from archgraph.codegen.analysis.body import AppliedStep, Body
from archgraph.codegen.analysis.terms import infix, literal, text
from archgraph.codegen.classes.class_plan import ClassPlan
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression
from archgraph.structure.naming import free
from archgraph.structure.template import Loop, Member
from archgraph.structure.terms import Term, shape
from archgraph.structure.unification import Column, UnifiedClass

MODULE_NAMES = frozenset(dir(nn.Module()))
"""What a module has already, so that no parameter is kept under such a name."""


def input_size(group: UnifiedClass[Body], column: Column) -> Term | None:
    """A size of a reshape that is a value's own is taken from it: `x.reshape(n, channels, height, width)`."""
    statement = column.statement
    if statement is None or column.axis < 2 or statement.term.kind != "method" or statement.term.text != "reshape":
        return None
    sizes = statement.term.parts[1:]
    origins = {part.value[0] for part in sizes if part.kind == "shape"}
    if len(origins) != 1 or group.lacking:
        return None
    value, axis = origins.pop(), column.axis - 1
    shapes = [body.vars[value].type.shape for body in group.templates]
    pairs = zip(shapes, column.values, strict=True)
    return shape(value, axis) if all(len(own) == len(sizes) and own[axis] == size for own, size in pairs) else None


def written(expression: Expression, parameter: Callable[[str], str]) -> Term:
    """An expression as code; `parameter` gives the text for a parameter's name."""
    if isinstance(expression, ConstantNumber):
        if isinstance(expression.value, tuple):  # what is long is broken into lines
            return Term("number", value=expression.value)
        return text(literal(expression.value))
    if isinstance(expression, Arithmetic):
        return infix(expression.operator, written(expression.left, parameter), written(expression.right, parameter))
    return text(parameter(expression.name))


def fill(made: ClassPlan, resolved: Sequence[Expression | Term]) -> None:
    """Puts the resolved numbers into the members and statements; parameters of a forward are kept on the module."""
    values = iter(resolved)
    body = made.body
    made.members = [Member(member.kind, member.name, _filled(member.term, values, str)) for member in body.members]

    def attribute(name: str) -> str:
        if name not in made.stored:
            made.stored[name] = free(name, {member.name for member in made.members} | MODULE_NAMES)
        return f"self.{made.stored[name]}"

    def filled(statement: AppliedStep) -> AppliedStep:
        if not statement.term.numbers():
            return statement
        return statement.with_term(_filled(statement.term, values, attribute))

    for statement in body.statements:
        if isinstance(statement, Loop):
            made.statements.append(replace(statement, entries=tuple(map(filled, statement.entries))))
        else:
            made.statements.append(filled(statement))


def _filled(term: Term, values: Iterator[Expression | Term], parameter: Callable[[str], str]) -> Term:
    """A term with the next of the values in the place of each number."""

    def choose(part: Term) -> Term | None:
        if part.kind != "number":
            return None
        value = next(values)
        return value if isinstance(value, Term) else written(value, parameter)

    return term.replaced(choose)
