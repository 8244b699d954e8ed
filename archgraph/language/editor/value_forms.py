"""The JSON Schema of a value that only a check knows: values of every form are tried on it.

So contracts, blocks and `meta` say once what they admit, and editors cannot be told otherwise. Where a check is finer
than JSON Schema, the schema admits more than the check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from archgraph.meta.papers import EARLIEST

JsonSchema = dict[str, Any]
Check = Callable[[Any], bool]

LONGEST_LIST = 8
"""A list of at most so many entries is tried; a check that still admits it bounds no length."""
DEEPEST_LIST = 3
NUMBERS = (-1, 0, 1, 2, 3)
FRACTIONS = (-0.5, 0.5, 1.5)
TEXTS = ("x", "ij,jk->ik", "https://x")
MAPPINGS: tuple[Any, ...] = ({}, {"x": 1}, {"x": "x"})
ENTRIES: tuple[Any, ...] = (*NUMBERS[::-1], *FRACTIONS, "x", None, [1], [1, 1])
EXPRESSION = "="
"""What every expression starts with."""


def admitted(fits: Check, choices: Sequence[str] = (), depth: int = 0) -> JsonSchema:
    """What the check admits; `choices` are the texts among it, where they are some words. An expression is admitted
    everywhere, since only elaboration knows its value."""
    found: JsonSchema = {"type": []}
    for form in (_number(fits), _whole(fits), _list(fits, depth)):
        _add(found, form)
    for kind, values in (("boolean", (True,)), ("null", (None,)), ("object", MAPPINGS)):
        if any(map(fits, values)):
            found["type"].append(kind)
    found["type"].append("string")
    if choices or not any(map(fits, TEXTS)):
        found["pattern"] = f"^{EXPRESSION}"
    return {"anyOf": [{"enum": list(choices)}, found]} if choices else found


def _add(found: JsonSchema, form: JsonSchema) -> None:
    """Lets the schema admit one more form: the keywords of a form are about that form only."""
    kind = form.pop("type", None)
    if kind == "integer" and "number" in found["type"]:
        return
    if kind:
        found["type"].append(kind)
        found |= form


def _number(fits: Check) -> JsonSchema:
    if not any(map(fits, FRACTIONS)):
        return {}
    found: JsonSchema = {"type": "number"}
    if not fits(-0.5):
        found["minimum" if fits(0.0) else "exclusiveMinimum"] = 0
    if not fits(1.5):
        found["maximum" if fits(1.0) else "exclusiveMaximum"] = 1
    return found


def _whole(fits: Check) -> JsonSchema:
    least = next(filter(fits, (*NUMBERS, EARLIEST)), None)
    if least is None:
        return {}
    return {"type": "integer"} | ({"minimum": least} if least > NUMBERS[0] else {})


def _list(fits: Check, depth: int) -> JsonSchema:
    lengths = dict(_admitted_lists(fits))
    if not lengths:
        return {}
    least, most = min(lengths), max(lengths)
    found: JsonSchema = {"type": "array"}
    if not most:  # its entries are of a form that is not tried
        return found
    if least:
        found["minItems"] = least
    if most < LONGEST_LIST:
        found["maxItems"] = most
    if depth < DEEPEST_LIST:
        found["items"] = admitted(lambda entry: fits([entry] * most), depth=depth + 1)
    return found


def _admitted_lists(fits: Check) -> Iterator[tuple[int, Any]]:
    """The lengths of the lists that are admitted, each with an entry that a list of that length may have."""
    for count in range(LONGEST_LIST + 1):
        for entry in ENTRIES[: len(ENTRIES) if count else 1]:
            if fits([entry] * count):
                yield count, entry
                break
