"""Defaults of parameters: the value that most instances of a class have, or another width that theirs mostly is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.importing.writing.numbers.depth_rates import RATE, DepthRate
from archgraph.structure.class_parameters import MISSING, ClassParameter
from archgraph.structure.unification import ABSENT

_LEAST = 3
"""Instances that show what is usual."""


@dataclass(frozen=True, slots=True)
class OtherParameter:
    """The default of a width that mostly is what another parameter of the block is, by the name of that."""

    name: str


def with_usual_defaults(parameters: Sequence[ClassParameter]) -> tuple[ClassParameter, ...]:
    """The parameters with a default where a value is usual, those without it first.

    Widths have none, nor has the largest rate of a network: which one is usual says nothing of a class.
    """
    for parameter in parameters:
        if parameter.default is MISSING and not parameter.wide and parameter.role != RATE:
            parameter.default = _usual(parameter)
    for place, parameter in enumerate(parameters):
        if parameter.default is MISSING and parameter.wide:
            before = [one for one in parameters[:place] if one.wide and one.default is MISSING]
            parameter.default = _other(parameter, before)
    return tuple(sorted(parameters, key=lambda parameter: parameter.default is not MISSING))


def _other(parameter: ClassParameter, before: Sequence[ClassParameter]) -> object:
    """The width that three quarters of at least three instances have, in more than two of which it differs."""
    values = parameter.values
    if not all(type(value) is int for one in (parameter, *before) for value in one.values):
        return MISSING
    for other in before:
        same = {value for value, given in zip(values, other.values, strict=True) if value == given}
        count = sum(value == given for value, given in zip(values, other.values, strict=True))
        if len(same) >= _LEAST and 4 * count >= 3 * len(values):
            return OtherParameter(other.name)
    return MISSING


def _usual(parameter: ClassParameter) -> object:
    """The value that occurs most often, where more than a third of at least three instances have it."""
    values = parameter.values
    if len(values) < 3 or any(value is ABSENT or isinstance(value, DepthRate) for value in values):
        return MISSING
    counts = Counter((type(value).__name__, repr(value)) for value in values)
    (chosen, count), *_ = counts.most_common(1)
    return (
        next(value for value in values if (type(value).__name__, repr(value)) == chosen)
        if 3 * count > len(values)
        else MISSING
    )
