"""Parameters of a family under names that the user chose in place of the authors'."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from archgraph.errors import ImportingError, nearest
from archgraph.importing.writing.replaced_texts import replaced_texts
from archgraph.language.schema import names

_BODY = ("inputs", "let", "nodes", "outputs")
_INSIDE = re.compile(r"(?<=\{)[^{}]+(?=\})")


def with_renamed_parameters(spec: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The spec with new names for some parameters of the network. Raises ImportingError for a name that no parameter
    has, or that something else has already."""
    if not renamed:
        return spec
    params = spec.get("params", {})
    taken = {*params, *spec.get("let", {}), *_walked(spec["nodes"])} - {*renamed}
    for old, new in renamed.items():
        if old not in params:
            raise ImportingError(
                f"no parameter of the family is called {old}",
                expected=f"one of {', '.join(params)}" if params else "a family whose networks differ in a number",
                hint=nearest(old, [*params]),
            )
        names.parameter_name(new)
        if new in taken:
            raise ImportingError(f"{old} cannot be called {new}: something else is", expected="a name of its own")
        taken.add(new)
    change = partial(_renamed, renamed)
    presets = {word: _with_keys(given, renamed) for word, given in spec.get("presets", {}).items()}
    return {
        **spec,
        "params": _with_keys(params, renamed),
        **({"presets": presets} if presets else {}),
        **{key: replaced_texts(spec[key], change) for key in _BODY if key in spec},
    }


def _with_keys(given: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    return {renamed.get(name, name): value for name, value in given.items()}


def _walked(nodes: Mapping[str, Any]) -> Iterator[str]:
    """What `for` and `let` call values anywhere in the network's own nodes."""
    for node in nodes.values():
        if isinstance(node, Mapping):
            for key in ("for", "let"):
                yield from node.get(key, {})
            yield from _walked(node.get("nodes", {}))


def _renamed(renamed: Mapping[str, str], text: str) -> str:
    """An expression, or a path with some in braces, with the new names."""
    change: Callable[[str], str] = partial(_in_expression, renamed)
    if text.startswith("="):
        return f"={change(text[1:])}"
    return _INSIDE.sub(lambda match: change(match[0]), text)


def _in_expression(renamed: Mapping[str, str], text: str) -> str:
    """Replaces names from the last one on, so that the places of those before stay."""
    tree = ast.parse(text.strip(), mode="eval")
    found = [part for part in ast.walk(tree) if isinstance(part, ast.Name) and part.id in renamed]
    text = text.strip()
    for part in sorted(found, key=lambda part: -part.col_offset):
        text = text[: part.col_offset] + renamed[part.id] + text[part.col_offset + len(part.id) :]
    return text
