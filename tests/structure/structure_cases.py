"""Small templates made by hand: layers in a chain, each a member with numbers and a statement that applies it."""

from __future__ import annotations

from archgraph.structure.naming import Naming
from archgraph.structure.template import InstanceTemplate, Member, Statement
from archgraph.structure.terms import Term, number, variable

NAMING = Naming(str.isidentifier)


def layer(kind: str, **numbers: object) -> Term:
    """The construction of a layer with its numbers by role."""
    return Term("call", kind, tuple(number(role, value) for role, value in numbers.items()))


def chain(*layers: tuple[str, Term]) -> InstanceTemplate[Statement]:
    """Layers by name, each applied to the result of the one before."""
    members = [Member("module", name, term) for name, term in layers]
    statements = [
        Statement(Term("apply", name, (variable(value),)), (value + 1,), name, name, removable=True)
        for value, (name, _) in enumerate(layers)
    ]
    return InstanceTemplate(("Tensor",), members, list(statements), (len(layers),))


def conv(inside: int, outside: int, **others: object) -> Term:
    return layer("Conv2d", in_channels=inside, out_channels=outside, **others)
