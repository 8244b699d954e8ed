"""How `in` and `outputs` name values: `conv1`, `halves.0`, `skips.pop`, `parts.{i}`, `branches[0:{k}]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import SchemaError
from archgraph.language.expressions.expression import compile_template
from archgraph.records import record

OutputNames = str | tuple[str, ...]
"""What an output hands out: the name of a value, or the names of several, which are numbered."""
LONGEST_REFERENCE = 200
_PLAIN = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z")
_REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9_]+)(?P<parts>(\.[A-Za-z0-9_]+)*)(\[(?P<start>-?\d*):(?P<stop>-?\d*)\])?\Z"
)


@record()
class ValueReference:
    """A value's name, the output or copy of it that is read ('' for the value itself), and which of its parts."""

    name: str
    port: str
    parts: slice | None = None


def reference(text: str) -> str:
    """Checks the text of a reference. Raises SchemaError, ExpressionError."""
    if _PLAIN.match(text):
        return text
    if "{" in text or "}" in text:
        first, *others = compile_template(text).pieces
        literal = isinstance(first, str) and not re.fullmatch(r"[A-Za-z0-9_]*", first)
        if literal and _REFERENCE.match(
            "".join(piece if isinstance(piece, str) else "0" for piece in (first, *others))
        ):
            return text
    elif _REFERENCE.match(text):
        return text
    hint = "'in' takes names, no expressions: leave the '=' out" if text.startswith("=") else ""
    expected = "a name, such as conv1, halves.0, parts.{i} or branches[0:2]"
    raise SchemaError(f"'{text:.{LONGEST_REFERENCE}}' is not the name of a value", expected=expected, hint=hint)


def is_computed(text: str | None) -> bool:
    """Whether a reference holds expressions in braces."""
    return text is not None and "{" in text


def settled(text: str, scope: Mapping[str, Any], facts: Facts) -> str:
    """The reference with its expressions evaluated. Raises SchemaError, ExpressionError."""
    return reference(compile_template(text).evaluate(scope, facts)) if "{" in text else text


def base_name(text: str) -> str:
    """The name of the value that a reference reads, or a part of."""
    return text.partition("[")[0].partition(".")[0]


@lru_cache(maxsize=4096)
def parsed(text: str) -> ValueReference:
    """A settled reference in its parts."""
    if "[" not in text:
        name, _, port = text.partition(".")
        return ValueReference(name, port)
    found = _REFERENCE.match(text)
    assert found is not None
    ends = [int(found[end]) if found[end] else None for end in ("start", "stop")]
    return ValueReference(found["name"], found["parts"].removeprefix("."), slice(*ends))
