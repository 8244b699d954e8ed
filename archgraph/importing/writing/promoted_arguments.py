"""Numbers that all networks of a family have and that an argument of their constructors says: a further preset changes
them there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from archgraph.graph.types import Node
from archgraph.importing.writing.counted_starts import has_fixed_start_behind
from archgraph.importing.writing.network_sources import COUNTS, NetworkSources, ParameterSource, has_affinity
from archgraph.structure.expressions import Expression, ParameterName
from archgraph.structure.parameters import fits, is_wide
from archgraph.structure.unification import ABSENT, Column, UnifiedClass

_CLASSES = "num_classes"
_DROP_RATE = "drop_rate"
_LEAST_WIDTH = 16
"""Smaller ones are equal to an argument by accident."""
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
        parameter = next((one for one in self._sources.known if one.name == _CLASSES), None)
        wide = column.role in ("out_features", "out_channels")
        if parameter is None or not wide or any(one != value for one in parameter.values):
            return None
        self._sources.use(parameter)
        return ParameterName(_CLASSES)

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
            plain = source.is_whole and self._sources.is_argument(source.parameters[0])
            named = has_affinity(name, column.role) and "group" not in name  # the width of each
            if plain and named and fits(column.values, source.values):
                self._sources.use(*source.parameters)
                return source.expression
        return None
