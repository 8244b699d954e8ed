"""The vocabulary: one contract per operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.ops import (
    activation,
    arithmetic,
    attention,
    constant,
    convolution,
    embedding,
    linear,
    normalization,
    pooling,
    rank,
    reduction,
    regularization,
    resize,
    shape,
)
from archgraph.ops.contract import (
    REGISTRY,
    Example,
    Init,
    Inputs,
    Operation,
    Port,
    TensorType,
    Weight,
    lookup,
    make,
)

__all__ = [
    "REGISTRY",
    "Example",
    "Init",
    "Inputs",
    "Operation",
    "Port",
    "TensorType",
    "Weight",
    "activation",
    "arithmetic",
    "attention",
    "constant",
    "convolution",
    "embedding",
    "linear",
    "lookup",
    "make",
    "normalization",
    "pooling",
    "rank",
    "reduction",
    "regularization",
    "resize",
    "shape",
]
