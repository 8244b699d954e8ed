"""The vocabulary: one contract per operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

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
from archgraph.ops.families import import_families

WITHOUT_OPERATIONS = ("attributes", "contract", "families", "reference", "requirements", "rules", "traits")
"""Files of this folder that are no family. One that is missing here is merely imported with the families."""

FAMILIES = import_families(__name__, __path__, WITHOUT_OPERATIONS)

__all__ = [
    "FAMILIES",
    "REGISTRY",
    "Example",
    "Init",
    "Inputs",
    "Operation",
    "Port",
    "TensorType",
    "Weight",
    "lookup",
    "make",
]
