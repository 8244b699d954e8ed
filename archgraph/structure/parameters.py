"""Columns of numbers: one number of a class, over all of its instances. What varies becomes a parameter.

What is the same everywhere is a constant. A column that equals, or is a small multiple of, an argument of the instances
takes its name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph.records import record
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.naming import Naming, free
from archgraph.structure.number_kinds import AXES, PLACES, may_stand_for, whole_ratio
from archgraph.structure.unification import ABSENT

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""The default of a parameter that has none."""

_WIDTHS = frozenset(
    {
        "in_channels", "out_channels", "num_features", "num_channels", "in_features", "out_features",
        "normalized_shape", "embedding_dim", "num_embeddings", "size",
    }
)  # fmt: skip
"""Roles of channels and features, which share names with one another. All other numbers are often equal by accident:
they share a name only within one role."""
WIDE = " as a width"
COUNT = "repeat"
"""The role of how many copies there are."""
_UNIT_DEFAULTS = frozenset({"stride", "strides", "dilation", "groups"})
_MADE, _INNER = "out_", "mid_"
"""What the names of the width that a class makes, and of one of the layers before, begin with."""
_FEW = 8
"""Depthwise convolutions have as many groups as channels; fewer are a number of their own."""
_INSTEAD = {"repeat": "depth"}
"""What a number is called whose role is no name for a parameter, as every node has it."""
LARGEST_MULTIPLE = 8
_EVIDENCE = 3
"""So many different numbers are multiples of others by no accident."""
_MOST_MORE = 16
"""So much may be added to a multiple of a width, as gates are."""
_RATIOS: Mapping[Literal["*", "//"], Callable[[int, int], int]] = {"*": operator.mul, "//": operator.floordiv}


@dataclass(eq=False, slots=True)
class ClassParameter:
    """A parameter of a class, with its value in each instance."""

    name: str
    role: str
    values: list[Any]
    default: Any = MISSING
    wide: bool = False

    @property
    def passed_as(self) -> str:
        """The role of what is passed for it: whether it is a width shows in how the class uses it."""
        return self.name + WIDE if self.wide else self.name

    def argument(self, instance: int) -> Any:
        """What the instance is made with; None where it lacks the part that has the number, and no copies where it is
        how many there are."""
        value = self.values[instance]
        return value if value is not ABSENT else 0 if self.role == COUNT else None


@record()
class Candidates:
    """Named values of one instance that its numbers may come from: its arguments, and the channels of its values.
    `sizes` are those arguments that follow from what the instance reads."""

    arguments: Mapping[str, Any]
    channels: Mapping[str, int]
    sizes: frozenset[str] = frozenset()
    inner: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the classes inside that are no class of their own: a number that is one of them is called so."""


class ParameterInference:
    """Resolves the columns of one class, one after the other, in the order of the text."""

    def __init__(self, instances: Sequence[Candidates], naming: Naming):
        self.parameters: list[ClassParameter] = []
        self._naming = naming
        self._taken = set(naming.taken)
        self._arguments = _arguments([one.arguments for one in instances], naming)
        self._inner = _arguments([one.inner for one in instances], naming)
        self._sizes = instances[0].sizes if instances else frozenset()
        self._channels = {
            name: [instance.channels.get(name) for instance in instances]
            for name in (instances[0].channels if instances else ())
        }

    def resolve(self, role: str, place: str, values: Sequence[Any]) -> Expression:
        """The expression for a number of the class. `place` is the part that has it."""
        if values[0] is not ABSENT and _all_equal(values):
            return ConstantNumber(values[0])
        wide = is_wide(role)
        role = role.removesuffix(WIDE)
        present = [value for value in values if value is not ABSENT]
        constant = _all_equal(present)
        if constant and (role in PLACES or len(present) == len(values) or type(present[0]) is not int):
            return ConstantNumber(present[0])
        known = self._known(role, wide, values)
        if known is None and not constant:
            known = self._derived(role, wide, present, values)
        if known is not None:
            return known
        return ConstantNumber(present[0]) if constant else ParameterName(self._new(role, wide, place, values).name)

    def _derived(self, role: str, wide: bool, present: Sequence[Any], values: Sequence[Any]) -> Expression | None:
        """An expression in what is known; depthwise convolutions have as many groups as channels."""
        if role == "groups" and (_are_many(present) or (self._sizes and len(set(present)) >= _EVIDENCE)):
            wide = True
            known = self._known(role, wide, values)
            if known is not None:
                return known
        if wide:
            return self._sum(values) or self._multiple(role, values) or self._product(values) or self._line(values)
        return self._multiple(role, values) if role == "padding" else None

    def flag(self, name: str, values: list[bool]) -> str:
        """The parameter that says whether a part is there."""
        for parameter in self.parameters:
            if parameter.role == "flag" and fits(values, parameter.values):
                return parameter.name
        told = [argument for argument in self._arguments if fits(values, argument.values)]
        if told:
            best = min(told, key=lambda one: (one.name != name, one not in self.parameters))
            return self._use(best, False).name
        word = name if self._naming.usable(name) else f"use_{name}"
        return self._add(ClassParameter(free(word, self._taken), "flag", list(values))).name

    def finished(self) -> list[ClassParameter]:
        """The parameters in the order of the signature: widths first, those with a default last."""
        for parameter in self.parameters:
            parameter.default = _default(parameter)
        first = {"in_channels": 0}
        arguments = [argument.name for argument in self._arguments]

        def rank(parameter: ClassParameter) -> tuple[bool, int, int]:
            known = arguments.index(parameter.name) if parameter.name in arguments else len(arguments)
            return parameter.default is not MISSING, first.get(parameter.name, 1), known

        return sorted(self.parameters, key=rank)

    def _known(self, role: str, wide: bool, values: Sequence[Any]) -> Expression | None:
        by_accident = self._may_be_accident(role, values)
        for parameter in self.parameters:
            plain = not by_accident and may_stand_for(parameter.name, role)
            named = parameter.role == "argument" and (plain or parameter.name in self._sizes)
            comparable = role == parameter.role or (wide and parameter.wide and not by_accident) or named
            if comparable and fits(values, parameter.values):
                parameter.wide |= wide
                return ParameterName(parameter.name)
        arguments = [
            one
            for one in self._arguments
            if one.name in self._sizes or (not by_accident and may_stand_for(one.name, role))
        ]
        argument = next((one for one in arguments if fits(values, one.values)), None)
        if argument is None:
            return None
        known = argument in self.parameters or argument.name in self._sizes
        found = self._follows(wide, values) if self._sizes and not known else None
        return found or ParameterName(self._use(argument, wide).name)

    def _may_be_accident(self, role: str, values: Sequence[Any]) -> bool:
        """Whether a place or a size of a shape, which few instances have, says nothing by being equal to an argument
        that is no size of what they read."""
        return bool(self._sizes) and role in PLACES | AXES and any(value is ABSENT for value in values)

    def _sum(self, values: Sequence[Any]) -> Expression | None:
        """The channels of two inputs together, as a concatenation has them."""
        names = list(self._channels)
        for i, left in enumerate(names):
            for right in names[i + 1 :]:
                columns = self._channels[left], self._channels[right]
                totals = [a + b if a and b else ABSENT for a, b in zip(*columns, strict=True)]
                if len(set(values)) > 1 and fits(values, totals):
                    first, second = (self.resolve("in_channels", "", column) for column in columns)
                    return (
                        Arithmetic("*", first, ConstantNumber(2)) if first == second else Arithmetic("+", first, second)
                    )
        return None

    def _multiple(self, role: str, values: Sequence[Any]) -> Expression | None:
        """A small multiple, or a whole part, of what is known."""
        least = 0 if role == "padding" else 1
        if not all(type(value) is int and value >= least for value in values if value is not ABSENT):
            return None
        wide = role != "padding"
        first, at = _first(values)
        for source in [*self._arguments, *self.parameters]:
            of = source.values[at]
            if type(of) is not int:
                continue
            if source.role != "argument" and not source.wide and (wide or source.role != "kernel_size"):
                continue
            for factor in range(2, LARGEST_MULTIPLE + 1):
                if wide and of * factor == first and fits(values, [_times(value, factor) for value in source.values]):
                    return Arithmetic("*", ParameterName(self._use(source, wide).name), ConstantNumber(factor))
                if factor not in (2, 4, 8) or of // factor != first:
                    continue
                if fits(values, [_part(value, factor, not wide) for value in source.values]):
                    return Arithmetic("//", ParameterName(self._use(source, wide).name), ConstantNumber(factor))
        return None

    def _product(self, values: Sequence[Any]) -> Expression | None:
        """A size of what is read, times or divided by an argument: a ratio."""
        for size in self._arguments:
            if size.name not in self._sizes:
                continue
            for ratio in self._arguments:
                plain = all(type(value) is int and value > 0 for value in ratio.values)
                if ratio.name in self._sizes or not plain:
                    continue
                for sign, of in _RATIOS.items():
                    made = [
                        of(a, b) if type(a) is int else ABSENT for a, b in zip(size.values, ratio.values, strict=True)
                    ]
                    if fits(values, made):
                        left = ParameterName(self._use(size, True).name)
                        return Arithmetic(sign, left, ParameterName(self._use(ratio, False).name))
        return None

    def _line(self, values: Sequence[Any]) -> Expression | None:
        """A multiple of a size of what is read and some more, or a part of it with a numerator, as `3 * C // 4`."""
        if len({value for value in values if value is not ABSENT}) < _EVIDENCE:
            return None
        for size in self._arguments:
            plain = all(type(value) is int for value in (*size.values, *(one for one in values if one is not ABSENT)))
            if size.name not in self._sizes or not plain:
                continue
            for factor in range(1, LARGEST_MULTIPLE + 1):
                more = {
                    value - factor * of for value, of in zip(values, size.values, strict=True) if value is not ABSENT
                }
                if len(more) == 1 and 0 < (rest := next(iter(more))) <= _MOST_MORE:
                    left = _multiplied(self._use(size, True).name, factor)
                    return Arithmetic("+", left, ConstantNumber(rest))
                for parts in (2, 4, 8):
                    if 1 < factor < parts and fits(values, [of * factor // parts for of in size.values]):
                        return Arithmetic("//", _multiplied(self._use(size, True).name, factor), ConstantNumber(parts))
        return None

    def _follows(self, wide: bool, values: Sequence[Any]) -> Expression | None:
        """A multiple of a parameter in use: arguments of which one follows from the other are one parameter."""
        if not wide or len({value for value in values if value is not ABSENT}) < _EVIDENCE:
            return None
        first, at = _first(values)
        for source in self.parameters:
            of = source.values[at]
            if not source.wide or source.name in self._sizes or type(of) is not int:
                continue
            for factor in range(2, LARGEST_MULTIPLE + 1):
                if of * factor == first and fits(values, [_times(value, factor) for value in source.values]):
                    return Arithmetic("*", ParameterName(source.name), ConstantNumber(factor))
        return None

    def _new(self, role: str, wide: bool, place: str, values: Sequence[Any]) -> ClassParameter:
        word = self._authors(role, values)
        if word:
            return self._add(ClassParameter(word, role, list(values), wide=wide))
        name = role
        if wide:
            fitting = [key for key, column in self._channels.items() if fits(values, column)]
            name = fitting[0] if fitting else self._width(place) if role in _WIDTHS else role
        if not self._naming.usable(name):
            name = role if self._naming.usable(role) else _INSTEAD.get(role, f"{role}s")
        taken = self._taken | {argument.name for argument in self._arguments}  # which may be needed later on
        if name in taken and self._naming.usable(f"{place}_{role}"):
            name = f"{place}_{role}"
        return self._add(ClassParameter(free(name, taken), role, list(values), wide=wide))

    def _authors(self, role: str, values: Sequence[Any]) -> str:
        """What the author calls a number that is no argument as it is: one of a class inside, or of an instance that
        lacks the part which reads it."""
        own = [one for one in self._arguments if one not in self.parameters and one.name not in self._sizes]
        lacking = ABSENT in values
        if len({value for value in values if value is not ABSENT}) < (_EVIDENCE if lacking else _EVIDENCE - 1):
            return ""
        tried: list[ClassParameter] = [*(own if lacking and role in AXES else []), *self._inner]
        for one in tried:
            free_name = one in own or one.name not in {*self._taken, *(other.name for other in self._arguments)}
            if free_name and may_stand_for(one.name, role) and fits(values, one.values):
                self._arguments = [other for other in self._arguments if other is not one]
                return one.name
        return ""

    def _width(self, place: str) -> str:
        """The name of a width that no argument is: `mid_chs` where the author calls the one that is made `out_chs`."""
        made = [one.name for one in self._arguments if one.name.startswith(_MADE)] if self._naming.authors else []
        inner = f"{_INNER}{made[0].removeprefix(_MADE)}" if len(made) == 1 else ""
        return inner if inner and inner not in self._taken else f"{place}_channels"

    def _use(self, parameter: ClassParameter, wide: bool) -> ClassParameter:
        parameter.wide |= wide
        return parameter if parameter in self.parameters else self._add(parameter)

    def _add(self, parameter: ClassParameter) -> ClassParameter:
        self.parameters.append(parameter)
        self._taken.add(parameter.name)
        return parameter


def is_wide(role: str) -> bool:
    """Whether a number of this role counts channels or features."""
    return role.endswith(WIDE) or role in _WIDTHS


def _multiplied(name: str, factor: int) -> Expression:
    return ParameterName(name) if factor == 1 else Arithmetic("*", ConstantNumber(factor), ParameterName(name))


def _are_many(values: Sequence[Any]) -> bool:
    return all(type(value) is int and value > _FEW for value in values)


def _arguments(rows: Sequence[Mapping[str, Any]], naming: Naming) -> list[ClassParameter]:
    """The arguments that all instances have, that vary, and whose names are usable."""
    found = []
    for name in rows[0] if rows else ():
        values = [row.get(name, ABSENT) for row in rows]
        values = whole_ratio(name, values) if naming.authors else values
        plain = all(isinstance(value, (int, float)) for value in values)
        if plain and naming.usable(name) and len({(type(v), v) for v in values}) > 1:
            found.append(ClassParameter(name, "argument", values))
    return found


def _default(parameter: ClassParameter) -> Any:
    values = parameter.values
    if any(value is ABSENT or value is None for value in values):
        return 0 if parameter.role == COUNT else None
    if all(type(value) is bool for value in values):
        return False
    unit = parameter.role in _UNIT_DEFAULTS or (parameter.role == "argument" and parameter.name in _UNIT_DEFAULTS)
    return 1 if unit and 1 in values else MISSING


def _all_equal(values: Sequence[Any]) -> bool:
    """Whether all values are of one type and equal the first: a column is mostly one number many times."""
    first = values[0]
    kind = type(first)
    for value in values:
        if value is first:
            continue
        if type(value) is not kind or value != first:
            return False
    return True


def fits(values: Sequence[Any], source: Sequence[Any]) -> bool:
    """Whether a column can be read from another: equal wherever it is present."""
    for value, other in zip(values, source, strict=True):
        if value is not ABSENT and not (type(value) is type(other) and value == other):
            return False
        if type(value) is tuple and repr(value) != repr(other):  # 2 is no 2.0
            return False
    return True


def _first(values: Sequence[Any]) -> tuple[Any, int]:
    """The first number of a column that is there, and its place: most columns are seen to differ by it."""
    return next((value, place) for place, value in enumerate(values) if value is not ABSENT)


def _times(value: Any, factor: int) -> Any:
    return value * factor if type(value) is int else ABSENT


def _part(value: Any, factor: int, small: bool = False) -> Any:
    """A whole part of a number; 0 where the number is smaller than the factor only of a `small` one."""
    return value // factor if type(value) is int and (small or value >= factor) else ABSENT
