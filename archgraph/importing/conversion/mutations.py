"""Operations that change a value in place, as ones that make a new value."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping

import torch
from torch import fx

from archgraph.errors import ImportingError
from archgraph.importing.tracing.places import place_of

_VIEW_NAMES = (
    "view reshape _unsafe_view transpose permute select slice squeeze unsqueeze flatten unflatten expand split chunk "
    "unbind t narrow diagonal movedim view_as expand_as split_with_sizes alias detach"
)
VIEWS = frozenset(_VIEW_NAMES.split())
"""What may share memory with what it reads."""
_PARTS = {"slice": torch.ops.aten.slice_scatter.default, "select": torch.ops.aten.select_scatter.default}
"""For a view of a part: what puts another value into the place of that part."""


def without_mutations(graph: fx.Graph) -> None:
    """Readers that come after a change read what made it; a change of a part makes the whole anew, with another part.

    Raises ImportingError where another view of a changed value is read afterwards.
    """
    order: dict[fx.Node, float] = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if changes_its_input(node):
            _renew(graph, node, order)
    graph.lint()


def require_kept_weights(graph: fx.Graph, weights: Mapping[fx.Node, str]) -> None:
    """Raises ImportingError where evaluation changes a parameter or buffer and reads it afterwards: no network of ours
    remembers what it was called with."""
    order: dict[fx.Node, float] = {node: place for place, node in enumerate(graph.nodes)}
    for node in filter(changes_its_input, graph.nodes):
        changed = node.args[0]
        while _viewed(changed) is not None:
            changed = _viewed(changed)
        if changed in weights and (node.users or _is_read_after(changed, order[node], order)):
            raise ImportingError(
                f"evaluation changes {weights[changed]} and reads it",
                expected="a module whose evaluation leaves its buffers as they are",
                received=place_of(node),
            )


def changes_its_input(node: fx.Node) -> bool:
    """Whether an operation works in place."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    return node.target._schema.is_mutable and bool(node.args) and isinstance(node.args[0], fx.Node)


def _renew(graph: fx.Graph, change: fx.Node, order: dict[fx.Node, float]) -> None:
    """Replaces what a change altered, the parts and the wholes that it is a view of, for those who read them later."""
    time, latest = order[change], change
    changed = change.args[0]
    while isinstance(changed, fx.Node):
        whole = _viewed(changed)
        _refuse_other_views(change, changed, order)
        needed = whole is not None and any(_is_read_after(part, time, order) for part in _wholes(changed))
        _replace_readers(changed, latest, time, order)
        if whole is None or not needed:
            return
        latest = _with_part(graph, changed, whole, latest, change)
        order[latest] = time
        changed = whole


def _viewed(node: fx.Node) -> fx.Node | None:
    """What a view is a view of; None where it is none."""
    if node.op != "call_function" or operation_name(node) not in (*VIEWS, "getitem"):
        return None
    found = node.args[0]
    return found if isinstance(found, fx.Node) else None


def _wholes(node: fx.Node) -> Iterator[fx.Node]:
    whole = _viewed(node)
    while whole is not None:
        yield whole
        whole = _viewed(whole)


def _is_read_after(node: fx.Node, time: float, order: dict[fx.Node, float]) -> bool:
    return any(order[reader] > time for reader in node.users)


def _replace_readers(old: fx.Node, new: fx.Node, time: float, order: dict[fx.Node, float]) -> None:
    for reader in list(old.users):
        if order[reader] > time and reader is not new:
            reader.replace_input_with(old, new)


def _with_part(graph: fx.Graph, part: fx.Node, whole: fx.Node, value: fx.Node, change: fx.Node) -> fx.Node:
    """The whole, with a value in the place of a part of it."""
    target = _PARTS.get(operation_name(part))
    if target is None:
        raise ImportingError(
            f"{operation_name(change)} changes a value through {operation_name(part)}, and it is read afterwards",
            received=place_of(change),
            hint="write it with torch.where, torch.cat or scatter",
        )
    with graph.inserting_after(value):
        made = graph.call_function(target, (whole, value, *part.args[1:]), dict(part.kwargs))
    made.meta = {**change.meta, "val": whole.meta["val"]}
    return made


def _refuse_other_views(change: fx.Node, changed: fx.Node, order: dict[fx.Node, float]) -> None:
    """Raises ImportingError where a view that was made before a change is read after it."""
    for other in changed.users:
        if other is change or not order[other] < order[change] or _viewed(other) is not changed:
            continue
        own = {change.args[0], *_wholes(change.args[0])}  # type: ignore[arg-type]
        if other not in own and _is_read_after(other, order[change], order):
            raise ImportingError(
                f"{operation_name(change)} changes a value of which a view is read afterwards",
                received=place_of(change),
                hint="make the view after the change",
            )


def operation_name(node: fx.Node) -> str:
    """The name of an operation without its overload, and without the mark of a change in place."""
    if isinstance(node.target, torch._ops.OpOverload):
        name = node.target._schema.name.rpartition("::")[2]
        return name.removesuffix("_") if node.target._schema.is_mutable else name
    if node.target is operator.getitem:
        return "getitem"
    return getattr(node.target, "__name__", str(node.target))
