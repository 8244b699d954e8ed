"""Expressions: what stands in a class for a number of its instances."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from archgraph.records import record


@record()
class ConstantNumber:
    """The same number in every instance."""

    value: Any


@record()
class ParameterName:
    """The value of a parameter."""

    name: str


@record()
class Arithmetic:
    """`left operator right`."""

    operator: Literal["+", "-", "*", "//", "**"]
    left: Expression
    right: Expression


Expression: TypeAlias = ConstantNumber | ParameterName | Arithmetic


def evaluated(expression: Expression, arguments: dict[str, Any]) -> Any:
    """What an expression comes to, given the values of the parameters."""
    if isinstance(expression, ConstantNumber):
        return expression.value
    if isinstance(expression, ParameterName):
        return arguments[expression.name]
    left, right = evaluated(expression.left, arguments), evaluated(expression.right, arguments)
    return _OPERATORS[expression.operator](left, right)


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "**": operator.pow,
}
