"""Modules that are called more than once: which later calls do what the first one did, with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import fx
from torch.utils import _pytree as pytree

from archgraph.importing.conversion.kept_modules import KeptClasses
from archgraph.importing.conversion.leaf_modules import is_leaf
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.views import operation_name


def without_equal_calls(root: ModuleCall) -> None:
    """Drops each later call of a module that reads what the first one read: its results are those of the first.

    A call with dropout stays, since training draws anew. So does one inside of a call that does to other values what
    the first one of its module did: that one is applied again as a whole.
    """
    firsts: dict[str, ModuleCall] = {}
    settled: set[ModuleCall] = set()
    for call in list(_calls(root)):
        if not settled.isdisjoint(call.around()):
            continue
        first = firsts.setdefault(call.path, call)
        if first is call or not _has_weights(call):
            continue
        known = correspondence(first, call)
        if known is not None and any(one is not other for one, other in known.outside) and call.parent is first.parent:
            settled.add(call)
            continue
        if known is None or any(one is not other for one, other in known.outside) or _has_dropout(call):
            continue
        for one, other in known.inside:
            other.replace_all_uses_with(one)
        for _, other in reversed(known.inside):
            other.graph.erase_node(other)
        assert call.parent is not None
        call.parent.entries.remove(call)
        settled.add(call)


def repeated_calls(root: ModuleCall, kept: KeptClasses) -> dict[ModuleCall, list[ModuleCall]]:
    """Modules with weights that are applied several times: for each of their calls, all of them, the first one first.

    One call of the module around makes them all, and they do the same to other values. Those that are one operation,
    or are `kept` as one, are no bodies that could be applied again.
    """
    found: dict[ModuleCall, list[ModuleCall]] = {}
    firsts: dict[tuple[int, str], ModuleCall] = {}
    for call in _calls(root):
        if any(around in found and found[around][0] is not around for around in call.around()) or is_leaf(call):
            continue
        if any(kept.operation(around.module) for around in call.around()):
            continue
        first = firsts.setdefault((id(call.parent), call.path), call)
        if first is not call and _has_weights(call) and correspondence(first, call) is not None:
            alike = found.setdefault(first, [first])
            alike.append(call)
            found[call] = alike
    return found


class Correspondence:
    """What two calls of one module have in common: pairs of operations, and pairs of values from outside."""

    def __init__(self) -> None:
        self.inside: list[tuple[fx.Node, fx.Node]] = []
        self.outside: list[tuple[fx.Node, fx.Node]] = []
        self._there: dict[fx.Node, fx.Node] = {}
        self._back: dict[fx.Node, fx.Node] = {}

    def add(self, one: fx.Node, other: fx.Node, inside: bool) -> bool:
        """Whether the two can stand for one another; a value from outside stands for one value only."""
        if self._there.setdefault(one, other) is not other or self._back.setdefault(other, one) is not one:
            return False
        (self.inside if inside else self.outside).append((one, other))
        return True

    def knows(self, one: fx.Node, other: fx.Node) -> bool:
        return self._there.get(one) is other


def correspondence(first: ModuleCall, other: ModuleCall) -> Correspondence | None:
    """How two calls of one module do the same; None where they do not."""
    found = Correspondence()
    return found if _alike(first, other, found) else None


def _alike(first: ModuleCall, other: ModuleCall, found: Correspondence) -> bool:
    if first.path != other.path or len(first.entries) != len(other.entries):
        return False
    for one, two in zip(first.entries, other.entries, strict=True):
        if isinstance(one, ModuleCall) and isinstance(two, ModuleCall):
            if not _alike(one, two, found):
                return False
        elif not (isinstance(one, fx.Node) and isinstance(two, fx.Node) and _does_the_same(one, two, found)):
            return False
    return True


def _does_the_same(one: fx.Node, two: fx.Node, found: Correspondence) -> bool:
    (ours, form), (theirs, other_form) = (pytree.tree_flatten((node.args, node.kwargs)) for node in (one, two))
    if one.target is not two.target or form != other_form:
        return False
    return all(_stands_for(a, b, found) for a, b in zip(ours, theirs, strict=True)) and found.add(one, two, True)


def _stands_for(ours: Any, theirs: Any, found: Correspondence) -> bool:
    if isinstance(ours, fx.Node) and isinstance(theirs, fx.Node):
        return found.knows(ours, theirs) or found.add(ours, theirs, False)
    return type(ours) is type(theirs) and bool(ours == theirs)


def _calls(call: ModuleCall) -> Iterator[ModuleCall]:
    """All calls inside, each before those inside it."""
    for entry in call.entries:
        if isinstance(entry, ModuleCall):
            yield entry
            yield from _calls(entry)


def _has_weights(call: ModuleCall) -> bool:
    return next(call.module.parameters(), None) is not None


def _has_dropout(call: ModuleCall) -> bool:
    dropouts = (node for node in call.operations() if "dropout" in operation_name(node))
    return any(len(node.args) < 2 or node.args[1] for node in dropouts)
