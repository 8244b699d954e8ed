"""Weights as a program reads them: those that a module has under several names under one, and as they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import fx

from archgraph.errors import ImportingError
from archgraph.importing.tracing.places import module_path

_ATEN = torch.ops.aten
_CONVERSIONS = (_ATEN.to.dtype, _ATEN.to.dtype_layout, _ATEN.to.device, _ATEN.to.other, _ATEN.type_as.default)


def read_under_one_name(module: torch.nn.Module, graph: fx.Graph, weights: Mapping[fx.Node, str]) -> None:
    """Lets all readers of a tensor with several keys read it under one: that of the module which reads it first."""
    state = module.state_dict(keep_vars=True)
    groups: dict[int, list[fx.Node]] = {}
    for placeholder, key in weights.items():
        if key in state:
            groups.setdefault(id(state[key]), []).append(placeholder)
    order = {node: place for place, node in enumerate(graph.nodes)}
    for group in groups.values():
        if len(group) > 1:
            readers = sorted({user for one in group for user in one.users}, key=order.__getitem__)
            chosen = _first_owner(group, readers, weights)
            for reader in readers:
                for placeholder in group:
                    reader.replace_input_with(placeholder, chosen)


def read_without_conversions(graph: fx.Graph, weights: Mapping[fx.Node, str]) -> None:
    """Lets readers of `weight.to(x.dtype)` read the weight, where it is of that type already."""
    for placeholder in weights:
        held = placeholder.meta["val"]
        for user in list(placeholder.users):
            if user.target in _CONVERSIONS and user.args[0] is placeholder:
                made = user.meta["val"]
                if (made.dtype, made.device) == (held.dtype, held.device):
                    user.replace_all_uses_with(placeholder)
                    graph.erase_node(user)


def _first_owner(group: Sequence[fx.Node], readers: Sequence[fx.Node], weights: Mapping[fx.Node, str]) -> fx.Node:
    for reader in readers:
        for placeholder in group:
            if weights[placeholder].rpartition(".")[0] == module_path(reader):
                return placeholder
    return group[0]


def first_keys(state: Mapping[str, torch.Tensor]) -> dict[int, str]:
    """For each tensor that stands under several keys of a state dict, by id, the first of them."""
    counts = Counter(map(id, state.values()))
    found: dict[int, str] = {}
    for key, tensor in state.items():
        if counts[id(tensor)] > 1:
            found.setdefault(id(tensor), key)
    return found


def require_one_key_of_buffers(
    state: Mapping[str, torch.Tensor], firsts: Mapping[int, str], read: Collection[str]
) -> None:
    """Raises ImportingError where a buffer of floating-point numbers that is read stands under several keys: a spec
    ties parameters alone, and running statistics under one key would stay behind those under the other."""
    for key, tensor in state.items():
        first = firsts.get(id(tensor), key)
        if isinstance(tensor, torch.nn.Parameter) or not tensor.is_floating_point() or first == key:
            continue
        if key in read or first in read:
            raise ImportingError(
                f"the buffer {key} is {first} under another name",
                expected="each buffer under one key of the state dict",
                hint="register the module that has it once; a property of the class can be its other name",
            )
