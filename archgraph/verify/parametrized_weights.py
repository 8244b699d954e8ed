"""Weights under weight norm and spectral norm: what a file must hold, and which weights make it hold something else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.export.lowering.parametrized_weight import ParametrizedWeight
from archgraph.ops.parametrization import SpectralNorm

_ASIDE = 0.1
"""How far from the singular vectors random ones are drawn, as a part of their length: σ is then not the largest
singular value, which would hide how it is computed."""


def computed_weight(weight: ParametrizedWeight, state: Mapping[str, Array]) -> Array:
    """The tensor of the file, from the module's state in float64."""
    parts = [np.asarray(state[key], dtype=np.float64) for key in weight.keys]
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(weight.parametrization, SpectralNorm):
            matrix, left, right = parts
            found = matrix / np.einsum("i,ij,j", left, _rows(matrix, weight.parametrization.dim or 0), right)
        else:
            length, direction = parts
            dim = weight.parametrization.dim
            rows = direction.reshape(1, -1) if dim is None else _rows(direction, dim)
            found = direction * (length / np.linalg.norm(rows, axis=1).reshape(length.shape))
    return np.asarray(found.transpose() if weight.transposed else found)


def parts_of(found: Array, weight: ParametrizedWeight, state: Mapping[str, Array]) -> dict[str, Array]:
    """A state that makes this tensor of the file."""
    plain = found.transpose() if weight.transposed else found
    if isinstance(weight.parametrization, SpectralNorm):
        return _spectral_parts(plain, weight, state)
    length, direction = weight.keys
    dim = weight.parametrization.dim
    rows = plain.reshape(1, -1) if dim is None else _rows(plain, dim)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1).reshape(state[length].shape)
    return {length: lengths.astype(found.dtype), direction: np.where(lengths == 0, np.ones_like(plain), plain)}


def _spectral_parts(plain: Array, weight: ParametrizedWeight, state: Mapping[str, Array]) -> dict[str, Array]:
    """The matrix itself, with a left vector that makes σ = 1."""
    matrix, left, right = weight.keys
    reached = _rows(plain, weight.parametrization.dim or 0).astype(np.float64) @ state[right].astype(np.float64)
    made = reached / np.square(reached).sum()
    return {matrix: plain, left: made.astype(state[left].dtype), right: state[right]}


def singular_vectors(matrix: Array, dim: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Vectors of length 1 near the first singular ones, as power iterations would find them in a weight."""
    left, _, right = np.linalg.svd(_rows(matrix, dim).astype(np.float64), full_matrices=False)
    return _near(left[:, 0], rng), _near(right[0], rng)


def _near(vector: Array, rng: np.random.Generator) -> Array:
    moved = vector + _ASIDE * len(vector) ** -0.5 * rng.standard_normal(len(vector))
    return np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)


def _rows(matrix: Array, dim: int) -> Array:
    """A weight as a matrix whose rows are the entries of one of its dimensions."""
    return np.moveaxis(matrix, dim, 0).reshape(matrix.shape[dim], -1)
