"""What the keys of a change may hold: `set`, `replace`, `before`, `after`, `wrap`, `remove`."""

from __future__ import annotations

from typing import Any

from archgraph.errors import SchemaError
from archgraph.language.expressions.values import described
from archgraph.language.schema.node_patterns import EXAMPLES, node_pattern
from archgraph.language.schema.refusals import collected
from archgraph.language.schema.value_types import text

CHANGE_KEYS = ("set", "replace", "before", "after", "wrap", "remove")
NODE_FORM = "an operation's or block's name, or a mapping such as {op: silu}"


def changed_path(value: str) -> str:
    """The path of a change. Raises SchemaError."""
    return node_pattern(value).text


def removed_paths(value: Any) -> list[str]:
    """One path, or a list of them. Raises SchemaError."""
    if isinstance(value, str):
        return [changed_path(text(value))]
    if isinstance(value, list) and value:
        return list(collected(((at,), entry, lambda one: changed_path(text(one))) for at, entry in enumerate(value)))
    expected = f"a list of paths {EXAMPLES.removeprefix('a path ')}"
    raise SchemaError("'{key}' must list nodes", expected=expected, received=described(value))


def changed_keys(value: Any) -> dict[str, Any]:
    """The keys of a node that are set. Raises SchemaError."""
    if not isinstance(value, dict) or not value:
        hint = f"another operation: replace: {{…: {value}}}" if isinstance(value, str) else ""
        raise SchemaError(
            "'{key}' must be a mapping of the keys that are set",
            expected="a mapping such as {out_features: 10}; null takes a key away",
            received=described(value),
            hint=hint,
        )
    if "nodes" in value:
        message = "'set' changes the keys of a node, and not what is in a group"
        raise SchemaError(message, hint="name the nodes inside by their paths, or write 'replace'")
    return value


def replacement(value: Any) -> Any:
    """What a node applies from now on. Raises SchemaError."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and any(key in value for key in ("op", "nodes", "share")):
        return value
    hint = "single keys are changed by 'set'" if isinstance(value, dict) else ""
    raise SchemaError("'{key}' must be a node", expected=NODE_FORM, received=described(value), hint=hint)


def wrapper(value: Any) -> Any:
    """The block that a node is handed to. Raises SchemaError."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and isinstance(value.get("op"), str):
        return value
    expected = "a block that takes a node: residual_connection, or {op: prenorm, …}"
    raise SchemaError("'{key}' must be a block", expected=expected, received=described(value))


def inserted(value: Any) -> dict[str, Any]:
    """Nodes by name. Raises SchemaError."""
    if isinstance(value, dict) and value:
        return value
    expected = "nodes with their names: {gate: squeeze_excitation}"
    raise SchemaError("'{key}' must be nodes", expected=expected, received=described(value))
