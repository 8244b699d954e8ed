"""Random weights that exist while they are read: a large network is proved without a copy of all its weights."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from archgraph.export.lowering.applications import flatten
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.ops.contract import Weight
from archgraph.ops.parametrization import ParametrizedOperation, SpectralNorm
from archgraph.verify.cases import drawn_weight, quiet_keys

MOST_HELD = 1 << 27
"""Bytes of weights in float64 that are kept for the next reader; smaller networks are held whole."""
_FLOAT64 = 8


def is_large(graph: Graph) -> bool:
    """Whether a network's weights are drawn where they are read: those of spectral norms follow from one another."""
    count = sum(int(np.prod(item.weight.shape)) for item in weights(graph))
    operations = (item.node.op for item in weights(graph))
    spectral = any(
        isinstance(op, ParametrizedOperation) and isinstance(op.parametrization, SpectralNorm) for op in operations
    )
    return count * _FLOAT64 > MOST_HELD and not spectral


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a weight is drawn by: its declaration, whether it is quiet, and the key that it is tied to."""

    weight: Weight
    quiet: bool
    key: str


class _Float32Numbers:
    """Numbers from the seed of a key, by torch's generator: in float32 it takes a fifth of numpy's time."""

    def __init__(self, key: str):
        self._generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))

    def standard_normal(self, size: Sequence[int], /) -> Any:
        with torch._C.DisableTorchFunction():
            return torch.randn(size, generator=self._generator, dtype=torch.float32).numpy()

    def uniform(self, low: float, high: float, size: Sequence[int], /) -> Any:
        with torch._C.DisableTorchFunction():
            found = torch.rand(size, generator=self._generator, dtype=torch.float32)
            return (found * (high - low) + low).numpy()


class DrawnWeights:
    """The weights of a graph in float64, each drawn from a seed of its own key.

    Modules hold tensors without contents in their place, which `value` answers for.
    """

    def __init__(self, graph: Graph):
        flow = flatten(graph)
        quiet, items = set(quiet_keys(flow)), {item.key: item.weight for item in weights(graph)}
        ties = {key: flow.ties.get(key, key) for key in items}
        self._kinds = {key: _Kind(items[tied], tied in quiet, tied) for key, tied in ties.items()}
        self._places: dict[int, tuple[torch.Tensor, str]] = {}
        self._recent: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._held = 0

    def drawn(self, key: str) -> torch.Tensor:
        """The numbers of a weight, the same each time."""
        kind = self._kinds[key]
        if kind.key in self._recent:
            self._recent.move_to_end(kind.key)
            return self._recent[kind.key]
        made = torch.from_numpy(drawn_weight(_Float32Numbers(kind.key), kind.weight, kind.quiet)).double()
        self._recent[kind.key] = made
        self._held += made.nbytes
        while self._held > MOST_HELD and len(self._recent) > 1:
            _, old = self._recent.popitem(last=False)
            self._held -= old.nbytes
        return made

    def stand_in(self, module: torch.nn.Module) -> None:
        """Answers for the parameters of a module, which are on the meta device."""
        for key, parameter in module.named_parameters(remove_duplicate=False):
            self._places.setdefault(id(parameter), (parameter, key))

    def value(self, found: Any) -> Any:
        """What is read in the place of an argument: of a parameter its numbers, of all else the same."""
        if isinstance(found, torch.Tensor):
            known = self._places.get(id(found))
            return found if known is None else self.drawn(known[1])
        if type(found) in (list, tuple):
            return type(found)(map(self.value, found))
        return found
