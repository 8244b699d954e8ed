"""Where in the tree of module calls a weight stands: in the innermost call around all operations that read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import fx

from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.views import arguments_by_name


def weight_places(
    root: ModuleCall,
    weights: Mapping[fx.Node, str],
    state: Mapping[str, torch.Tensor],
    alike: Mapping[ModuleCall, Sequence[ModuleCall]] = MappingProxyType({}),
) -> dict[fx.Node, ModuleCall]:
    """For each weight that is read, the call whose body holds it: its module is one around the weight's key.

    A tensor that several modules own is none of these, where each of them applies its own operation to it: each has its
    own key for it. Of calls that are `alike` the first has the weights.
    """
    counts = Counter(map(id, state.values()))
    several = {node: state[key] for node, key in weights.items() if counts[id(state[key])] > 1}
    for node in set(_read_as_values(root, several)):
        del several[node]
    found: dict[fx.Node, ModuleCall] = {}
    later = {call for call, calls in alike.items() if calls[0] is not call}
    _visit(root, _Weights(weights, several, later), found)
    return {node: _above(call, weights[node]) for node, call in found.items()}


@dataclass(frozen=True, slots=True)
class _Weights:
    """What is placed. `several` are tensors of several modules, `later` calls that read what others have."""

    keys: Mapping[fx.Node, str]
    several: Mapping[fx.Node, torch.Tensor]
    later: Collection[ModuleCall]


def _read_as_values(call: ModuleCall, several: Mapping[fx.Node, torch.Tensor]) -> Iterator[fx.Node]:
    """The weights that something else reads than the operation of a module which owns them under that name."""
    for entry in call.entries:
        if isinstance(entry, ModuleCall):
            yield from _read_as_values(entry, several)
            continue
        for node in entry.all_input_nodes:
            if node in several and not _is_own(call, several[node], _arguments(entry, node)):
                yield node


def _arguments(reader: fx.Node, weight: fx.Node) -> list[str]:
    """The arguments at which an operation reads a weight."""
    return [name for name, value in arguments_by_name(reader).items() if value is weight]


def _is_own(call: ModuleCall, tensor: torch.Tensor, arguments: Collection[str]) -> bool:
    """Whether a tensor is that weight of the module which the arguments of an operation ask for. A module of torch
    reads its weights as its operation does, under whichever names."""
    if type(call.module).__module__.startswith("torch.nn."):
        return owns(call, tensor)
    return any(call.module._parameters.get(name) is tensor for name in arguments)


def _visit(call: ModuleCall, weights: _Weights, found: dict[fx.Node, ModuleCall]) -> None:
    for entry in call.entries:
        if isinstance(entry, ModuleCall):
            if entry not in weights.later:
                _visit(entry, weights, found)
            continue
        for node in entry.all_input_nodes:
            if node not in weights.keys or (node in weights.several and owns(call, weights.several[node])):
                continue
            found[node] = _common(found[node], call) if node in found else call


def owns(call: ModuleCall, tensor: torch.Tensor) -> bool:
    """Whether a tensor is an attribute of the module itself."""
    return any(own is tensor for own in call.module._parameters.values())


def _common(one: ModuleCall, other: ModuleCall) -> ModuleCall:
    """The innermost call around both."""
    around = set(map(id, one.around()))
    return next(call for call in other.around() if id(call) in around)


def _above(call: ModuleCall, key: str) -> ModuleCall:
    return next(around for around in call.around() if not around.path or key.startswith(f"{around.path}."))
