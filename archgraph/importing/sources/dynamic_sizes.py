"""Which dimensions of example tensors are free, as `from_torch(…, dynamic=…)` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch

from archgraph.errors import ImportingError, nearest
from archgraph.importing.sources.input_descriptions import Sizes
from archgraph.importing.tracing.symbols import SYMBOLS_BY_RANK

Dynamic: TypeAlias = Mapping[str, Mapping[int, str] | Sequence[int]]
"""For each input its free dimensions, with names for them or without; all others are fixed."""


def declared_sizes(tensors: Mapping[str, torch.Tensor], dynamic: Dynamic) -> dict[str, Sizes]:
    """The sizes of example tensors: names for the free ones, numbers for the others.

    Raises ImportingError for an input or a dimension that is not there.
    """
    for name in dynamic:
        if name not in tensors:
            raise ImportingError(
                f"dynamic names no example tensor: '{name}'",
                expected=", ".join(tensors) or "example tensors as inputs; in a description, names are free sizes",
                hint=nearest(name, list(tensors)),
            )
    return {name: _sizes(name, tensor, dynamic.get(name, ())) for name, tensor in tensors.items()}


def _sizes(name: str, tensor: torch.Tensor, free: Mapping[int, str] | Sequence[int]) -> Sizes:
    usual = SYMBOLS_BY_RANK.get(tensor.ndim) or tuple(f"D{axis}" for axis in range(tensor.ndim))
    words = dict(free) if isinstance(free, Mapping) else {axis: usual[axis] for axis in free if axis in _axes(tensor)}
    unknown = [axis for axis in free if axis not in _axes(tensor)]
    if unknown:
        raise ImportingError(
            f"dynamic names a dimension that {name} does not have",
            expected=f"from {-tensor.ndim} to {tensor.ndim - 1}",
            received=str(unknown[0]),
        )
    odd = [word for word in words.values() if not isinstance(word, str) or not word.isidentifier()]
    if odd:
        raise ImportingError(
            f"dynamic gives a size of {name} no name", expected="a name such as H", received=str(odd[0])
        )
    chosen = {axis % tensor.ndim: word for axis, word in words.items()}
    return tuple(chosen.get(axis, size) for axis, size in enumerate(tensor.shape))


def _axes(tensor: torch.Tensor) -> range:
    return range(-tensor.ndim, tensor.ndim)
