"""Where the values come from that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archgraph.errors import Mark
from archgraph.graph.types import Value

MOST_SOURCES = 8


def sources(passed: Mapping[Value, Value], values: Mapping[str, Value]) -> Iterator[tuple[str, Mark | None]]:
    """For each port its type and the node that made the value, looked up through the borders of blocks and groups."""
    for port, value in list(values.items())[:MOST_SOURCES]:
        kind, origin = value.type, _made(passed, value).origin
        yield f"'{port}' is {kind}, from '{origin.address or value.name}'", origin.mark


def _made(passed: Mapping[Value, Value], value: Value) -> Value:
    while value in passed:
        value = passed[value]
    return value
