"""The parameters of a family: the arguments of its networks under their authors' names, counts and widths of the stages
as lists, and an expression in them for each number in which the networks differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from archgraph.importing.writing.classes.network_sources import (
    COUNTS,
    NetworkSources,
    ParameterSource,
    Step,
    after,
    claims,
    entry,
    length,
    ratios,
    stepped,
)
from archgraph.importing.writing.families.arguments_as_parameters import PromotedArguments, patch_sizes, rests_of_counts
from archgraph.importing.writing.families.followed_entries import FollowedEntries
from archgraph.importing.writing.families.network_rates import grown
from archgraph.importing.writing.families.picture_sizes import number_of_pictures
from archgraph.importing.writing.families.stem_widths import widths_of_stem
from archgraph.importing.writing.modules.naming import is_parameter
from archgraph.importing.writing.numbers.network_series import series_of, varies, with_absent_lists
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import WIDE, ClassParameter, is_wide
from archgraph.structure.columns import fits
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import ABSENT, Column, UnifiedClass

_SERIES = {COUNTS: "depths", "out_channels": "channels", "out_features": "features"}
"""What a list of the stages' numbers is called, where its role is no word for it."""
_SINGLE = {COUNTS: "depth"}
_OF_A_LAYER = frozenset({"out_channels", "out_features"})
"""What every layer calls its width: a list of such is called after the layers that have them."""
_GROUPS = "groups"
_SIZE = "image_size"
_LEAST_SERIES = 3
"""So many widths grow by no accident."""


@dataclass(frozen=True, slots=True)
class NetworkInference:
    """`expressions` has one for each column of the class, by its place; `conditions` one for each optional part;
    `sizes` one for each size of the inputs that varies, as text."""

    parameters: tuple[ClassParameter, ...]
    expressions: Mapping[int, Expression]
    conditions: Mapping[str, str]
    sizes: Mapping[tuple[int, int], str]


def network_parameters(
    group: UnifiedClass[Any],
    arguments: Sequence[Mapping[str, Any]],
    part_name: Callable[[str], str],
    exempt: Collection[int],
    sizes: Mapping[tuple[int, int], tuple[int, ...]],
) -> NetworkInference:
    """Compares the numbers of some networks, whose constructors' `arguments` come in the order of the group's
    templates. The columns at the places in `exempt` get no expression; `sizes` are those of the inputs that vary."""
    inference = _Inference(group, NetworkSources(arguments), exempt)
    written = {place: f"={expression_text(inference.size(values))}" for place, values in sizes.items()}
    return inference.made(part_name, written)


class _Inference:
    def __init__(self, group: UnifiedClass[Any], sources: NetworkSources, exempt: Collection[int]):
        self._group = group
        self._exempt = exempt
        self._sources = sources
        self._columns = [replace(one, values=with_absent_lists(one)) for one in group.columns]
        self._series = series_of(self._columns)
        self._expressions: dict[int, Expression] = {}
        self._promoted = PromotedArguments(group, sources, self._sources_of)
        self._side: ClassParameter | None = None
        """The size of the inputs, where that varies."""
        self._order = {id(one): place for place, one in enumerate(group.fullest.entries())}

    def size(self, values: tuple[int, ...]) -> Expression:
        """A size of an input: an argument, or a parameter of its own."""
        found = self._left(Column(_SIZE, "input", values))
        self._side = next((one for one in self._sources.used if found == ParameterName(one.name)), None)
        return found

    def made(self, part_name: Callable[[str], str], sizes: Mapping[tuple[int, int], str]) -> NetworkInference:
        """Lists of counts first, which rates are made of; then what arguments say as they are; then what follows from
        them; then what needs a parameter of its own."""
        for places in self._open_series():
            if self._columns[places[0]].role == COUNTS:
                self._new_list(places)
        self._explain(range(len(self._columns)), lambda column: grown(column, self._sources))
        self._explain(range(len(self._columns)), self._pictured)
        for find, single in ((self._listed, self._same), (self._widened, self._scaled)):
            for places in self._open_series():
                found = find(places)
                if found is not None:
                    self._expressions.update(zip(places, found, strict=True))
            varying = [place for place, column in enumerate(self._columns) if varies(column.values)]
            self._explain(varying, single)
        for places in self._open_series():
            self._new_list(places)
        self._explain(range(len(self._columns)), self._left)
        presence = self._group.presence.items()
        conditions = {part: self._condition(part_name(part), there) for part, there in presence}
        self._raise_series()
        self._expressions.update(patch_sizes(self._group, self._columns, self._expressions, self._sources))
        self._expressions.update(rests_of_counts(self._columns, self._expressions, self._sources))
        self._expressions.update(widths_of_stem(self._columns, self._expressions, self._sources))
        followed = FollowedEntries(
            self._columns, self._expressions, self._sources.used, [*conditions.values(), *sizes.values()]
        )
        followed.dissolve(self._sources.is_argument)
        return NetworkInference(tuple(followed.parameters), followed.expressions, conditions, sizes)

    def _raise_series(self) -> None:
        """Widths of stages that all networks have, each twice the one before, through the first where that is a
        parameter."""
        for row in self._series:
            first = self._expressions.get(row[0])
            known = [self._columns[place].values[0] for place in row]
            wide = len(row) >= _LEAST_SERIES and is_wide(self._columns[row[0]].role)
            if not wide or not isinstance(first, ParameterName) or any(type(value) is not int for value in known):
                continue
            plain = [self._expressions.get(place) for place in row[1:]] == [*map(ConstantNumber, known[1:])]
            if plain and all(after == 2 * before for before, after in pairwise(known)):
                for power, place in enumerate(row[1:], start=1):
                    self._expressions[place] = Arithmetic("*", ConstantNumber(2**power), first)

    def _explain(self, places: Collection[int], find: Callable[[Column], Expression | None]) -> None:
        for place in places:
            found = find(self._columns[place]) if self._is_left(place) else None
            if found is not None:
                self._expressions[place] = found

    def _is_left(self, place: int) -> bool:
        """Whether a number still needs an expression."""
        return place not in self._expressions and place not in self._exempt

    # -- numbers of several stages -----------------------------------------------------------------------------------

    def _open_series(self) -> list[list[int]]:
        """The numbers of stages of which some vary, and counts, which an author varies."""
        rows = ([place for place in row if self._is_left(place)] for row in self._series)
        return [row for row in rows if len(row) > 1 and self._is_open([self._columns[place] for place in row])]

    def _is_open(self, columns: Sequence[Column]) -> bool:
        if any(varies(one.values) for one in columns):
            return True
        return columns[0].role == COUNTS and len({one.values[0] for one in columns}) > 1

    def _listed(self, places: Sequence[int]) -> list[Expression] | None:
        """The entries of a list that these numbers are; of counts, one less, where the first copy is another block."""
        columns = [self._columns[place] for place in places]
        return self._entries(columns, [None, ("-", 1)] if columns[0].role == COUNTS else [None])

    def _widened(self, places: Sequence[int]) -> list[Expression] | None:
        """Multiples of the entries of a list, or parts of them."""
        columns = [self._columns[place] for place in places]
        return self._entries(columns, list(ratios())) if is_wide(columns[0].role) else None

    def _entries(self, columns: Sequence[Column], steps: Sequence[Step | None]) -> list[Expression] | None:
        """The entries of a list that numbers are after one of some steps, the same for all."""
        for parameter in self._sources.lists(columns[0].role):
            for start in range(length(parameter) - len(columns) + 1):
                entries = [entry(parameter, start + place) for place in range(len(columns))]
                for step in steps:
                    made = [[after(value, step) for value in one] for one in entries]
                    if all(fits(one.values, values) for one, values in zip(columns, made, strict=True)):
                        self._sources.use(parameter)
                        names = [ParameterName(f"{parameter.name}[{start + at}]") for at in range(len(columns))]
                        return [stepped(name, step) for name in names]
        return None

    def _new_list(self, places: Sequence[int]) -> None:
        """A parameter for numbers of which nothing else says what they are; one of several equal ones is enough."""
        columns = [self._columns[place] for place in places]
        if not any(varies(one.values) for one in columns):
            return
        found = self._listed(places) or self._widened(places)
        if found is None:
            rows = [[one.values[network] for one in columns] for network in range(len(columns[0].values))]
            if any(value is ABSENT for row in rows for value in row):
                return
            if not all(varies(one.values) for one in columns) and columns[0].role != COUNTS:
                return
            role = columns[0].role.removesuffix(WIDE)
            word = _SERIES.get(role, role if role.endswith("s") else f"{role}s")
            parameter = self._sources.add(word, columns[0].role, rows)
            found = [ParameterName(f"{parameter.name}[{place}]") for place in range(len(columns))]
        self._expressions.update(zip(places, found, strict=True))

    # -- one number --------------------------------------------------------------------------------------------------

    def _same(self, column: Column) -> Expression | None:
        """The parameter, or the entry of one, that a number is."""
        return self._first(column, self._sources_of(column))

    def _scaled(self, column: Column) -> Expression | None:
        """Two arguments, or a multiple or a part of one, that a width or a number of groups is."""
        listed = any(isinstance(value, tuple) for value in column.values)
        if listed or not (is_wide(column.role) or column.role == _GROUPS):
            return None
        found = self._depthwise(column) or self._first(column, list(self._sources.of_two()))
        if found is not None or column.role == _GROUPS:
            return found
        sources = self._sources_of(column)
        for step in ratios():
            for source in sources:
                if fits(column.values, [after(value, step) for value in source.values]):
                    return stepped(self._used(source), step)
        return None

    def _pictured(self, column: Column) -> Expression | None:
        """What follows from the size of the images."""
        if self._side is None:
            return None
        own = [one for one in self._sources.known if self._sources.is_argument(one)]
        if any(one is not self._side and fits(column.values, one.values) for one in own):
            return None
        divisors = [one for one in own if "patch" not in one.name or self._is_a_step(one)]
        expression, used = number_of_pictures(column.values, self._side, divisors) or (None, ())
        self._sources.use(*used)
        return expression

    def _is_a_step(self, parameter: ClassParameter) -> bool:
        """Whether a size of patches is one of the steps in which the networks read images: what changes with it."""
        steps = (one for one in self._columns if one.role in ("patch", "kernel_size", "stride"))
        return any(fits(one.values, parameter.values) for one in steps)

    def _sources_of(self, column: Column) -> list[ParameterSource]:
        if any(isinstance(value, tuple) for value in column.values):
            return list(self._sources.of_lists(column.role))
        late = column.statement is not None and self._order.get(id(column.statement), 0) > len(self._order) // 2
        return list(self._sources.of_numbers(column.role, late))

    def _first(self, column: Column, sources: Sequence[ParameterSource]) -> Expression | None:
        found = next((one for one in sources if fits(column.values, one.values)), None)
        return self._used(found) if found is not None else None

    def _used(self, source: ParameterSource) -> Expression:
        self._sources.use(*source.parameters)
        return source.expression

    def _depthwise(self, column: Column) -> Expression | None:
        """The width that the groups of a depthwise convolution are."""
        if column.role != _GROUPS:
            return None
        for place, other in enumerate(self._columns):
            if other.role == "out_channels" and place in self._expressions and fits(column.values, other.values):
                return self._expressions[place]
        return None

    def _left(self, column: Column) -> Expression:
        """What a number is of which no argument says anything."""
        if not varies(column.values):
            value = next(value for value in column.values if value is not ABSENT)
            return self._promoted.argument(column) or ConstantNumber(value)
        found = self._same(column) or self._scaled(column)
        if found is not None:
            return found
        gaps = self._sources.add_with_gaps(column.role, list(column.values))
        if gaps is not None:
            return ParameterName(gaps.name)
        role = column.role.removesuffix(WIDE)
        listed = role == COUNTS and any(isinstance(value, tuple) for value in column.values)
        word = (_SERIES if listed else _SINGLE).get(role, role)
        if role in _OF_A_LAYER and isinstance(next(one for one in column.values if one is not ABSENT), tuple):
            word = column.place if is_parameter(column.place) and column.place not in self._sources.names else word
        if word in self._sources.names or not is_parameter(word):
            around = re.sub(r"\W+", "_", column.place).strip("_")
            word = f"{around}_{word}" if around[:1].isalpha() else f"{word}_{around}"
        return ParameterName(self._sources.add(word, column.role, list(column.values)).name)

    # -- conditions --------------------------------------------------------------------------------------------------

    def _condition(self, name: str, there: list[bool]) -> str:
        """When an optional part is there."""
        for parameter in (*self._sources.used, *self._sources.unused):
            for text, column in claims(parameter):
                if column == there:
                    self._sources.use(parameter)
                    return text
        word = name if name.startswith("use_") else f"use_{name}"
        return self._sources.add(word, "flag", list(there)).name
