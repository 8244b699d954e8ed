"""Numbers that all networks of a family have and that an argument of their constructors says: a further preset changes
them there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.network_sources import COUNTS, NetworkSources, ParameterSource, has_affinity
from archgraph.importing.writing.copies.counted_starts import has_fixed_start_behind
from archgraph.importing.writing.families.usual_names import CLASSES
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.numbers.neighbouring_sizes import neighbours
from archgraph.structure.class_parameters import is_wide
from archgraph.structure.columns import fits
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import ABSENT, Column, UnifiedClass

_DROP_RATE = "drop_rate"
_LEAST_WIDTH = 16
"""Smaller ones are equal to an argument by accident."""
_LEAST_OF_PART = 3
"""So many numbers in a row are a part of a list by no accident."""
_PATCH = "patch"
_VARIED = ("head", "patch", "window", "depth")


class PromotedArguments:
    """The arguments that are parameters although all networks agree in them; `sources_of` gives what a number may come
    from, the likeliest first."""

    def __init__(
        self,
        group: UnifiedClass[Any],
        sources: NetworkSources,
        sources_of: Callable[[Column], Iterable[ParameterSource]],
    ):
        self._group = group
        self._sources = sources
        self._sources_of = sources_of

    def argument(self, column: Column) -> Expression | None:
        """The argument that a number is which all networks have; None where none is called after such numbers."""
        value = next(value for value in column.values if value is not ABSENT)
        return self._classes(column, value) or self._dropped(column, value) or self._named(column, value)

    def _classes(self, column: Column, value: Any) -> Expression | None:
        """The number of classes, which the last layer of a classifier has."""
        parameter = next((one for one in self._sources.known if one.name in CLASSES), None)
        wide = column.role in ("out_features", "out_channels")
        if parameter is None or not wide or any(one != value for one in parameter.values):
            return None
        self._sources.use(parameter)
        return ParameterName(parameter.name)

    def _dropped(self, column: Column, value: Any) -> Expression | None:
        """The argument that a rate of dropout is, where one alone could be, or the one that all networks call so."""
        made = getattr(column.statement, "made", None)
        if type(value) is not float or not value or not isinstance(made, Node) or made.op.name != "dropout":
            return None
        rates = [one for one in self._sources.known if "drop" in one.name and all(rate == value for rate in one.values)]
        chosen = [one for one in rates if one.name == _DROP_RATE] or rates
        if len(chosen) != 1 or not self._sources.is_argument(chosen[0]):
            return None
        self._sources.use(chosen[0])
        return ParameterName(chosen[0].name)

    def _named(self, column: Column, value: Any) -> Expression | None:
        """The argument whose name speaks of such numbers: what its author calls so is one of other networks of the
        class."""
        counted = type(value) is int or (isinstance(value, tuple) and all(type(one) is int for one in value))
        varied = is_wide(column.role) or column.role == COUNTS or any(word in column.role for word in _VARIED)
        if not counted or not varied or any(one is ABSENT for one in column.values):
            return None
        if is_wide(column.role) and type(value) is int and value < _LEAST_WIDTH:
            return None
        if column.role == COUNTS and has_fixed_start_behind(column.statement, self._group.fullest.entries()):
            return None
        for source in self._sources_of(column):
            name = source.parameters[0].name
            whole = source.is_whole or (isinstance(value, tuple) and len(value) >= _LEAST_OF_PART)
            plain = whole and self._sources.is_argument(source.parameters[0])
            named = has_affinity(name, column.role) and "group" not in name  # the width of each
            if plain and named and fits(column.values, source.values):
                self._sources.use(*source.parameters)
                return source.expression
        return None


def patch_sizes(
    group: UnifiedClass[Any], columns: Sequence[Column], expressions: Mapping[int, Expression], sources: NetworkSources
) -> dict[int, Expression]:
    """The size of patches for kernels that are as large as their steps, and for two sides in a shape, where both are
    it in all networks: two numbers together are so by no accident."""
    pairs = [*_kernels_and_strides(columns), *neighbours(group)]
    found: dict[int, Expression] = {}
    for parameter in sources.known:
        whole = all(type(value) is int and value > 1 for value in parameter.values)
        if _PATCH not in parameter.name or not whole or not sources.is_argument(parameter):
            continue
        for pair in pairs:
            plain = all(isinstance(expressions.get(place), ConstantNumber) for place in pair)
            if plain and all(list(columns[place].values) == parameter.values for place in pair):
                found.update(dict.fromkeys(pair, ParameterName(parameter.name)))
                sources.use(parameter)
    return found


def _kernels_and_strides(columns: Sequence[Column]) -> Iterator[tuple[int, int]]:
    kernels = {id(one.statement): place for place, one in enumerate(columns) if one.role == "kernel_size"}
    for place, one in enumerate(columns):
        if one.role == "stride" and id(one.statement) in kernels:
            yield kernels[id(one.statement)], place


def rests_of_counts(
    columns: Sequence[Column], expressions: Mapping[int, Expression], sources: NetworkSources
) -> dict[int, Expression]:
    """How long one run of a list is, where arguments say how long the list is and how long the others are: the blocks
    after the first ones."""
    runs: dict[str, list[int]] = {}
    for place, one in enumerate(columns):
        pattern = getattr(getattr(one.statement, "term", None), "value", None)
        if one.role == COUNTS and isinstance(pattern, Pattern) and not pattern.mapped:
            runs.setdefault(pattern.prefix, []).append(place)
    found: dict[int, Expression] = {}
    for places in runs.values():
        plain = [place for place in places if isinstance(expressions.get(place), ConstantNumber)]
        others = [known for place in places if isinstance(known := expressions.get(place), ParameterName)]
        rows = [columns[place].values for place in places]
        if len(plain) != 1 or not others or len(others) != len(places) - 1 or not _are_whole(rows):
            continue
        totals = [sum(counts) for counts in zip(*rows, strict=True)]
        for parameter in sources.known:
            named = sources.is_argument(parameter) and has_affinity(parameter.name, COUNTS)
            if named and parameter.values == totals:
                sources.use(parameter)
                rest: Expression = ParameterName(parameter.name)
                for other in others:
                    rest = Arithmetic("-", rest, other)
                found[plain[0]] = rest
                break
    return found


def _are_whole(rows: Sequence[Sequence[Any]]) -> bool:
    return all(type(value) is int for row in rows for value in row)
