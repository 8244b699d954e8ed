"""`repeat:`, `for:` and `map:`: how many copies a node has, and what each of them sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import SchemaError
from archgraph.spec.frame import Frame, static_references
from archgraph.spec.schema import NodeSpec
from archgraph.spec.scope import evaluated

MAX_COPIES = 10_000


@dataclass(frozen=True, slots=True)
class Repetition:
    """The loop variables of each copy, and whether the copies share one input instead of chaining."""

    copies: tuple[dict[str, Any], ...]
    side_by_side: bool


def repetition(spec: NodeSpec, scope: Mapping[str, Any], facts: Facts) -> Repetition:
    """The copies of a node. Raises SchemaError for a count that is none, and for lists of different lengths."""
    lists = {name: _as_list(name, evaluated(value, scope, facts)) for name, value in spec.loop.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if spec.repeat is not None:
        lengths["repeat"] = _as_count(evaluated(spec.repeat, scope, facts))
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise SchemaError("the lists of `for:` must have equal length", expected="equal lengths", received=said)
    count = next(iter(lengths.values()))
    copies = tuple(
        {name: values[k] for name, values in lists.items()} | {"i": k, "first": k == 0, "last": k == count - 1}
        for k in range(count)
    )
    return Repetition(copies, _is_true(evaluated(spec.map, scope, facts)))


def copies_read(frame: Frame, spec: NodeSpec) -> list[str]:
    """The numbers of the copies that somebody reads as `name.0`: looked up in the text, since a body is closed once
    it is finished."""
    references: set[str] = set()
    if frame.spec is not None:
        references.update(frame.spec.outputs.values())
        for node in frame.spec.nodes:
            references |= static_references(node)
    ports = {text.partition(".")[2] for text in references if text.partition(".")[0] == spec.name}
    return sorted((port for port in ports if port.isdigit()), key=int)


def _as_list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise SchemaError(f"`for:` walks lists, and '{name}' is none", expected="a list", received=repr(value))
    return value


def _as_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COPIES:
        raise SchemaError(
            "`repeat:` takes a whole number", expected=f"0 to {MAX_COPIES:,}", received=f"{value!r}"
        )
    return value


def _is_true(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise SchemaError("`map:` must be true or false", expected="true or false", received=repr(value))
