"""Networks that exist as PyTorch modules: from_torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

if TYPE_CHECKING:
    import torch

    from archgraph.graph.types import Graph

    Module: TypeAlias = torch.nn.Module | Callable[[], torch.nn.Module] | str


@overload
def from_torch(
    module: Mapping[str, Module],
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    dynamic: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    leaves: Mapping[str, str] | None = None,
    verify: bool = True,
) -> dict[str, Graph]: ...


@overload
def from_torch(
    module: Module,
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    dynamic: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    leaves: Mapping[str, str] | None = None,
    verify: bool = True,
) -> Graph: ...


def from_torch(
    module: Module | Mapping[str, Module],
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    dynamic: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    leaves: Mapping[str, str] | None = None,
    verify: bool = True,
) -> Graph | dict[str, Graph]:
    """The graph of a PyTorch module, with its state dict's keys, proved to compute what the module computes.

    `module` is a module, a function that makes one (then blocks have the author's parameters), or a source such as
    "timm:resnet18". `inputs` maps the names of its forward to example tensors, or to texts such as "N,3,H,W" and
    "N,L:int64", in which numbers are fixed sizes and names free ones; where an argument is a list, a tuple or a dict of
    tensors, to these. `graph.spec()` is the text of the spec.

    A mapping of names to several of them is a family: networks of one class, of which each becomes a preset of one
    spec, whose parameters are what differs between them. The result are their graphs, by name; the text of each
    `graph.spec()` has all presets.

    Of example tensors, all sizes are free that can be; or those of `dynamic`, such as {"x": {0: "N", 2: "H"}} or
    {"x": [0, 2]}, and no others.

    `leaves` keeps classes as one node, for which an operation stands, mostly one of a plugin:
    {"GatedLinear": "gates.gated_linear"}. The forward's arguments are its inputs, the state dict its weights, and
    arguments of the constructor its attributes.

    Sizes that are fixed, or that the module's code asks for, are a warning each.

    Raises ImportingError for what has no counterpart, with the module's path and the line of its source, and for
    networks of a family that are of several classes or read other inputs.
    """
    from archgraph.errors import ImportingError
    from archgraph.importing.api import import_module
    from archgraph.importing.family import import_family
    from archgraph.importing.sources.module_source import module_source
    from archgraph.importing.sources.source_names import FORMS

    if inputs is not None and not isinstance(inputs, Mapping):
        raise ImportingError(
            "the inputs are a mapping from the names of the forward's parameters",
            expected="{'x': 'N,3,H,W'} or {'x': torch.zeros(2, 3, 64, 64)}",
            received=type(inputs).__name__,
        )
    several = module if isinstance(module, Mapping) else {"": module}
    for one in several.values():
        if not isinstance(one, str) and not callable(one):
            raise ImportingError("no module is given", expected=f"a torch.nn.Module, what makes one, or {FORMS}")
    sources = {word: module_source(one) if isinstance(one, str) else one for word, one in several.items()}
    if not isinstance(module, Mapping):
        found = import_module(sources[""], inputs, name=name, verify=verify, dynamic=dynamic, leaves=leaves or {})
        for note in found.notes:
            warnings.warn(note, stacklevel=2)
        return found.graph
    family = import_family(sources, inputs, name=name, verify=verify, dynamic=dynamic, leaves=leaves or {})
    for word, network in family.networks.items():
        for note in network.notes:
            warnings.warn(f"{word}: {note}", stacklevel=2)
    return {word: network.graph for word, network in family.networks.items()}
