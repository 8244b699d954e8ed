"""Branches of a module's code that only change how tensors lie in memory: what they ask of sizes bounds nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

_LAYOUT = frozenset({"contiguous"})
"""Methods whose result is equal to the tensor."""


def changes_layout(place: Any) -> bool:
    """Whether a condition was asked by an `if` under which tensors become contiguous, and nothing else happens."""
    location = place.framework_loc
    name = getattr(location, "filename", "")
    return any(first <= location.lineno <= last for first, last in _branches(name)) if name else False


@lru_cache(256)
def _branches(file: str) -> tuple[tuple[int, int], ...]:
    """The first and last line of the conditions of all such branches in a file."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        tree = ast.parse(text) if "contiguous()" in text else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(_conditions(tree))


def _conditions(tree: ast.AST) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and not node.orelse and all(map(_is_layout, node.body)):
            yield node.test.lineno, node.test.end_lineno or node.test.lineno


def _is_layout(statement: ast.stmt) -> bool:
    """`x = x.contiguous()`."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return False
    call, (target, *others) = statement.value, statement.targets
    if others or call.args or call.keywords or not isinstance(call.func, ast.Attribute):
        return False
    return call.func.attr in _LAYOUT and ast.unparse(target) == ast.unparse(call.func.value)
