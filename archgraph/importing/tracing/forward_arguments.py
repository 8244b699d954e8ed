"""Under which names the forward of each module read its values, noted while torch.export traces it."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import fx
from torch.fx.experimental import proxy_tensor

_PLACEHOLDER = "arg"
_LIFTED = re.compile(r"(c_)?lifted_tensor_\d+\Z")
"""Constants that torch finds on its way, and puts among the placeholders in the end."""


@dataclass(slots=True)
class ForwardArguments:
    """For each call of a module (its id, and how many calls came before), the names of nodes by parameter, and the
    values that they stood for."""

    calls: dict[tuple[int, int], dict[str, tuple[str, torch.Tensor]]] = field(default_factory=dict)
    _counts: Counter[int] = field(default_factory=Counter)

    def note(self, known: int, module: torch.nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
        """Keeps what a forward is handed. torch.export may call a copy of the module whose id is `known`."""
        mode = proxy_tensor.get_proxy_mode()
        if mode is None:
            return
        place = self._counts[known]
        self._counts[known] += 1
        try:
            bound = inspect.signature(type(module).forward).bind(module, *args, **kwargs)
        except TypeError:
            return
        tensors = dict(_tensors(bound.arguments))
        slots = {name: proxy_tensor.get_proxy_slot(value, mode.tracer, None) for name, value in tensors.items()}
        self.calls[known, place] = {
            name: (slot.proxy.node.name, tensors[name]) for name, slot in slots.items() if slot is not None
        }

    def of(self, module: torch.nn.Module, place: int, graph: fx.Graph) -> dict[fx.Node, str]:
        """The names of a call's inputs, in the order of the forward's parameters."""
        found: dict[fx.Node, str] = {}
        for name, node in self.parameters(module, place, graph).items():
            found.setdefault(node, name)
        return found

    def parameters(self, module: torch.nn.Module, place: int, graph: fx.Graph) -> dict[str, fx.Node]:
        """What a call is handed for each parameter of the forward, as far as these are tensors."""
        nodes = {node.name: node for node in graph.nodes}
        placeholders = [node for node in graph.nodes if node.op == "placeholder" and not _LIFTED.match(node.name)]
        found: dict[str, fx.Node] = {}
        for name, (node_name, value) in self.calls.get((id(module), place), {}).items():
            number = node_name.removeprefix(_PLACEHOLDER).removesuffix("_1")
            if node_name.startswith(_PLACEHOLDER) and number.isdecimal() and int(number) < len(placeholders):
                if _may_be(placeholders[int(number)], value):
                    found[name] = placeholders[int(number)]
            elif node_name in nodes:
                found[name] = nodes[node_name]
        return found


def _tensors(arguments: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors among arguments, those of a list with their numbers: `features0`, `features1`."""
    for name, value in arguments.items():
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, (list, tuple)) and len(value) > 1:
            yield from ((f"{name}{place}", one) for place, one in enumerate(value) if isinstance(one, torch.Tensor))


def _may_be(placeholder: fx.Node, value: torch.Tensor) -> bool:
    """Whether a placeholder has the sizes of a value, as far as both are numbers."""
    found = placeholder.meta.get("val")
    if not isinstance(found, torch.Tensor) or found.ndim != value.ndim:
        return False
    pairs = zip(found.shape, value.shape, strict=True)
    return all(a == b for a, b in pairs if type(a) is int and type(b) is int)


@contextmanager
def noted_arguments(module: torch.nn.Module) -> Iterator[ForwardArguments]:
    """Notes the arguments of all calls inside the context."""
    found = ForwardArguments()
    handles = [
        inner.register_forward_pre_hook(partial(found.note, id(inner)), with_kwargs=True) for inner in module.modules()
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
