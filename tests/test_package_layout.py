"""Modules of a room import one another in one direction, and a class name means one thing in the whole package."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import archgraph

PACKAGE = Path(archgraph.__file__).parent
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())

LATE = {
    "archgraph.graph.types": {"archgraph.graph.lookup", "archgraph.graph.notebook"},
}
"""Imports within a function that close a circle: methods of a class whose work stands in a file of its own."""

PACKAGES_THAT_FIND_THEIR_FILES = {"archgraph.ops.counterparts"}


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported when a file is, or when one of its functions runs; not those of types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules() else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            yield from imported(node)


@pytest.mark.parametrize("room", ROOMS)
def test_the_modules_of_a_room_import_in_one_direction(room: str) -> None:
    own = {name: tree for name, tree in modules().items() if name.startswith(f"archgraph.{room}")}
    own = {name: tree for name, tree in own.items() if name not in PACKAGES_THAT_FIND_THEIR_FILES}
    below = {name: (set(imported(tree)) & own.keys()) - {name} - LATE.get(name, set()) for name, tree in own.items()}
    try:
        TopologicalSorter(below).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(reversed(circle.args[1])))


def test_every_exception_is_still_needed() -> None:
    for name, late in LATE.items():
        assert late <= set(imported(modules()[name])), name


def test_no_class_name_is_defined_twice() -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                defined[node.name].append(module)
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}
