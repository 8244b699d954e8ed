"""Inputs of a block that are a list in the module's forward: one input with `each`, whose values have numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archgraph.graph.types import Value
from archgraph.importing.writing.classes.templates import BodyTemplate

_NUMBERED = re.compile(r"(\D+)(\d+)")
ANY_SIZE = "_"
Symbols = Mapping[tuple[int, int], str]


def list_among(inputs: Sequence[Value]) -> Mapping[int, str]:
    """The places of inputs that were handed over as one list, as their names tell, with what each is called: x2 → x.2,
    and skip, skip2, skip3 → skips.0, skips.1, skips.2. Nothing where there is no list, or several."""
    names = {one.name: place for place, one in enumerate(inputs)}
    lists: dict[str, dict[int, int]] = {}
    for name, place in names.items():
        match = _NUMBERED.fullmatch(name)
        if match is not None:
            lists.setdefault(match[1], {})[int(match[2])] = place
    for word, numbers in lists.items():
        if word in names:
            numbers[1] = names[word]
    found = [(word, numbers) for word, numbers in lists.items() if len(numbers) > 1]
    if len(found) != 1:
        return {}
    word, numbers = found[0]
    first = int(word in names)
    types = {(inputs[place].type.rank, inputs[place].dtype) for place in numbers.values()}
    if sorted(numbers) != list(range(first, first + len(numbers))) or len(types) > 1:
        return {}
    called = f"{word}s" if first and f"{word}s" not in names else word
    return {numbers[number]: f"{called}.{number - first}" for number in sorted(numbers)}


def with_list_of_inputs(template: BodyTemplate) -> BodyTemplate | None:
    """The template with the inputs that are a list as one; None where there is none, or a size of them is needed."""
    listed = list_among(template.body.inputs)
    parts = (part for one in template.entries() for part in one.term.all())
    if not listed or any(part.kind == "shape" and part.value[0] in listed for part in parts):
        return None
    template.listed = listed
    template.arguments = tuple(
        f"{kind} in a list" if place in listed else kind for place, kind in enumerate(template.arguments)
    )
    return template


def without_sizes_of_lists(symbols: Symbols, listed: Mapping[int, str]) -> Symbols:
    """The symbols of the inputs' dimensions: one of a list has a name only where all of its values have this size."""
    common = {axis: len({symbols[place, axis] for place in listed}) == 1 for place, axis in symbols if place in listed}
    return {
        (place, axis): word if place not in listed or common[axis] else ANY_SIZE
        for (place, axis), word in symbols.items()
    }


def listed_outputs(names: Sequence[str], ports: Sequence[str]) -> Mapping[str, str]:
    """What outputs are called that are a list as the inputs are: x2 → x.2; none where they are called otherwise."""
    found = {port.replace(".", ""): port for port in ports if "." in port}
    return found if set(names) == set(found) else {}
