"""Columns of numbers: one number of a class, over all of its instances. What varies becomes a parameter.

What is the same everywhere is a constant. A column that equals, or is a small multiple of, an argument of the instances
takes its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.structure.class_parameters import COUNT, MISSING, WIDE, Candidates, ClassParameter, KnownNumbers, is_wide
from archgraph.structure.columns import all_equal, fits
from archgraph.structure.derived_numbers import EVIDENCE, follows, line, multiple, product
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.naming import Naming, free
from archgraph.structure.number_kinds import AXES, PLACES, may_stand_for
from archgraph.structure.unification import ABSENT

_UNIT_DEFAULTS = frozenset({"stride", "strides", "dilation", "groups"})
_MADE, _INNER = "out_", "mid_"
"""What the names of the width that a class makes, and of one of the layers before, begin with."""
_FEW = 8
"""Depthwise convolutions have as many groups as channels; fewer are a number of their own."""
_INSTEAD = {"repeat": "depth"}
"""What a number is called whose role is no name for a parameter, as every node has it."""


class ParameterInference:
    """Resolves the columns of one class, one after the other, in the order of the text."""

    def __init__(self, instances: Sequence[Candidates], naming: Naming):
        self._known = KnownNumbers(instances, naming)
        self._naming = naming

    @property
    def parameters(self) -> list[ClassParameter]:
        """The parameters so far, in the order in which they were needed."""
        return self._known.parameters

    def resolve(self, role: str, place: str, values: Sequence[Any]) -> Expression:
        """The expression for a number of the class. `place` is the part that has it."""
        if values[0] is not ABSENT and all_equal(values):
            return ConstantNumber(values[0])
        wide = is_wide(role)
        role = role.removesuffix(WIDE)
        present = [value for value in values if value is not ABSENT]
        constant = all_equal(present)
        if constant and (role in PLACES or len(present) == len(values) or type(present[0]) is not int):
            return ConstantNumber(present[0])
        known = self._read(role, wide, values)
        if known is None and not constant:
            known = self._derived(role, wide, present, values)
        if known is not None:
            return known
        return ConstantNumber(present[0]) if constant else ParameterName(self._new(role, wide, place, values).name)

    def _derived(self, role: str, wide: bool, present: Sequence[Any], values: Sequence[Any]) -> Expression | None:
        """An expression in what is known; depthwise convolutions have as many groups as channels."""
        if role == "groups" and (_are_many(present) or (self._known.sizes and len(set(present)) >= EVIDENCE)):
            wide = True
            known = self._read(role, wide, values)
            if known is not None:
                return known
        if wide:
            return (
                self._sum(values)
                or multiple(self._known, role, values)
                or product(self._known, values)
                or line(self._known, values)
            )
        return multiple(self._known, role, values) if role == "padding" else None

    def flag(self, name: str, values: list[bool]) -> str:
        """The parameter that says whether a part is there."""
        for parameter in self.parameters:
            if parameter.role == "flag" and fits(values, parameter.values):
                return parameter.name
        told = [argument for argument in self._known.arguments if fits(values, argument.values)]
        if told:
            best = min(told, key=lambda one: (one.name != name, one not in self.parameters))
            return self._known.use(best, False).name
        word = name if self._naming.usable(name) else f"use_{name}"
        return self._known.add(ClassParameter(free(word, self._known.taken), "flag", list(values))).name

    def finished(self) -> list[ClassParameter]:
        """The parameters in the order of the signature: widths first, those with a default last."""
        for parameter in self.parameters:
            parameter.default = _default(parameter)
        first = {"in_channels": 0}
        arguments = [argument.name for argument in self._known.arguments]

        def rank(parameter: ClassParameter) -> tuple[bool, int, int]:
            known = arguments.index(parameter.name) if parameter.name in arguments else len(arguments)
            return parameter.default is not MISSING, first.get(parameter.name, 1), known

        return sorted(self.parameters, key=rank)

    def _read(self, role: str, wide: bool, values: Sequence[Any]) -> Expression | None:
        """A parameter or an argument that the column equals."""
        by_accident = self._may_be_accident(role, values)
        for parameter in self.parameters:
            plain = not by_accident and may_stand_for(parameter.name, role)
            named = parameter.role == "argument" and (plain or parameter.name in self._known.sizes)
            comparable = role == parameter.role or (wide and parameter.wide and not by_accident) or named
            if comparable and fits(values, parameter.values):
                parameter.wide |= wide
                return ParameterName(parameter.name)
        arguments = [
            one
            for one in self._known.arguments
            if one.name in self._known.sizes or (not by_accident and may_stand_for(one.name, role))
        ]
        argument = next((one for one in arguments if fits(values, one.values)), None)
        if argument is None:
            return None
        known = argument in self.parameters or argument.name in self._known.sizes
        found = follows(self._known, wide, values) if self._known.sizes and not known else None
        return found or ParameterName(self._known.use(argument, wide).name)

    def _may_be_accident(self, role: str, values: Sequence[Any]) -> bool:
        """Whether a place or a size of a shape, which few instances have, says nothing by being equal to an argument
        that is no size of what they read."""
        return bool(self._known.sizes) and role in PLACES | AXES and any(value is ABSENT for value in values)

    def _sum(self, values: Sequence[Any]) -> Expression | None:
        """The channels of two inputs together, as a concatenation has them."""
        names = list(self._known.channels)
        for i, left in enumerate(names):
            for right in names[i + 1 :]:
                columns = self._known.channels[left], self._known.channels[right]
                totals = [a + b if a and b else ABSENT for a, b in zip(*columns, strict=True)]
                if len(set(values)) > 1 and fits(values, totals):
                    first, second = (self.resolve("in_channels", "", column) for column in columns)
                    return (
                        Arithmetic("*", first, ConstantNumber(2)) if first == second else Arithmetic("+", first, second)
                    )
        return None

    def _new(self, role: str, wide: bool, place: str, values: Sequence[Any]) -> ClassParameter:
        word = self._authors(role, values)
        if word:
            return self._known.add(ClassParameter(word, role, list(values), wide=wide))
        name = role
        if wide:
            fitting = [key for key, column in self._known.channels.items() if fits(values, column)]
            name = fitting[0] if fitting else self._width(place) if is_wide(role) else role
        if not self._naming.usable(name):
            name = role if self._naming.usable(role) else _INSTEAD.get(role, f"{role}s")
        needed_later = {argument.name for argument in self._known.arguments}
        taken = self._known.taken | needed_later
        if name in taken and self._naming.usable(f"{place}_{role}"):
            name = f"{place}_{role}"
        return self._known.add(ClassParameter(free(name, taken), role, list(values), wide=wide))

    def _authors(self, role: str, values: Sequence[Any]) -> str:
        """What the author calls a number that is no argument as it is: one of a class inside, or of an instance that
        lacks the part which reads it."""
        own = [one for one in self._known.arguments if one not in self.parameters and one.name not in self._known.sizes]
        lacking = ABSENT in values
        if len({value for value in values if value is not ABSENT}) < (EVIDENCE if lacking else EVIDENCE - 1):
            return ""
        names = {*self._known.taken, *(other.name for other in self._known.arguments)}
        tried: list[ClassParameter] = [*(own if lacking and role in AXES else []), *self._known.inner]
        for one in tried:
            free_name = one in own or one.name not in names
            if free_name and may_stand_for(one.name, role) and fits(values, one.values):
                self._known.arguments = [other for other in self._known.arguments if other is not one]
                return one.name
        return ""

    def _width(self, place: str) -> str:
        """The name of a width that no argument is: `mid_chs` where the author calls the one that is made `out_chs`."""
        made = [one.name for one in self._known.arguments if one.name.startswith(_MADE)] if self._naming.authors else []
        inner = f"{_INNER}{made[0].removeprefix(_MADE)}" if len(made) == 1 else ""
        return inner if inner and inner not in self._known.taken else f"{place}_channels"


def _are_many(values: Sequence[Any]) -> bool:
    return all(type(value) is int and value > _FEW for value in values)


def _default(parameter: ClassParameter) -> Any:
    values = parameter.values
    if any(value is ABSENT or value is None for value in values):
        return 0 if parameter.role == COUNT else None
    if all(type(value) is bool for value in values):
        return False
    unit = parameter.role in _UNIT_DEFAULTS or (parameter.role == "argument" and parameter.name in _UNIT_DEFAULTS)
    return 1 if unit and 1 in values else MISSING
