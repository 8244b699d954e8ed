"""Parameters of a family that need not be chosen: what they are follows from others in every network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from archgraph.importing.writing.classes.network_sources import entry, length
from archgraph.importing.writing.numbers.followed_parameters import is_told_in_text, names_in, substituted
from archgraph.importing.writing.numbers.following_numbers import LEAST, KnownNumber, list_of_ratios, ratio_of
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import ClassParameter, is_wide
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import Column

_GROUPS = "groups"
_NEAR = (2, 4, 8)
"""Factors between the widths of neighbours."""


class FollowedEntries:
    """The parameters of a family, an expression for each number of its class, and which of these follow from others.

    `texts` are what else speaks of parameters, such as conditions: what they name stays.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        expressions: Mapping[int, Expression],
        parameters: Sequence[ClassParameter],
        texts: Collection[str],
    ):
        self.parameters = list(parameters)
        self.expressions = dict(expressions)
        self._columns = columns
        self._kept = {name for text in texts for name in names_in(ParameterName(text))}

    def dissolve(self, is_argument: Callable[[ClassParameter], bool]) -> None:
        """Leaves out what follows from others. Arguments stay: their authors chose them."""
        for target in reversed(self.parameters.copy()):
            if is_argument(target) or target.name in self._kept or not _is_width(target.role):
                continue
            instead = self._whole(target) or self._by_entries(target)
            if instead is None:
                continue
            self.parameters.remove(target)
            for name, expression in instead.items():
                self._kept |= names_in(expression)
                self.expressions = {
                    place: substituted(one, name, expression) for place, one in self.expressions.items()
                }

    def _whole(self, target: ClassParameter) -> dict[str, Expression] | None:
        """A list that is read as a whole, through one number."""
        if not length(target) or is_told_in_text(target.name, self.expressions):
            return None
        others = [one for one in self._known_numbers(target) if one.expression != ParameterName(target.name)]
        found = list_of_ratios([tuple(value) for value in target.values], others)
        if found is None:
            return None
        return {target.name: ParameterName(f"[{', '.join(map(expression_text, found))}]")}

    def _by_entries(self, target: ClassParameter) -> dict[str, Expression] | None:
        """A number, or the entries of a list that are read one by one."""
        places = range(length(target))
        if places and len({*map(len, target.values)}) > 1:
            return None
        names = {f"{target.name}[{place}]": entry(target, place) for place in places} or {target.name: target.values}
        if any(is_told_in_text(target.name, {0: one}, names) for one in self.expressions.values()):
            return None
        found = {name: self._entry(target, name, values) for name, values in names.items()}
        return None if None in found.values() else {name: one for name, one in found.items() if one is not None}

    def _entry(self, target: ClassParameter, name: str, values: Sequence[Any]) -> Expression | None:
        """The expression for one number: through another of the same step, else through the first or last of a list."""
        if len({*map(repr, values)}) < LEAST:
            return None
        uses = [place for place, one in self.expressions.items() if name in _terms(one)]
        for known in self._beside(uses, target):
            found = ratio_of(values, known, equal=True)
            if found is not None:
                return found
        if length(target):
            return None
        for known in self._known_numbers(target, ends=True):
            found = ratio_of(values, known)
            if isinstance(found, Arithmetic) and {found.left, found.right} & {*map(ConstantNumber, _NEAR)}:
                return found
        return None

    def _beside(self, uses: Collection[int], target: ClassParameter) -> Iterator[KnownNumber]:
        """The other numbers of the steps that have a number."""
        statements = [self._columns[place].statement for place in uses]
        for place, one in self.expressions.items():
            column = self._columns[place]
            beside = column.statement is not None and any(column.statement is other for other in statements)
            own = target.name in names_in(one)
            if beside and not own and isinstance(one, ParameterName) and is_wide(column.role):
                yield KnownNumber(one, column.values)

    def _known_numbers(self, target: ClassParameter, ends: bool = False) -> Iterator[KnownNumber]:
        """The widths that are parameters or entries of these, of lists with `ends` the first and the last."""
        for one in self.parameters:
            if one is target or not (_is_width(one.role) or self._is_read_as_width(one)):
                continue
            if not length(one):
                yield KnownNumber(ParameterName(one.name), one.values)
            places = range(length(one))
            for place in dict.fromkeys((*places[:1], *places[-1:])) if ends else places:
                yield KnownNumber(ParameterName(f"{one.name}[{place}]"), entry(one, place))

    def _is_read_as_width(self, parameter: ClassParameter) -> bool:
        """Whether a number of channels is this parameter, or an entry of it."""
        return any(
            is_wide(self._columns[place].role) and parameter.name in names_in(one)
            for place, one in self.expressions.items()
        )


def _is_width(role: str) -> bool:
    return is_wide(role) or role == _GROUPS


def _terms(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Arithmetic):
        yield from _terms(expression.left)
        yield from _terms(expression.right)
    elif isinstance(expression, ParameterName):
        yield expression.name
