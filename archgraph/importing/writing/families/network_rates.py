"""Rates of stochastic depth of a family, in its counts of layers: `=rate * (depths[0] + i) / (sum(depths) - 1)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.classes.network_sources import COUNTS, NetworkSources, has_affinity, length, stepped
from archgraph.importing.writing.numbers.depth_rates import BEFORE, LAYERS, RATE, DepthRate
from archgraph.importing.writing.numbers.network_series import varies
from archgraph.importing.writing.numbers.values import expression_text, rate_text
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.columns import fits
from archgraph.structure.expressions import ConstantNumber, Expression, ParameterName
from archgraph.structure.inference import InferredClass
from archgraph.structure.unification import ABSENT, Column

_BINDING = 2
"""Of what is multiplied."""


def grown(column: Column, sources: NetworkSources) -> Expression | None:
    """A rate that grows with the depth, or one of the numbers that it is made of; None for others, and where no list
    says how many layers there are."""
    values = column.values
    if column.role == RATE:
        return _rate(values, sources)
    if column.role in (BEFORE, LAYERS):
        return _sum_of_counts(values, sources)
    present = [value for value in values if value is not ABSENT]
    if not all(isinstance(value, DepthRate) for value in present) or not any(value.before for value in present):
        return None
    numbers = [[ABSENT if value is ABSENT else getattr(value, name) for value in values] for name in _PARTS]
    rate = _rate(numbers[0], sources)
    before, layers = (_sum_of_counts(one, sources) for one in numbers[1:])
    if rate is None or before is None or layers is None:
        return None
    if before == layers:
        return rate
    texts = expression_text(rate, _BINDING), expression_text(before, _BINDING), expression_text(layers)
    return ParameterName(rate_text(*texts))


_PARTS = (RATE, BEFORE, LAYERS)


def with_rates(found: InferredClass, columns: Sequence[Column], networks: Sequence[Mapping[str, Any]]) -> InferredClass:
    """A class of a family to which the largest rate of stochastic depth is handed, and by how many layers it grows,
    where all of the networks, with these arguments, say what they are: else a parameter of the network would change
    them in some places only."""
    for role, is_said in ((RATE, _says_rate), (LAYERS, _says_layers)):
        value = _only_number(found, columns, role)
        if value is not None and all(is_said(value, one) for one in networks):
            found = _handed(found, columns, role)
    return found


def _numbers(found: InferredClass, columns: Sequence[Column], role: str) -> list[int]:
    """The places of the numbers of a role that the class has itself."""
    places = [place for place, one in enumerate(columns) if one.role == role]
    return [place for place in places if isinstance(found.expressions.get(place), ConstantNumber)]


def _only_number(found: InferredClass, columns: Sequence[Column], role: str) -> Any:
    """The number that these are everywhere; None where there is none, or a parameter has the name."""
    values = {value for place in _numbers(found, columns, role) for value in columns[place].values}
    taken = any(one.name == role for one in found.parameters)
    return None if len(values) != 1 or taken or ABSENT in values else values.pop()


def _handed(found: InferredClass, columns: Sequence[Column], role: str) -> InferredClass:
    known = _numbers(found, columns, role)
    made = ClassParameter(role, role, list(columns[known[0]].values))
    expressions = {**found.expressions, **dict.fromkeys(known, ParameterName(role))}
    return replace(found, parameters=(*found.parameters, made), expressions=expressions)


def _says_rate(rate: Any, arguments: Mapping[str, Any]) -> bool:
    return any(_is_rate(name) and value == rate for name, value in arguments.items())


def _says_layers(layers: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a list of counts says how many layers there are, or one more."""
    return any(
        has_affinity(name, COUNTS) and all(type(count) is int for count in value) and sum(value) - layers in (0, 1)
        for name, value in arguments.items()
        if isinstance(value, (list, tuple))
    )


def _is_rate(name: str) -> bool:
    return any(word in name for word in ("drop", "depth"))


def _rate(values: Sequence[Any], sources: NetworkSources) -> Expression | None:
    """The largest rate: the argument that is one."""
    for parameter in sources.known:
        if _is_rate(parameter.name) and fits(values, parameter.values):
            sources.use(parameter)
            return ParameterName(parameter.name)
    return None


def _sum_of_counts(values: Sequence[Any], sources: NetworkSources) -> Expression | None:
    """The layers of the first stages, or of all, and some more or less; of a list, of each stage."""
    lists = [value for value in values if isinstance(value, tuple)]
    if lists:
        columns = [[ABSENT if row is ABSENT else row[place] for row in values] for place in range(len(lists[0]))]
        found = [_sum_of_counts(column, sources) for column in columns]
        texts = [expression_text(one) for one in found if one is not None]
        return ParameterName(f"[{', '.join(texts)}]") if len(texts) == len(found) else None
    present = [value for value in values if value is not ABSENT]
    if present[0] == 0 and not varies(values):
        return ConstantNumber(0)
    for parameter in _counts(sources):
        for text, sums in _sums(parameter):
            more = {value - total for value, total in zip(values, sums, strict=True) if value is not ABSENT}
            if len(more) == 1 and abs(rest := more.pop()) <= 1:
                sources.use(parameter)
                return stepped(ParameterName(text), ("-", -rest) if rest else None)
    return None if varies(values) else ConstantNumber(present[0])


def _counts(sources: NetworkSources) -> Iterator[ClassParameter]:
    """The lists that say how many layers the stages have."""
    for one in sources.lists(COUNTS):
        whole = all(type(count) is int for value in one.values for count in value)
        if whole and (has_affinity(one.name, COUNTS) or one.role == COUNTS):
            yield one


def _sums(parameter: ClassParameter) -> Iterator[tuple[str, list[int]]]:
    """The sums of the first entries of a list, the whole first."""
    yield f"sum({parameter.name})", [sum(value) for value in parameter.values]
    for count in range(length(parameter) - 1, 0, -1):
        text = f"sum({parameter.name}[:{count}])" if count > 1 else f"{parameter.name}[0]"
        yield text, [sum(value[:count]) for value in parameter.values]
