"""Instances of one class of modules that apply another block in the same places, as a stage whose layers are plain or
separable convolutions: one class, whose argument says which block that is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.graph.types import Call
from archgraph.importing.writing.classes.chosen_blocks import chosen_call
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.modules.copy_pattern import NUMBER
from archgraph.structure.terms import Term

_LEAST_COMMON = 3
"""So many steps besides those that apply the blocks are common to all."""
Default = tuple[str, str]
"""A block and one of its parameters."""


@dataclass(slots=True)
class ChosenParts:
    """The choices of a spec. `standard` blocks are as they are and are chosen nowhere here. `defaults` are those that
    arguments must have which some of the blocks to choose among lack; `wished` those that would be needed besides."""

    standard: frozenset[str]
    defaults: Mapping[Default, Any] = field(default_factory=dict)
    wished: dict[Default, Any] = field(default_factory=dict)

    def reader(
        self, family: Sequence[Call], read: Callable[[Call], BodyTemplate]
    ) -> Callable[[Call], BodyTemplate] | None:
        """Reads the calls of a family with the block as an argument; None where they are no such instances."""
        rows = [_calls(read(call)) for call in family]
        places = _places(rows)
        chosen = [[one for place in places for one in row.get(place, [])] for row in rows]
        if not places or not all(map(_is_common, chosen, rows)):
            return None
        calls = [one for row in chosen for one in row]
        names = {one.term.text for one in calls}
        plain = {_ports(one) for one in calls}
        if len(names) < 2 or names & self.standard or len(plain) != 1 or not all(map(_has_numbers, calls)):
            return None
        spare = self._spare(calls)
        if spare is None:
            return None
        ids = {id(one.made) for one in calls}

        def with_choice(call: Call) -> BodyTemplate:
            template = read(call)
            template.statements = [
                chosen_call(one, spare) if id(one.made) in ids and one.term.kind == "call" else one
                for one in template.entries()
            ]
            return template

        return with_choice

    def _spare(self, calls: Sequence[WrittenStatement]) -> set[str] | None:
        """The arguments that some of the blocks lack and the others have by default; None where one is told."""
        rows: dict[str, list[Mapping[str, Term]]] = {}
        for one in calls:
            rows.setdefault(one.term.text, []).append({part.text: part for part in _arguments(one)})
        common = set.intersection(*({*row} for row_of in rows.values() for row in row_of))
        needed: dict[Default, Any] = {}
        for block, given in rows.items():
            for name in given[0].keys() - common:
                values = [row[name].parts[0].value for row in given]
                if any(type(one) is not type(values[0]) or one != values[0] for one in values) or values[0] is None:
                    return None
                if given[0][name].value != (values[0],):
                    needed[block, name] = values[0]
        if not needed:
            return {name for given in rows.values() for name in given[0].keys() - common}
        if not needed.keys() & self.defaults.keys():
            self.wished.update(needed)
        return None


def _calls(template: BodyTemplate) -> Mapping[str, list[WrittenStatement]]:
    """The calls of a template by their places, where modules of one list have one."""
    found: dict[str, list[WrittenStatement]] = {}
    for one in template.entries():
        found.setdefault(NUMBER.sub("#", one.name), []).append(one)
    return found


def _places(rows: Sequence[Mapping[str, list[WrittenStatement]]]) -> list[str]:
    """The places in which instances apply different blocks."""
    shared = [place for place in rows[0] if all(place in row for row in rows)]
    found = []
    for place in shared:
        blocks = {one.term.text if one.term.kind == "call" else "" for row in rows for one in row[place]}
        if len(blocks) > 1 and "" not in blocks:
            found.append(place)
    return found


def _is_common(chosen: Sequence[WrittenStatement], row: Mapping[str, list[WrittenStatement]]) -> bool:
    """Whether an instance applies one block in all of these places, and has enough besides."""
    steps = sum(map(len, row.values()))
    one = len({statement.term.text for statement in chosen}) == 1
    return one and steps - len(chosen) >= max(_LEAST_COMMON, len(chosen))


def _ports(one: WrittenStatement) -> tuple[int, int]:
    return len(one.ports), len(one.outs)


def _arguments(one: WrittenStatement) -> Iterator[Term]:
    return (part for part in one.term.parts if part.kind != "variable")


def _has_numbers(one: WrittenStatement) -> bool:
    """Whether a call can be made by a block that is an argument."""
    parts = list(_arguments(one))
    numbers = all(part.kind == "argument" and part.parts[0].kind == "number" for part in parts)
    told = any(part.text == "op" for part in parts)
    return numbers and not told and bool(one.path) and not one.ties and not one.training


def with_defaults(name: str, parameters: Collection[Any], defaults: Mapping[Default, Any]) -> None:
    """Gives parameters of a block the defaults that choices need."""
    for parameter in parameters:
        if (name, parameter.name) in defaults:
            parameter.default = defaults[name, parameter.name]
