"""Networks that exist as PyTorch modules: from_torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from archgraph.graph.types import Graph


def from_torch(
    module: torch.nn.Module | Callable[[], torch.nn.Module] | str,
    inputs: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    dynamic: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    verify: bool = True,
) -> Graph:
    """The graph of a PyTorch module, with its state dict's keys, proved to compute what the module computes.

    `module` is a module, a function that makes one (then blocks have the author's parameters), or a source such as
    "timm:resnet18". `inputs` maps the names of its forward to example tensors, or to texts such as "N,3,H,W" and
    "N,L:int64", in which numbers are fixed sizes and names free ones. `graph.spec()` is the text of the spec.

    Of example tensors, all sizes are free that can be; or those of `dynamic`, such as {"x": {0: "N", 2: "H"}} or
    {"x": [0, 2]}, and no others.

    Raises ImportingError for what has no counterpart, with the module's path and the line of its source.
    """
    from archgraph.importing.api import import_module
    from archgraph.importing.example_inputs import described
    from archgraph.importing.sources import module_source

    source = module_source(module) if isinstance(module, str) else module
    wanted = {
        key: described(f"{key}={value}")[1] if isinstance(value, str) else value
        for key, value in (inputs or {}).items()
    }
    return import_module(source, wanted, name=name, verify=verify, dynamic=dynamic).graph
