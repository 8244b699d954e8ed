"""Operations with weights as if they were blocks with arguments, so that copies of them are found as those of blocks
are."""

from __future__ import annotations

from dataclasses import replace

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.numbers.values import one_for_all
from archgraph.structure.terms import Term


def as_call(statement: WrittenStatement) -> WrittenStatement:
    """An operation that owns its weights as the call of a block; all else as it is."""
    node, term = statement.made, statement.term
    if not isinstance(node, Node) or term.kind != "operation" or not statement.path or statement.training:
        return statement
    lent = node.hidden or node.shares is not None or statement.ties
    if lent or any(not weight.name for weight in node.weights) or any("." in port for port in statement.ports):
        return statement
    parts = tuple(part if part.kind == "variable" else with_default(part, node) for part in term.parts)
    return replace(statement, term=Term("call", node.op.name, parts, value=term.value))


def with_default(attribute: Term, node: Node) -> Term:
    """An attribute of an operation as an argument with its default, if it has one."""
    known = type(node.op).model_fields.get(attribute.text)
    default = None if known is None or known.is_required() else (one_for_all(known.default),)
    return attribute._replace(kind="argument", value=default)
