"""Inputs of a block that are a list in the module's forward: one input with `each`, whose values have numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.graph.types import Call, Value
from archgraph.importing.writing.templates import BodyTemplate

_NUMBERED = re.compile(r"(\D+)(\d+)")


def words_of_lists(calls: Sequence[Call]) -> Mapping[int, str]:
    """By the id of a call, what the list is called that all of its inputs are in; those that are called with as many
    have the same channels, so that no expression needs to name them."""
    found: dict[int, str] = {}
    groups: dict[int, list[Call]] = {}
    for call in calls:
        groups.setdefault(len(call.inputs), []).append(call)
    for count, group in groups.items():
        word = _word(group[0].body.inputs)
        fixed = {tuple(map(_fixed, call.body.inputs)) for call in group}
        if (
            count > 1
            and word
            and len(fixed) == 1
            and len({(value.type.rank, value.dtype) for value in group[0].inputs}) == 1
        ):
            found.update((id(call), word) for call in group)
    return found


def _word(inputs: Sequence[Value]) -> str:
    """What numbered inputs have in common in their names; '' where they are not numbered from 0."""
    matches = [_NUMBERED.fullmatch(value.name) for value in inputs]
    words = {match[1] if match is not None else "" for match in matches}
    numbers = [int(match[2]) for match in matches if match is not None]
    return words.pop() if len(words) == 1 and numbers == list(range(len(inputs))) else ""


def _fixed(value: Value) -> tuple[Any, ...]:
    return tuple(size if isinstance(size, int) else None for size in value.shape)


def with_list_of_inputs(template: BodyTemplate, word: str) -> BodyTemplate:
    """The template with its inputs as a list, unless a size of theirs is needed."""
    parts = (part for one in template.entries() for part in one.term.all())
    if word and not any(part.kind == "shape" for part in parts):
        template.list_name = word
        template.arguments = tuple(f"{kind} in {word}" for kind in template.arguments)
    return template


def listed_outputs(names: Sequence[str], ports: Sequence[str]) -> Mapping[str, str]:
    """What outputs are called that are a list as the inputs are: x2 → x.2; none where they are called otherwise."""
    found = {port.replace(".", ""): port for port in ports if "." in port}
    return found if set(names) == set(found) else {}
