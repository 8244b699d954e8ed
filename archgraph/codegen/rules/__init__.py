"""One file of rules per family of operations. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.codegen.rules import (
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
from archgraph.codegen.rules.registry import (
    DEFINITIONS,
    FUNCTIONS,
    MODULES,
    Site,
    written_as_function,
    written_as_module,
)

__all__ = [
    "DEFINITIONS",
    "FUNCTIONS",
    "MODULES",
    "Site",
    "activation",
    "arithmetic",
    "attention",
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
    "written_as_function",
    "written_as_module",
]
