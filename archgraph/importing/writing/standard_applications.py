"""How standard blocks that stand in place of calls are applied: their ports, and the arguments that one of them has."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.graph.types import Call
from archgraph.importing.writing.standard_blocks import StandardCall
from archgraph.importing.writing.templates import AppliedBlock
from archgraph.language.expressions.expression import is_expression
from archgraph.structure.parameters import MISSING
from archgraph.structure.terms import Term, number


class StandardApplications:
    """The calls of a graph that standard blocks stand for."""

    def __init__(self, calls: Mapping[int, StandardCall]):
        self._calls = calls
        self._written: dict[str, set[str]] = {}
        for call in calls.values():
            self._written.setdefault(call.block.name, set()).update(call.written)

    @property
    def names(self) -> frozenset[str]:
        """The blocks that are applied somewhere."""
        return frozenset(self._written)

    def has(self, call: Call) -> bool:
        """Whether a standard block stands for a call."""
        return id(call) in self._calls

    def applied(self, call: Call) -> AppliedBlock:
        """The block that stands for a call. All of its applications have the same arguments, defaults included."""
        found = self._calls[id(call)]
        written = self._written[found.block.name]
        names = [name for name in found.block.params if name in written]
        return AppliedBlock(
            name=found.block.name,
            arguments=tuple(_argument(found, name) for name in names),
            ports=found.ports,
            places=found.places,
            listed=tuple(found.block.inputs),
        )


def _argument(call: StandardCall, name: str) -> Term:
    kind = call.block.params[name]
    known = not kind.required and not is_expression(kind.default)
    value = call.values[name] if name in call.written or not known else kind.default
    return Term("argument", name, (number(name, value),), value=(kind.default if known else MISSING,))
