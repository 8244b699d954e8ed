"""Weights that are in memory: a state dict of torch's tensors or of arrays, or what has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.given_tensors import require_tensors
from archgraph.weights.element_types import FROM_ML_DTYPES, numpy_type, type_name, without_ml_dtypes
from archgraph.weights.tensors import LazyTensor, Tensors


def module_tensors(module: Any) -> dict[str, LazyTensor]:
    """The tensors of a torch module, or of anything else with a `state_dict()`. Raises WeightsError."""
    return mapped_tensors(module.state_dict())


def mapped_tensors(given: Mapping[str, Any]) -> dict[str, LazyTensor]:
    """The tensors of a mapping, which are not copied. Raises WeightsError for what is no tensor."""
    plain = {key: value for key, value in given.items() if not isinstance(value, LazyTensor)}
    require_tensors(plain)
    return {key: value if isinstance(value, LazyTensor) else _tensor(key, value) for key, value in given.items()}


def arrays(tensors: Tensors) -> dict[str, Array]:
    """The numbers of all tensors, in types that numpy has itself."""
    return {key: without_ml_dtypes(tensor.read()) for key, tensor in tensors.items()}


def _tensor(key: str, value: Any) -> LazyTensor:
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return LazyTensor(type_name(array), tuple(array.shape), lambda: array, key, shared=True)
    dtype = str(value.dtype).removeprefix("torch.")
    return LazyTensor(dtype, tuple(value.shape), lambda: _array(value, dtype), key, shared=True)


def _array(tensor: Any, dtype: str) -> Array:
    """The numbers of a tensor of torch, which has no arrays of the types that numpy lacks."""
    plain = tensor.detach().cpu()
    if dtype in FROM_ML_DTYPES:
        return np.asarray(plain.float().numpy().astype(numpy_type(dtype)))
    return np.asarray(plain.numpy())
