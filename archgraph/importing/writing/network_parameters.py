"""The parameters of a family: the arguments of its networks under their authors' names, counts and widths of the stages
as lists, and an expression in them for each number in which the networks differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archgraph.importing.writing.chosen_blocks import BLOCK
from archgraph.importing.writing.counted_starts import has_fixed_start_behind
from archgraph.importing.writing.depth_rates import BEFORE, LAYERS, RATE, DepthRate
from archgraph.importing.writing.naming import is_parameter
from archgraph.importing.writing.values import expression_text, rate_text
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.naming import free
from archgraph.structure.parameters import LARGEST_MULTIPLE, WIDE, ClassParameter, fits, is_wide
from archgraph.structure.unification import ABSENT, Column, UnifiedClass

COUNTS = "repeat"
"""The role of how many copies there are."""
_SERIES = {COUNTS: "depths", "out_channels": "channels", "out_features": "features"}
"""What a list of the stages' numbers is called, where its role is no word for it."""
_SINGLE = {COUNTS: "depth"}
_CLASSES = "num_classes"
_WORDS: Mapping[str, tuple[str, ...]] = {
    COUNTS: ("depth", "layer", "block", "repeat"),
    "heads": ("head",),
    WIDE: ("dim", "width", "channel", "chs", "planes", "feature", "hidden", "embed"),
}
"""Parts of the names that authors give to such numbers."""
_LEAST_WIDTH = 16
"""Smaller ones are equal to an argument by accident."""
_VARIED = ("head", "patch", "window", "depth")
_NUMBER = re.compile(r"\d+")
Step = tuple[Literal["*", "//", "-"], int]
"""What is done to a number, and by which."""
SeriesKey = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class NetworkInference:
    """`expressions` has one for each column of the class, by its place; `conditions` one for each optional part."""

    parameters: tuple[ClassParameter, ...]
    expressions: Mapping[int, Expression]
    conditions: Mapping[str, str]


def network_parameters(
    group: UnifiedClass[Any],
    arguments: Sequence[Mapping[str, Any]],
    part_name: Callable[[str], str],
    exempt: Collection[int] = (),
) -> NetworkInference:
    """Compares the numbers of some networks, whose constructors' `arguments` come in the order of the group's
    templates. The columns at the places in `exempt` get no expression."""
    return _Inference(group, arguments, exempt).made(part_name)


@dataclass(eq=False, slots=True)
class _Source:
    """What numbers may come from: a parameter, or an entry of one that is a list."""

    text: str
    values: list[Any]
    parameter: ClassParameter


class _Inference:
    def __init__(self, group: UnifiedClass[Any], arguments: Sequence[Mapping[str, Any]], exempt: Collection[int]):
        self._group = group
        self._exempt = exempt
        self._columns = [replace(one, values=tuple(map(_there, one.values))) for one in group.columns]
        self._known: list[ClassParameter] = [*_arguments(arguments)]
        self._used: dict[int, ClassParameter] = {}
        self._arguments = {id(one) for one in self._known}
        self._expressions: dict[int, Expression] = {}
        self._names = {name for given in arguments for name in given}
        self._pairs = dict(self._of_pairs())
        self._order = {id(one): place for place, one in enumerate(group.fullest.entries())}

    def made(self, part_name: Callable[[str], str]) -> NetworkInference:
        for places in self._series():
            if self._columns[places[0]].role == COUNTS:
                self._new_list(places)
        for place, column in enumerate(self._columns):
            grown = self._grown(column)
            if grown is not None:
                self._expressions[place] = grown
        for find in (self._listed, self._widened):
            for places in self._series():
                found = find(places)
                if found is not None:
                    self._expressions.update(zip(places, found, strict=True))
            for place, column in enumerate(self._columns):
                if self._is_left(place) and _varies(column.values):
                    single = self._single(column, find == self._widened)
                    if single is not None:
                        self._expressions[place] = single
        for places in self._series():
            self._new_list(places)
        for place, column in enumerate(self._columns):
            if self._is_left(place):
                self._expressions[place] = self._left(column)
        conditions = self._conditions(part_name)
        order = {id(one): place for place, one in enumerate(self._known)}
        parameters = sorted(self._used.values(), key=lambda one: order[id(one)])
        return NetworkInference(tuple(parameters), self._expressions, conditions)

    # -- numbers of several stages -----------------------------------------------------------------------------------

    def _series(self) -> list[list[int]]:
        """The places of numbers that statements have which differ in a number only, `layer1` and `layer2`, in the
        order of these; only where some of them vary and are not explained yet."""
        found: dict[SeriesKey, dict[int, int]] = {}
        counts: dict[tuple[int, str], int] = {}
        for place, column in enumerate(self._columns):
            statement = column.statement
            match = _NUMBER.search(statement.name) if statement is not None else None
            if statement is None or match is None or any(isinstance(value, str) for value in column.values):
                continue
            nth = counts[id(statement), column.role] = counts.get((id(statement), column.role), -1) + 1
            number = int(match[0])
            if place in self._pairs:
                nth, number = 0, number + self._pairs[place]
            if self._is_left(place):
                key = column.role, nth, statement.name[: match.start()], statement.name[match.end() :]
                found.setdefault(key, {})[number] = place
        rows = ([numbers[number] for number in sorted(numbers)] for numbers in found.values())
        return [row for row in rows if len(row) > 1 and self._is_open(row)]

    def _of_pairs(self) -> Iterator[tuple[int, int]]:
        """Of two copies with different arguments, the places of these, and which of both copies has each."""
        rows: dict[int, list[int]] = {}
        for place, column in enumerate(self._columns):
            if column.statement is not None:
                rows.setdefault(id(column.statement), []).append(place)
        for entry in self._group.fullest.entries():
            places = iter(rows.get(id(entry), ()))
            two = False
            for part in entry.term.parts:
                own = [next(places) for _ in part.numbers()]
                if part.kind == "number":
                    two = all(value == 2 for value in self._columns[own[0]].values)
                elif two and part.kind in ("first", "last"):
                    yield from zip(own, (0, 1) if part.kind == "first" else (1, 0), strict=True)

    def _is_left(self, place: int) -> bool:
        """Whether a number still needs an expression."""
        return place not in self._expressions and place not in self._exempt

    def _is_open(self, places: Sequence[int]) -> bool:
        """Whether something is to be said of numbers: some vary, or an author varies all of them."""
        columns = [self._columns[place] for place in places]
        if any(_varies(one.values) for one in columns):
            return True
        return columns[0].role == COUNTS and len({one.values[0] for one in columns}) > 1

    def _listed(self, places: Sequence[int]) -> list[Expression] | None:
        """The entries of a list that these numbers are; of counts, one less, where the first copy is another block."""
        columns = [self._columns[place] for place in places]
        return self._entries(columns, [None, ("-", 1)] if columns[0].role == COUNTS else [None])

    def _widened(self, places: Sequence[int]) -> list[Expression] | None:
        """Multiples of the entries of a list, or parts of them."""
        columns = [self._columns[place] for place in places]
        return self._entries(columns, list(_ratios())) if is_wide(columns[0].role) else None

    def _entries(self, columns: Sequence[Column], steps: Sequence[Step | None]) -> list[Expression] | None:
        """The entries of a list that numbers are after one of some steps, the same for all."""
        for parameter in self._by_affinity(columns[0].role):
            for start in range(_length(parameter) - len(columns) + 1):
                entries = [_entry(parameter, start + place) for place in range(len(columns))]
                for step in steps:
                    made = [[_after(value, step) for value in entry] for entry in entries]
                    if all(fits(one.values, entry) for one, entry in zip(columns, made, strict=True)):
                        self._use(parameter)
                        names = [ParameterName(f"{parameter.name}[{start + at}]") for at in range(len(columns))]
                        return [_stepped(name, step) for name in names]
        return None

    def _new_list(self, places: Sequence[int]) -> None:
        """A parameter for numbers of which nothing else says what they are; one of several equal ones is enough."""
        columns = [self._columns[place] for place in places]
        if not any(_varies(one.values) for one in columns):
            return
        found = self._listed(places) or self._widened(places)
        if found is None:
            rows = [[one.values[network] for one in columns] for network in range(len(columns[0].values))]
            if any(value is ABSENT for row in rows for value in row):
                return
            if not all(_varies(one.values) for one in columns) and columns[0].role != COUNTS:
                return
            role = columns[0].role.removesuffix(WIDE)
            word = _SERIES.get(role, role if role.endswith("s") else f"{role}s")
            parameter = self._add(word, columns[0].role, rows)
            found = [ParameterName(f"{parameter.name}[{place}]") for place in range(len(columns))]
        self._expressions.update(zip(places, found, strict=True))

    # -- one number --------------------------------------------------------------------------------------------------

    def _single(self, column: Column, scaled: bool) -> Expression | None:
        """The parameter, or the entry of one, that a number is; with `scaled`, a multiple or a part of it."""
        listed = any(isinstance(value, tuple) for value in column.values)
        sources = list(self._sources(column.role, listed, self._is_late(column)))
        if not scaled:
            found = next((one for one in sources if fits(column.values, one.values)), None)
            return self._named(found) if found is not None else None
        for step in _ratios() if is_wide(column.role) and not listed else ():
            for source in sources:
                if fits(column.values, [_after(value, step) for value in source.values]):
                    return _stepped(self._named(source), step)
        return None

    def _named(self, source: _Source) -> ParameterName:
        self._use(source.parameter)
        return ParameterName(source.text)

    def _is_late(self, column: Column) -> bool:
        """Whether a number stands in the second half of the network."""
        return column.statement is not None and self._order.get(id(column.statement), 0) > len(self._order) // 2

    def _promoted(self, column: Column, value: Any) -> Expression | None:
        """The argument that a number is which all networks have: what its author calls so is one of other networks of
        the class."""
        counted = type(value) is int or (isinstance(value, tuple) and all(type(one) is int for one in value))
        if not counted or not _varies_by_author(column.role) or any(one is ABSENT for one in column.values):
            return None
        if is_wide(column.role) and type(value) is int and value < _LEAST_WIDTH:
            return None
        if column.role == COUNTS and has_fixed_start_behind(column.statement, self._group.fullest.entries()):
            return None
        for source in self._sources(column.role, isinstance(value, tuple)):
            plain = source.text == source.parameter.name and id(source.parameter) in self._arguments
            if "group" in source.text:  # the width of each
                continue
            if plain and _has_affinity(source.text, column.role) and fits(column.values, source.values):
                return self._named(source)
        return None

    def _left(self, column: Column) -> Expression:
        """What a number is of which no argument says anything."""
        if not _varies(column.values):
            value = next(value for value in column.values if value is not ABSENT)
            return self._classes(column, value) or self._promoted(column, value) or ConstantNumber(value)
        found = self._single(column, False) or self._depthwise(column) or self._single(column, True)
        if found is not None:
            return found
        role = column.role.removesuffix(WIDE)
        word = _SINGLE.get(role, role)
        known = {one.name for one in self._known} | self._names
        if word in known or not is_parameter(word):
            around = re.sub(r"\W+", "_", column.place).strip("_")
            word = f"{around}_{word}" if around[:1].isalpha() else f"{word}_{around}"
        return ParameterName(self._add(word, column.role, list(column.values)).name)

    def _depthwise(self, column: Column) -> Expression | None:
        """The width that the groups of a depthwise convolution are."""
        if column.role != "groups":
            return None
        for place, other in enumerate(self._columns):
            if other.role == "out_channels" and place in self._expressions and fits(column.values, other.values):
                return self._expressions[place]
        return None

    def _classes(self, column: Column, value: Any) -> Expression | None:
        """The number of classes, which the last layer of a classifier has."""
        parameter = next((one for one in self._known if one.name == _CLASSES), None)
        wide = column.role in ("out_features", "out_channels")
        if parameter is None or not wide or any(one != value for one in parameter.values):
            return None
        self._use(parameter)
        return ParameterName(_CLASSES)

    # -- rates that grow with the depth ------------------------------------------------------------------------------

    def _grown(self, column: Column) -> Expression | None:
        """A rate that grows with the depth, or one of the numbers that it is made of."""
        values = column.values
        if column.role == RATE:
            return self._rate(values)
        if column.role in (BEFORE, LAYERS):
            return self._sum_of_counts(values)
        if not all(value is ABSENT or isinstance(value, DepthRate) for value in values):
            return None
        rate, before, layers = (
            [value if value is ABSENT else getattr(value, name) for value in values] for name in (RATE, BEFORE, LAYERS)
        )
        if not any(before):
            return None
        parts = (self._rate(rate), self._sum_of_counts(before), self._sum_of_counts(layers))
        if any(one is None for one in parts):
            return None
        texts = [
            expression_text(one, binding) for one, binding in zip(parts, (2, 2, 0), strict=True) if one is not None
        ]
        return ParameterName(rate_text(*texts))

    def _rate(self, values: Sequence[Any]) -> Expression | None:
        """The largest rate: the argument that is one."""
        for parameter in self._known:
            if any(word in parameter.name for word in ("drop", "depth")) and fits(values, parameter.values):
                self._use(parameter)
                return ParameterName(parameter.name)
        return None

    def _sum_of_counts(self, values: Sequence[Any]) -> Expression | None:
        """The layers of the first stages, or of all, and some more or less; of a list, of each stage."""
        if any(isinstance(value, tuple) for value in values):
            count = len(next(value for value in values if isinstance(value, tuple)))
            found = [self._sum_of_counts([_part(value, place) for value in values]) for place in range(count)]
            texts = [expression_text(one) for one in found if one is not None]
            return ParameterName(f"[{', '.join(texts)}]") if len(texts) == count else None
        if not _varies(values):
            value = next(value for value in values if value is not ABSENT)
            if value == 0:
                return ConstantNumber(0)
        for parameter in self._counts():
            for text, sums in _sums(parameter):
                more = {value - total for value, total in zip(values, sums, strict=True) if value is not ABSENT}
                if len(more) == 1 and abs(rest := more.pop()) <= 1:
                    self._use(parameter)
                    return _stepped(ParameterName(text), ("-", -rest) if rest else None)
        return None if _varies(values) else ConstantNumber(next(value for value in values if value is not ABSENT))

    def _counts(self) -> list[ClassParameter]:
        """The lists that say how many layers the stages have."""
        lists = [one for one in self._known if _length(one) and self._says(one, COUNTS)]
        whole = (one for one in lists if all(type(count) is int for value in one.values for count in value))
        return [one for one in whole if _has_affinity(one.name, COUNTS) or one.role == COUNTS]

    # -- conditions --------------------------------------------------------------------------------------------------

    def _conditions(self, part_name: Callable[[str], str]) -> dict[str, str]:
        """When each optional part is there."""
        return {part: self._condition(part_name(part), there) for part, there in self._group.presence.items()}

    def _condition(self, name: str, there: list[bool]) -> str:
        used = [one for one in self._known if id(one) in self._used]
        for parameter in (*used, *(one for one in self._known if id(one) not in self._used)):
            for text, column in _claims(parameter):
                if column == there:
                    self._use(parameter)
                    return text
        return self._add(name, "flag", list(there)).name

    # -- parameters --------------------------------------------------------------------------------------------------

    def _sources(self, role: str, listed: bool, late: bool = False) -> Iterator[_Source]:
        """What numbers of a role may come from, the likeliest first: parameters, then entries of lists, of the last
        ones first where the number stands `late` in the network; for `listed` numbers lists and parts of them."""
        parameters = [one for one in self._known if self._says(one, role)]
        parameters.sort(key=lambda one: not _has_affinity(one.name, role))
        if listed:
            for one in parameters:
                if _length(one):
                    yield _Source(one.name, one.values, one)
            for one in parameters:
                yield from _slices(one)
            return
        yield from (_Source(one.name, one.values, one) for one in parameters if not _length(one))
        for one in parameters:
            places = range(_length(one))
            for place in reversed(places) if late else places:
                last = late and place == _length(one) - 1 and len({*map(len, one.values)}) > 1
                yield _Source(f"{one.name}[{-1 if last else place}]", _entry(one, place), one)

    def _says(self, parameter: ClassParameter, role: str) -> bool:
        """Whether a parameter may be what a number of this role is: an argument; of others, one of the same kind."""
        same = parameter.role == role or (is_wide(role) and is_wide(parameter.role))
        return id(parameter) in self._arguments or same

    def _by_affinity(self, role: str) -> list[ClassParameter]:
        lists = [one for one in self._known if _length(one) and self._says(one, role)]
        return sorted(lists, key=lambda one: not _has_affinity(one.name, role))

    def _use(self, parameter: ClassParameter) -> None:
        self._used[id(parameter)] = parameter

    def _add(self, word: str, role: str, values: list[Any]) -> ClassParameter:
        plain = word if is_parameter(word) else f"{word}_"
        made = ClassParameter(free(plain, {one.name for one in self._known} | self._names), role, values)
        self._known.append(made)
        self._use(made)
        return made


def _arguments(arguments: Sequence[Mapping[str, Any]]) -> Iterator[ClassParameter]:
    """The arguments that all networks have."""
    for name in arguments[0]:
        values = [_plain(given.get(name, ABSENT)) for given in arguments]
        if is_parameter(name) and not any(value is ABSENT or isinstance(value, str) for value in values):
            yield ClassParameter(name, "argument", values)


def _plain(value: Any) -> Any:
    """A list as a tuple, which the numbers of copies are."""
    return tuple(value) if isinstance(value, list) else value


def _there(value: Any) -> Any:
    """A number; of a list of numbers that are not there, none."""
    absent = isinstance(value, tuple) and bool(value) and all(one is ABSENT for one in value)
    return ABSENT if absent else value


def _varies(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not ABSENT]
    return any(type(value) is not type(present[0]) or value != present[0] for value in present)


def _length(parameter: ClassParameter) -> int:
    """How many entries a list has in every network; 0 where it is none."""
    if not all(isinstance(value, (list, tuple)) for value in parameter.values):
        return 0
    return min(map(len, parameter.values))


def _entry(parameter: ClassParameter, place: int) -> list[Any]:
    return [value[place] for value in parameter.values]


def _slices(parameter: ClassParameter) -> Iterator[_Source]:
    """The parts of a list: without the last entry, without the first, and so on."""
    for count in range(1, _length(parameter) - 1):
        yield _Source(f"{parameter.name}[:-{count}]", [value[:-count] for value in parameter.values], parameter)
        yield _Source(f"{parameter.name}[{count}:]", [value[count:] for value in parameter.values], parameter)


def _sums(parameter: ClassParameter) -> Iterator[tuple[str, list[int]]]:
    """The sums of the first entries of a list, the whole first."""
    yield f"sum({parameter.name})", [sum(value) for value in parameter.values]
    for count in range(_length(parameter) - 1, 0, -1):
        text = f"sum({parameter.name}[:{count}])" if count > 1 else f"{parameter.name}[0]"
        yield text, [sum(value[:count]) for value in parameter.values]


def _part(value: Any, place: int) -> Any:
    return ABSENT if value is ABSENT else value[place]


def _ratios() -> Iterator[Step]:
    """Signs and factors, powers of 2 first."""
    for factor in (2, 4, 8):
        yield "*", factor
        yield "//", factor
    yield from (("*", factor) for factor in range(2, LARGEST_MULTIPLE + 1) if factor not in (2, 4, 8))


def _after(value: Any, step: Step | None) -> Any:
    """A whole number after a step; others have none."""
    if step is None:
        return value
    if type(value) is not int:
        return ABSENT
    sign, number = step
    return value * number if sign == "*" else value // number if sign == "//" else value - number


def _stepped(name: ParameterName, step: Step | None) -> Expression:
    if step is None:
        return name
    sign, number = step
    return (
        Arithmetic("+", name, ConstantNumber(-number))
        if sign == "-"
        else Arithmetic(sign, name, ConstantNumber(number))
    )


def _varies_by_author(role: str) -> bool:
    """Whether numbers of a role are what the networks of a family mostly differ in."""
    return is_wide(role) or role == COUNTS or any(word in role for word in _VARIED)


def _has_affinity(name: str, role: str) -> bool:
    """Whether the name of an argument speaks of such numbers."""
    plain = role.removesuffix(WIDE)
    words = _WORDS[WIDE] if is_wide(role) else _WORDS.get(plain, (plain.rpartition("_")[2],))
    return plain == name or any(word in name for word in words)


def _claims(parameter: ClassParameter) -> Iterator[tuple[str, list[bool]]]:
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
