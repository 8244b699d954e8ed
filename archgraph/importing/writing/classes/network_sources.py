"""What the numbers of a family may come from: arguments of the networks, and parameters that were needed besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from archgraph.importing.writing.classes.chosen_blocks import BLOCK
from archgraph.importing.writing.modules.naming import is_parameter
from archgraph.structure.class_parameters import WIDE, ClassParameter, is_wide
from archgraph.structure.derived_numbers import LARGEST_MULTIPLE
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.naming import free
from archgraph.structure.number_kinds import whole_ratio
from archgraph.structure.unification import ABSENT

COUNTS = "repeat"
"""The role of how many copies there are."""
_COUNT_WORDS = ("depth", "layer", "block", "repeat")
_WORDS: Mapping[str, tuple[str, ...]] = {
    COUNTS: _COUNT_WORDS,
    "depth": _COUNT_WORDS,
    "heads": ("head",),
    WIDE: ("dim", "width", "channel", "chs", "planes", "feature", "hidden", "embed"),
}
"""Parts of the names that authors give to such numbers."""
_SEVERAL = 3
"""So many different numbers are those of an argument by no accident."""
Step = tuple[Literal["*", "//", "-"], int]
"""What is done to a number, and by which."""


@dataclass(eq=False, slots=True)
class ParameterSource:
    """What numbers may come from: a parameter, an entry of one that is a list, or two of them."""

    expression: Expression
    values: Sequence[Any]
    parameters: tuple[ClassParameter, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is a parameter as it is."""
        return self.expression == ParameterName(self.parameters[0].name)


class NetworkSources:
    """The parameters of a family that are known, and those that are used."""

    def __init__(self, arguments: Sequence[Mapping[str, Any]]):
        self.known = [*_arguments(arguments)]
        self._own = {id(one) for one in self.known}
        self._names = {name for given in arguments for name in given}
        self._used: dict[int, ClassParameter] = {}

    @property
    def used(self) -> list[ClassParameter]:
        """The parameters of the spec, in the order of the constructor's arguments."""
        return [one for one in self.known if id(one) in self._used]

    @property
    def unused(self) -> list[ClassParameter]:
        """The others."""
        return [one for one in self.known if id(one) not in self._used]

    @property
    def names(self) -> set[str]:
        """All names that are taken."""
        return {one.name for one in self.known} | self._names

    def use(self, *parameters: ClassParameter) -> None:
        """Makes parameters those of the spec."""
        self._used.update((id(one), one) for one in parameters)

    def add(self, word: str, role: str, values: list[Any]) -> ClassParameter:
        """A new parameter, which no argument is."""
        plain = word if is_parameter(word) else f"{word}_"
        made = ClassParameter(free(plain, self.names), role, values)
        self.known.append(made)
        self.use(made)
        return made

    def add_with_gaps(self, role: str, values: list[Any]) -> ClassParameter | None:
        """A list in which some entries are lacking, under the name of the argument that has the others."""
        for place, one in enumerate(self.known):
            if self.is_argument(one) and id(one) not in self._used and _fills(one.values, values):
                made = ClassParameter(one.name, role, values)
                self.known[place] = made
                self.use(made)
                return made
        return None

    def is_argument(self, parameter: ClassParameter) -> bool:
        """Whether a parameter is an argument of the networks' constructors."""
        return id(parameter) in self._own

    def likely(self, role: str) -> list[ClassParameter]:
        """What a number of a role may be, the likeliest first: an argument; of others, one of the same kind."""
        fitting = [
            one
            for one in self.known
            if self.is_argument(one) or one.role == role or (is_wide(role) and is_wide(one.role))
        ]
        return sorted(fitting, key=lambda one: not has_affinity(one.name, role))

    def lists(self, role: str) -> list[ClassParameter]:
        """The lists among them."""
        return [one for one in self.likely(role) if length(one)]

    def of_lists(self, role: str) -> Iterator[ParameterSource]:
        """What a list of numbers may come from: lists and parts of them."""
        found = self.lists(role)
        yield from (ParameterSource(ParameterName(one.name), one.values, (one,)) for one in found)
        for one in found:
            yield from _slices(one)

    def of_numbers(self, role: str, late: bool = False) -> Iterator[ParameterSource]:
        """What a number may come from: parameters, then entries of lists, of the last ones first where the number
        stands `late` in the network."""
        parameters = self.likely(role)
        yield from (
            ParameterSource(ParameterName(one.name), one.values, (one,)) for one in parameters if not length(one)
        )
        for one in parameters:
            places = range(length(one))
            for place in reversed(places) if late else places:
                last = late and place == length(one) - 1 and len({*map(len, one.values)}) > 1
                yield ParameterSource(ParameterName(f"{one.name}[{-1 if last else place}]"), entry(one, place), (one,))

    def of_two(self) -> Iterator[ParameterSource]:
        """Products and quotients of two arguments: of numbers, or of entries that stand at one place of their lists.
        How many copies there are makes or divides nothing."""
        own = [one for one in self.known if self.is_argument(one) and not has_affinity(one.name, COUNTS)]
        for one, other in combinations(own, 2):
            count = min(length(one), length(other))
            if not length(one) and not length(other):
                names = (ParameterName(each.name) for each in (one, other))
                yield from _combined(next(names), one.values, next(names), other.values, (one, other))
            for place in range(count):
                names = (ParameterName(f"{each.name}[{place}]") for each in (one, other))
                yield from _combined(next(names), entry(one, place), next(names), entry(other, place), (one, other))


def _combined(
    left: Expression, ours: Sequence[Any], right: Expression, theirs: Sequence[Any], of: tuple[ClassParameter, ...]
) -> Iterator[ParameterSource]:
    rows = list(zip(ours, theirs, strict=True))
    if all(type(value) is int and value > 0 for row in rows for value in row):
        yield ParameterSource(Arithmetic("*", left, right), [a * b for a, b in rows], of)
        if len({*theirs}) > 1:  # else it may be any number that divides
            yield ParameterSource(Arithmetic("//", left, right), [a // b for a, b in rows], of)
        if len({*ours}) > 1:
            yield ParameterSource(Arithmetic("//", right, left), [b // a for a, b in rows], of)


def _fills(lists: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether lists have all entries of others that are there, which are several."""
    rows = list(zip(lists, values, strict=True))
    if not all(isinstance(own, tuple) and isinstance(row, tuple) and len(own) == len(row) for own, row in rows):
        return False
    there = [(a, b) for own, row in rows for a, b in zip(own, row, strict=True) if b is not None and b is not ABSENT]
    return len({b for _, b in there}) >= _SEVERAL and all(type(a) is type(b) and a == b for a, b in there)


def _arguments(arguments: Sequence[Mapping[str, Any]]) -> Iterator[ClassParameter]:
    """The arguments that all networks have."""
    for name in arguments[0]:
        values = whole_ratio(name, [_plain(given.get(name, ABSENT)) for given in arguments])
        if is_parameter(name) and not any(value is ABSENT or isinstance(value, str) for value in values):
            yield ClassParameter(name, "argument", values)


def _plain(value: Any) -> Any:
    """A list as a tuple, which the numbers of copies are."""
    return tuple(value) if isinstance(value, list) else value


def length(parameter: ClassParameter) -> int:
    """How many entries a list has in every network; 0 where it is none."""
    if not all(isinstance(value, (list, tuple)) for value in parameter.values):
        return 0
    return min(map(len, parameter.values))


def entry(parameter: ClassParameter, place: int) -> list[Any]:
    """One entry of a list, in every network."""
    return [value[place] for value in parameter.values]


def _slices(parameter: ClassParameter) -> Iterator[ParameterSource]:
    """The parts of a list: without the last entry, without the first, and so on."""
    for count in range(1, length(parameter) - 1):
        for text, part in ((f"[:-{count}]", slice(None, -count)), (f"[{count}:]", slice(count, None))):
            values = [value[part] for value in parameter.values]
            yield ParameterSource(ParameterName(f"{parameter.name}{text}"), values, (parameter,))


def ratios() -> Iterator[Step]:
    """Signs and factors, powers of 2 first."""
    for factor in (2, 4, 8):
        yield "*", factor
        yield "//", factor
    yield from (("*", factor) for factor in range(2, LARGEST_MULTIPLE + 1) if factor not in (2, 4, 8))


def after(value: Any, step: Step | None) -> Any:
    """A whole number after a step; others have none."""
    if step is None:
        return value
    if type(value) is not int:
        return ABSENT
    sign, number = step
    return value * number if sign == "*" else value // number if sign == "//" else value - number


def stepped(name: Expression, step: Step | None) -> Expression:
    """An expression after a step."""
    if step is None:
        return name
    sign, number = step
    return (
        Arithmetic("+", name, ConstantNumber(-number))
        if sign == "-"
        else Arithmetic(sign, name, ConstantNumber(number))
    )


def has_affinity(name: str, role: str) -> bool:
    """Whether the name of an argument speaks of such numbers."""
    plain = role.removesuffix(WIDE)
    words = _WORDS[WIDE] if is_wide(role) else _WORDS.get(plain, (plain.rpartition("_")[2],))
    return plain == name or any(word in name for word in words)


def claims(parameter: ClassParameter) -> Iterator[tuple[str, list[bool]]]:
    """Conditions on a parameter, and in which networks they hold."""
    values, name = parameter.values, parameter.name
    if all(isinstance(value, bool) for value in values):
        yield name, list(values)
        yield f"not {name}", [not value for value in values]
    elif all(type(value) in (int, float) for value in values):
        yield f"{name} > 0", [value > 0 for value in values]
        yield f"{name} == 0", [value == 0 for value in values]
    elif all(isinstance(value, str) for value in values) and parameter.role != BLOCK:
        for value in dict.fromkeys(values):
            yield f"{name} == {value!r}", [one == value for one in values]
