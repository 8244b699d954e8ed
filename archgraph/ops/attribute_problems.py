"""What is wrong with the attributes of an operation, in the words of the language, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from archgraph.dims import Size
from archgraph.errors import Problem, nearest
from archgraph.ops.attributes import type_text
from archgraph.ops.counterparts.arguments import argument_hint

if TYPE_CHECKING:
    from archgraph.ops.contract import Operation

FOLLOW = ("in_channels", "in_features", "num_features", "num_channels")
"""What torch's modules are told, and what an operation takes from the value that it reads."""


def read_by_in(port: str) -> str:
    """The hint for a port that is written as if it were an attribute."""
    return f"'{port}' is an input: in: {{{port}: …}}"


def problems_of(kind: type[Operation], attributes: Mapping[str, Any], error: ValidationError) -> list[Problem]:
    """What is wrong with the attributes of an operation, one problem for each; `path` holds the attribute's name for
    the caller to place."""
    first = {str(item["loc"][0]) if item["loc"] else "": item for item in error.errors()}
    return [_problem(kind, attributes, item) for item in first.values()]


def _problem(kind: type[Operation], attributes: Mapping[str, Any], item: Any) -> Problem:
    """A complaint of Pydantic in the words of the language."""
    key = str(item["loc"][0]) if item["loc"] else ""
    known = list(kind.model_fields)
    if item["type"] == "extra_forbidden":
        return Problem(
            f"{kind.name} has no parameter '{key}'",
            path=key,
            subject=key,
            expected=f"one of {', '.join(known)}" if known else f"{kind.name} takes no parameters",
            hint=_meant(key, kind),
        )
    if item["type"] == "missing":
        return Problem(f"{kind.name} needs the parameter '{key}'", path=key, subject=key, expected=type_text(kind, key))
    reason = str(item.get("ctx", {}).get("error", "")) if item["type"] == "value_error" else ""
    if not key:
        return Problem(f"{kind.name}: {reason or item['msg']}")
    return Problem(
        f"{kind.name}: the parameter '{key}' has a wrong value" + (f": {reason}" if reason else ""),
        path=key,
        subject=key,
        expected=type_text(kind, key),
        received=_received(attributes.get(key)),
        hint=_written_otherwise(key, attributes.get(key)),
    )


def _meant(key: str, kind: type[Operation]) -> str:
    """What to write in the place of an unknown attribute."""
    if key in FOLLOW:
        return f"leave '{key}' out: it follows from what the node reads"
    if key in {port.name for port in kind.ports}:
        return read_by_in(key)
    if key.isdecimal() and kind.model_fields:
        return f"arguments have names: {next(iter(kind.model_fields))}: {key}"
    return foreign_argument(key, kind.model_fields) or nearest(key, kind.model_fields)


def _written_otherwise(key: str, value: Any) -> str:
    """How a text is written that spells a number, several numbers or a truth value; '' for all others."""
    if not isinstance(value, str):
        return ""
    if _NUMBER.fullmatch(value):
        return f"write {value}, without quotes"
    if _SEVERAL.fullmatch(value):
        return f"write [{', '.join(re.findall('[0-9]+', value))}]"
    if value.lower() in _TRUTH:
        return f"write {_TRUTH[value.lower()]}"
    if key == "padding" and value.lower() in _PADDINGS:
        return _PADDINGS[value.lower()]
    return ""


_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_SEVERAL = re.compile(r"[(]?[0-9]+(\s*[x×,*]\s*[0-9]+)+[)]?")
_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_PADDINGS = {
    "same": "write a number: with stride 1, half of kernel_size - 1 keeps the size (1 for a kernel of 3)",
    "valid": "write 0",
}


def foreign_argument(key: str, known: Collection[str]) -> str:
    """The hint for an argument under the name that another library gives it, or ''."""
    return argument_hint(key, known)


def _received(value: Any) -> str:
    if value is None:
        return "null"
    return f"the size {value}" if isinstance(value, Size) else f"{value!r} ({type(value).__name__})"
