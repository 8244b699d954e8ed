"""Weights for torch's modules: tensors that fit are read into memory of the module's own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from archgraph.weights.element_types import FROM_ML_DTYPES
from archgraph.weights.fitting import FittedWeights
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.targets import WeightsTarget
from archgraph.weights.tensors import LazyTensor, Tensors
from archgraph.weights.wanted import WantedWeight

Weights: TypeAlias = str | Path | Mapping[str, Any] | WeightsRequest | FittedWeights
_MANY_BYTES = 1 << 26
"""From here on threads are worth their start."""


def network_of_module(module: nn.Module, title: str = "") -> WeightsTarget:
    """A module as weights see it: what its state dict holds."""
    kept = module.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    wanted = {}
    for key, tensor in kept.items():
        tied = first.setdefault(id(tensor), key)
        dtype = str(tensor.dtype).removeprefix("torch.")
        wanted[key] = WantedWeight(tuple(tensor.shape), dtype, tied if tied != key else "")
    return WeightsTarget(title or type(module).__name__, wanted)


def give_weights(
    module: nn.Module, weights: FittedWeights, ties: Mapping[str, str], device: torch.device | None
) -> None:
    """Gives a module on the meta device all its tensors. Raises WeightsError where a file has changed."""
    placed = _read(module, weights.tensors, device)
    weights.require_unchanged()
    module.load_state_dict(placed, strict=True, assign=True)
    _tie(module, ties)
    _settle(module, device)


def _read(module: nn.Module, tensors: Tensors, device: torch.device | None) -> dict[str, Tensor]:
    """The tensors by key, in order; many bytes are read by as many threads as torch computes with."""
    state = module.state_dict()

    def placed(key: str) -> Tensor:
        return torch_tensor(tensors[key], state[key].dtype, device)

    if sum(tensor.size for tensor in tensors.values()) < _MANY_BYTES:
        return {key: placed(key) for key in tensors}
    with ThreadPoolExecutor(torch.get_num_threads(), "archgraph-weights") as pool:
        return dict(zip(tensors, pool.map(placed, tensors), strict=True))


def fill(module: nn.Module, weights: FittedWeights) -> None:
    """Puts weights into a module that has numbers already, one tensor after the other. Raises WeightsError."""
    state = module.state_dict()
    with torch.no_grad():
        for key, tensor in weights.tensors.items():
            state[key].copy_(torch_tensor(tensor, state[key].dtype, None))
    weights.require_unchanged()


def torch_tensor(tensor: LazyTensor, dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """The tensor of torch in that type and on that device, in memory that nobody else has."""
    values = tensor.read()
    if tensor.shared or not (values.flags.writeable and values.flags.c_contiguous):
        values = np.array(values, order="C")
    return _of_array(values, tensor.dtype).to(device=device or "cpu", dtype=dtype)


def _of_array(values: Any, dtype: str) -> Tensor:
    """The same memory as a tensor; torch knows the types that numpy lacks by their bits."""
    if dtype not in FROM_ML_DTYPES:
        return torch.from_numpy(values)
    width = values.dtype.itemsize
    bits = torch.from_numpy(values.view(f"u{width}" if width == 1 else f"i{width}"))
    return bits.view(getattr(torch, dtype))


def _tie(module: nn.Module, ties: Mapping[str, str]) -> None:
    for key, source in ties.items():
        owner, _, name = source.rpartition(".")
        shared = getattr(module.get_submodule(owner), name)
        owner, _, name = key.rpartition(".")
        setattr(module.get_submodule(owner), name, shared)


def _settle(module: nn.Module, device: torch.device | None) -> None:
    """Buffers that no file holds, such as the empty one that carries a module's element type, leave the meta device."""
    for part in module.modules():
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(part, name, torch.zeros_like(buffer, device=device or "cpu"))
