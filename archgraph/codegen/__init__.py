"""Graph → PyTorch source → `nn.Module`. torch is imported here, in training, in verify and in what measure starts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import nn

from archgraph.codegen.classes.plan import plan
from archgraph.codegen.load import graph_of, instantiate, unwrapped
from archgraph.codegen.meta_construction import is_on_meta
from archgraph.codegen.placement import device_of, dtype_of
from archgraph.codegen.printing.source_text import write
from archgraph.codegen.printing.spans import WrittenSource
from archgraph.garbage_collection import uncollected

if TYPE_CHECKING:
    from archgraph.codegen.weights import Weights
    from archgraph.graph.types import Graph

__all__ = ["graph_of", "source", "to_torch", "unwrapped", "written"]


def source(graph: Graph, inplace: bool = False) -> str:
    """The network as one file of plain PyTorch, which does not need archgraph.

    Raises CompileError for names and values that cannot stand in code.
    """
    return written(graph, inplace).text


_WRITTEN: tuple[WeakKeyDictionary[Graph, WrittenSource], ...] = (WeakKeyDictionary(), WeakKeyDictionary())
"""The text of each graph without and with operations in place."""


@uncollected()
def written(graph: Graph, inplace: bool = False) -> WrittenSource:
    """The text of the network with the table from its lines to the nodes; written once for each graph."""
    known = _WRITTEN[inplace]
    found = known.get(graph)
    if found is None:
        found = known[graph] = write(plan(graph, inplace))
    return found


@uncollected()
def to_torch(
    graph: Graph,
    weights: Weights | nn.Module | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    inplace: bool = False,
) -> nn.Module:
    """An ordinary module whose paths and state-dict keys are the graph's.

    Weights start as torch starts them, from `seed`, the large ones each from a generator of its own; torch's own
    generator stays as it was. Or they come from files (or a mapping of tensors), which must fit but for what a request
    says. On the device `meta` nothing is initialised. `dtype` is that of the floating-point weights.
    With `inplace`, activations and sums overwrite what modules made, where no other operation needs it.
    Raises CompileError, WeightsError with all keys that do not fit, ProviderError for a device that is not there, and
    SpecError for a type that weights cannot have.
    """
    target, kind = device_of(device), dtype_of(dtype)
    code = written(graph, inplace)
    without_memory = target is not None and target.type == "meta"
    if weights is not None:
        module = _with_weights(graph, code, weights, seed, target)
    else:
        module = instantiate(graph, code, None if without_memory else seed)
    if without_memory and kind is None and is_on_meta(module):
        return module
    return module.to(device=target, dtype=kind)


def _with_weights(
    graph: Graph, code: WrittenSource, weights: Weights | nn.Module, seed: int, target: torch.device | None
) -> nn.Module:
    from archgraph.codegen.weights import fill, give_weights
    from archgraph.weights.fitting import fitted
    from archgraph.weights.targets import network_of

    found = fitted(network_of(graph), weights)
    if target is not None and target.type == "meta":  # which has no place for them
        return instantiate(graph, code, None)
    if found.fresh:  # drawn as a part of the whole network, so that they are those of the seed
        module = instantiate(graph, code, seed)
        fill(module, found)
        return module
    module = instantiate(graph, code, None)
    give_weights(module, found, code.ties, target)
    return module
