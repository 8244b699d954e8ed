"""The ONNX form of every operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.export.rules import (
    activation,
    arithmetic,
    attention,
    channels_last,
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

__all__ = [
    "activation",
    "arithmetic",
    "attention",
    "channels_last",
    "constant",
    "convolution",
    "embedding",
    "linear",
    "normalization",
    "pooling",
    "rank",
    "reduction",
    "regularization",
    "resize",
    "shape",
]
