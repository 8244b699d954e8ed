"""Where in the tree of module calls a weight stands: in the innermost call around all operations that read it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx

from archgraph.importing.module_calls import ModuleCall


def weight_places(root: ModuleCall, weights: Mapping[fx.Node, str]) -> dict[fx.Node, ModuleCall]:
    """For each weight that is read, the call whose body holds it: its module is one around the weight's key."""
    found: dict[fx.Node, ModuleCall] = {}
    _visit(root, weights, found)
    return {node: _above(call, weights[node]) for node, call in found.items()}


def _visit(call: ModuleCall, weights: Mapping[fx.Node, str], found: dict[fx.Node, ModuleCall]) -> None:
    for entry in call.entries:
        if isinstance(entry, ModuleCall):
            _visit(entry, weights, found)
            continue
        for node in entry.all_input_nodes:
            if node in weights and not _is_tied(call, weights[node]):
                found[node] = _common(found[node], call) if node in found else call


def _is_tied(call: ModuleCall, key: str) -> bool:
    """Whether a module reads, as its own, a weight whose key is that of another one."""
    path, _, name = key.rpartition(".")
    return call.path != path and name in call.module._parameters and not key.startswith(f"{call.path}.")


def _common(one: ModuleCall, other: ModuleCall) -> ModuleCall:
    """The innermost call around both."""
    around = set(map(id, one.around()))
    return next(call for call in other.around() if id(call) in around)


def _above(call: ModuleCall, key: str) -> ModuleCall:
    return next(around for around in call.around() if not around.path or key.startswith(f"{around.path}."))
