"""Names for the sides of grids that a spec reads more than once: `let: {side: =img_size // patch_size}`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from archgraph.importing.writing.plain_data.written_nodes import replaced_texts, texts
from archgraph.structure.naming import free

_LEAST = 2
_BEHIND = ("outputs", "order", "blocks")
"""What stands behind the nodes."""


def with_named_grids(spec: dict[str, Any], size: str) -> dict[str, Any]:
    """The spec with a name for each part of the images' `size` that several of its expressions read, the longest ones
    first."""
    named: dict[str, str] = {}
    for word, is_one in (("patches", _is_area), ("side", _is_side)):
        trees = [_tree(text) for text in texts(spec["nodes"]) if text.startswith("=")]
        counts = Counter(ast.unparse(part) for tree in trees for part in _outermost(tree, size, is_one))
        for grid in sorted(counts, key=lambda grid: -len(grid)):
            if counts[grid] < _LEAST:
                continue
            taken = {name.id for tree in trees for name in ast.walk(tree) if isinstance(name, ast.Name)}
            name = free(word, {*taken, *spec["params"], *named})
            named[name] = f"={grid}"
            spec["nodes"] = replaced_texts(spec["nodes"], _naming(grid, name))
    if not named:
        return spec
    before = {key: spec[key] for key in spec if key != "nodes" and key not in _BEHIND}
    return {**before, "let": named, **{key: spec[key] for key in spec if key not in before}}


def _tree(text: str) -> ast.expr:
    return ast.parse(text.removeprefix("="), mode="eval").body


def _is_side(part: ast.AST, size: str) -> bool:
    """Whether it is `size // patch_size`, or a further part of that."""
    if not (isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv)):
        return False
    whole = isinstance(part.left, ast.Name) and part.left.id == size
    return isinstance(part.right, (ast.Name, ast.Constant)) and (whole or _is_side(part.left, size))


def _is_area(part: ast.AST, size: str) -> bool:
    """Whether it is the square of a side."""
    if not (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow)):
        return False
    return _is_side(part.left, size) and isinstance(part.right, ast.Constant) and part.right.value == 2


def _outermost(tree: ast.AST, size: str, is_one: Callable[[ast.AST, str], bool]) -> Iterator[ast.AST]:
    if is_one(tree, size):
        yield tree
        return
    for part in ast.iter_child_nodes(tree):
        yield from _outermost(part, size, is_one)


def _naming(grid: str, name: str) -> Callable[[str], str]:
    """Puts a name in the place of a grid, in what is an expression."""
    dumped = ast.dump(_tree(grid))

    def change(text: str) -> str:
        if not text.startswith("="):
            return text
        changed = _Naming(dumped, name).visit(_tree(text))
        return f"={ast.unparse(changed)}" if ast.dump(changed) != ast.dump(_tree(text)) else text

    return change


class _Naming(ast.NodeTransformer):
    """Puts a name in the place of every part that is equal to an expression, which `ast.dump` wrote."""

    def __init__(self, expression: str, name: str) -> None:
        self._expression, self._name = expression, name

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and ast.dump(node) == self._expression:
            return ast.Name(self._name, ast.Load())
        return self.generic_visit(node)
