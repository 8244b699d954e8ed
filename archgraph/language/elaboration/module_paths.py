"""Which paths the modules and tensors of a body may have, as far as its text says: whatever `when` leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.errors import ArchgraphError
from archgraph.language.definitions import Definitions
from archgraph.language.expressions.expression import compile_template, is_expression
from archgraph.language.schema.spec import BodySpec, NodeSpec
from archgraph.ops.contract import REGISTRY

UNKNOWN = "\0"
"""Stands for an expression in a level of a path."""
NUMBER = "#"
"""Stands for the number of a copy."""


def has_path(body: BodySpec, definitions: Definitions, levels: Sequence[str]) -> bool:
    """Whether something in a body may stand at a path."""
    return any(_leads(node, definitions, levels) for node in body.nodes)


def first_levels(node: NodeSpec) -> Iterator[str]:
    """The first levels of the paths of a node; what is hidden shows those inside."""
    if node.path != ".":
        yield _levels(node)[0]
    elif node.body is not None:
        for inner in node.body.nodes:
            yield from first_levels(inner)


def _levels(node: NodeSpec) -> list[str]:
    """The levels of a node's path, expressions in it unknown."""
    path = node.path or node.name
    pieces = compile_template(path).pieces
    levels = "".join(piece if isinstance(piece, str) else UNKNOWN for piece in pieces).split(".")
    return [*levels, NUMBER] if node.repeated and len(pieces) == 1 else levels


def _leads(node: NodeSpec, definitions: Definitions, wanted: Sequence[str]) -> bool:
    """Whether a path may be that of a node or of something inside it."""
    if node.path == ".":
        return node.body is None or has_path(node.body, definitions, wanted)
    levels = _levels(node)
    if not all(map(_fits, levels, wanted)):
        return False
    below = wanted[len(levels) :]
    return not below or UNKNOWN in "".join(levels[:-1]) or _stands_inside(node, definitions, below)


def _stands_inside(node: NodeSpec, definitions: Definitions, wanted: Sequence[str]) -> bool:
    """Whether a path may lead below a node: into a group or a block. Below an operation nothing can be put first."""
    if node.body is not None:
        return has_path(node.body, definitions, wanted)
    if node.op is None or is_expression(node.op):
        return True
    try:
        found = definitions.own(node.op)
        if found is None and node.op in REGISTRY:
            return False
        found = found or definitions.find(node.op)
    except ArchgraphError:  # the node itself is at fault, and says so
        return True
    return found is None or has_path(found[0].body, found[1], wanted)


def _fits(level: str, name: str) -> bool:
    if level == NUMBER:
        return name.isdecimal()
    before, unknown, _ = level.partition(UNKNOWN)
    return name.startswith(before) if unknown else name == level
