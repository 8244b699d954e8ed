"""Expressions in the data of a spec: evaluated with the names of the place where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem, SchemaError
from archgraph.graph.types import joined
from archgraph.language.elaboration.frame import FramePlace
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.expressions.values import described
from archgraph.language.schema.spec import NodeSpec


def evaluated(value: Any, scope: Mapping[str, Any], facts: Facts) -> Any:
    """Plain data with every expression in it replaced by its value."""
    if isinstance(value, str):
        return compile_expression(value).evaluate(scope, facts) if value.startswith("=") else value
    if isinstance(value, list):
        return [evaluated(item, scope, facts) for item in value]
    if isinstance(value, dict):
        return {key: evaluated(item, scope, facts) for key, item in value.items()}
    return value


def names_in(value: Any) -> Iterator[str]:
    """The names that the expressions in plain data read."""
    if is_expression(value):
        yield from compile_expression(value).names
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from names_in(item)


def holds_expression(value: Any) -> bool:
    """Whether any part of plain data is an expression."""
    if isinstance(value, (list, dict)):
        return any(map(holds_expression, value.values() if isinstance(value, dict) else value))
    return is_expression(value)


def condition(value: Any, scope: Mapping[str, Any], facts: Facts, what: str = "'when'") -> bool:
    """The truth value of a condition. Raises SchemaError for anything else."""
    result = evaluated(value, scope, facts)
    if isinstance(result, bool):
        return result
    hint = f"write ={value}" if isinstance(value, str) and not is_expression(value) else ""
    expected = "true or false"
    raise SchemaError(
        Problem(f"{what} must be true or false", expected=expected, received=described(result), hint=hint)
    )


class At:
    """Problems that arise inside `with At(place, address, *path):` are put there, unless they have a place already."""

    __slots__ = ("address", "path", "place")

    def __init__(self, place: FramePlace, address: str, *path: str | int):
        self.place, self.address, self.path = place, address, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ArchgraphError):
            raise error.placed(self.place.value(*self.path), self.address) from None


def inner_scope(
    place: FramePlace, spec: NodeSpec, scope: dict[str, Any], facts: Facts, loop: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The names that a node's expressions see: those around it, its loop's, its own `let`."""
    if not spec.let and loop is None:
        return scope
    inner = {**scope, **(loop or {})}
    for name, value in spec.let.items():
        with At(place, joined(place.address, spec.name), *spec.where, "let", name):
            inner[name] = evaluated(value, inner, facts)
    return inner
