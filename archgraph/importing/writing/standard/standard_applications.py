"""How standard blocks that stand in place of calls are applied: their ports, and the arguments that one of them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.classes.templates import AppliedBlock
from archgraph.importing.writing.standard.block_trials import StandardCall
from archgraph.language.expressions.expression import is_expression
from archgraph.structure.class_parameters import MISSING, WIDE
from archgraph.structure.terms import Term, number

_WIDTHS = ("channels", "features", "planes", "hidden", "dim")
"""Ends of the names of parameters that are widths."""
_NUMBER = re.compile(r"\d+")


class StandardApplications:
    """The calls of a graph that standard blocks stand for."""

    def __init__(self, calls: Mapping[int, StandardCall], graph: Graph):
        self._calls = calls
        self._places = dict(_places(graph, ""))
        self._written: dict[tuple[str, ...], set[str]] = {}
        for key, call in calls.items():
            self._written.setdefault((call.block.name, *self._places[key]), set()).update(call.written)

    @property
    def names(self) -> frozenset[str]:
        """The blocks that are applied somewhere."""
        return frozenset(call.block.name for call in self._calls.values())

    def has(self, call: Call) -> bool:
        """Whether a standard block stands for a call."""
        return id(call) in self._calls

    def applied(self, call: Call) -> AppliedBlock:
        """The block that stands for a call. Its applications at one place of a class, and in copies, have the same
        arguments, defaults included."""
        found = self._calls[id(call)]
        written = self._written[(found.block.name, *self._places[id(call)])]
        names = [name for name in found.block.params if name in written]
        return AppliedBlock(
            name=found.block.name,
            arguments=tuple(_argument(found, name) for name in names),
            ports=found.ports,
            places=found.places,
            listed=tuple(found.block.inputs),
        )


def _places(graph: Graph, around: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Where each call stands (by id): the class around it, and its name there without numbers."""
    for item in graph.items:
        if isinstance(item, Call):
            yield id(item), (around, _NUMBER.sub("#", item.name))
            yield from _places(item.body, item.block)


def _argument(call: StandardCall, name: str) -> Term:
    kind = call.block.params[name]
    known = not kind.required and not is_expression(kind.default)
    value = call.values[name] if name in call.written or not known else kind.default
    role = f"{name}{WIDE}" if name.endswith(_WIDTHS) and type(value) is int else name
    return Term("argument", name, (number(role, value),), value=(kind.default if known else MISSING,))
