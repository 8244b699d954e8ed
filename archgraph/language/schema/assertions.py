"""What `assert` holds: claims that a block makes of itself, and published numbers of parameters."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from archgraph.errors import SchemaError
from archgraph.language.expressions.values import described
from archgraph.language.schema.refusals import Found, RefusedError, collected, unknown_key
from archgraph.language.schema.value_types import claim, text
from archgraph.records import record


@record(slots=False)
class Asserted:
    """What a block claims of itself: expressions with messages, and published numbers of parameters by preset."""

    claims: tuple[tuple[str, str | None], ...] = ()
    counts: dict[str | None, int] = field(default_factory=dict)


def asserted(value: Any) -> Asserted:
    """`[expression, {that: expression, message: text}]`, or `{parameters: …, that: [...]}`."""
    if isinstance(value, list):
        return Asserted(tuple(collected(((at,), entry, _assertion) for at, entry in enumerate(value))))
    if not isinstance(value, dict):
        expected = "a list of expressions, or {parameters: 25557032, that: [...]}"
        raise SchemaError("'{key}' must be a list of claims", expected=expected, received=described(value))
    _refuse_unknown(value, ("parameters", "that"))
    claims = value.get("that", [])
    claims = claims if isinstance(claims, list) else [claims]
    checked = collected((("that", at), entry, _assertion) for at, entry in enumerate(claims))
    return Asserted(tuple(checked), _counts(value["parameters"]) if "parameters" in value else {})


def _refuse_unknown(value: dict[str, Any], known: tuple[str, ...]) -> None:
    found: Found = [((key, "[key]"), unknown_key(key, known)) for key in value if key not in known]
    if found:
        raise RefusedError(found)


def _assertion(entry: Any) -> tuple[str, str | None]:
    if not isinstance(entry, dict):
        return claim(entry), None
    _refuse_unknown(entry, ("that", "message"))
    if "that" not in entry:
        raise SchemaError("the claim has no expression", expected="{that: expression, message: text}")
    return claim(entry["that"]), text(entry["message"]) if "message" in entry else None


def _counts(value: Any) -> dict[str | None, int]:
    given = value if isinstance(value, dict) else {None: value}
    found: Found = [
        (("parameters",) if preset is None else ("parameters", preset), _no_count(number))
        for preset, number in given.items()
        if type(number) is not int or number < 0
    ]
    if found:
        raise RefusedError(found)
    return dict(given)


def _no_count(number: Any) -> SchemaError:
    expected = "a whole number, or whole numbers by preset"
    return SchemaError(
        "'{key}' must be a published number of parameters", expected=expected, received=described(number)
    )
