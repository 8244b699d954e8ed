"""Defaults of parameters: the value that most instances of a class have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from archgraph.importing.writing.depth_rates import RATE, DepthRate
from archgraph.structure.parameters import MISSING, ClassParameter
from archgraph.structure.unification import ABSENT


def with_usual_defaults(parameters: Sequence[ClassParameter]) -> tuple[ClassParameter, ...]:
    """The parameters with a default where a value is usual, those without it first.

    Widths have none, nor has the largest rate of a network: which one is usual says nothing of a class.
    """
    for parameter in parameters:
        if parameter.default is MISSING and not parameter.wide and parameter.role != RATE:
            parameter.default = _usual(parameter)
    return tuple(sorted(parameters, key=lambda parameter: parameter.default is not MISSING))


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
