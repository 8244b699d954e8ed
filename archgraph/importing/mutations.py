"""Operations that change a value in place, as ones that make a new value."""

from __future__ import annotations

import operator

import torch
from torch import fx

from archgraph.errors import ImportingError
from archgraph.importing.places import place_of

VIEWS = frozenset(
    [
        "view",
        "reshape",
        "_unsafe_view",
        "transpose",
        "permute",
        "select",
        "slice",
        "squeeze",
        "unsqueeze",
        "flatten",
        "unflatten",
        "expand",
        "split",
        "chunk",
        "unbind",
        "t",
        "narrow",
        "diagonal",
        "movedim",
        "view_as",
        "expand_as",
        "split_with_sizes",
        "alias",
        "detach",
    ]
)
"""What may share memory with what it reads."""


def without_mutations(graph: fx.Graph) -> None:
    """Readers that come after a change read what made it. Raises ImportingError where a view of a value was changed and
    the value is read afterwards."""
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.op != "call_function" or not _changes_its_input(node):
            continue
        changed = node.args[0]
        assert isinstance(changed, fx.Node)
        _refuse_changed_views(node, changed, order)
        for reader in list(changed.users):
            if order[reader] > order[node]:
                reader.replace_input_with(changed, node)


def _changes_its_input(node: fx.Node) -> bool:
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    return node.target._schema.is_mutable and bool(node.args) and isinstance(node.args[0], fx.Node)


def _refuse_changed_views(node: fx.Node, changed: fx.Node, order: dict[fx.Node, int]) -> None:
    base = changed
    while base.op == "call_function" and operation_name(base) in (*VIEWS, "getitem"):
        base = base.args[0]  # type: ignore[assignment]
        if any(order[reader] > order[node] for reader in base.users):
            raise ImportingError(
                f"{operation_name(node)} changes a part of a value that is read afterwards",
                received=place_of(node),
                hint="write it with torch.where, torch.cat or scatter",
            )


def operation_name(node: fx.Node) -> str:
    """The name of an operation without its overload, and without the mark of a change in place."""
    if isinstance(node.target, torch._ops.OpOverload):
        name = node.target._schema.name.rpartition("::")[2]
        return name.removesuffix("_") if node.target._schema.is_mutable else name
    if node.target is operator.getitem:
        return "getitem"
    return getattr(node.target, "__name__", str(node.target))
