"""The vocabulary: one contract per operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

from importlib import import_module

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
    operation,
)
from archgraph.ops.families import ON_DEMAND, class_name, import_families
from archgraph.ops.traits import Traits

WITHOUT_OPERATIONS = (
    *(
        "attribute_meanings",
        "attribute_problems",
        "attributes",
        "constant_tables",
        "contract",
        "equations",
        "families",
        "parametrization",
        "promotion",
        "reference",
        "registry",
        "requirements",
        "rules",
        "tables",
    ),
    *("spatial", "traits"),
)
"""Files of this folder that are no family. One that is missing here is merely imported with the families."""


def _imported(name: str) -> type[Operation]:
    """The contract of an operation of a family that is read on demand."""
    family = next(family for family, names in ON_DEMAND.items() if name in names)
    file = import_module(f"{__name__}.{family}")
    classes = (kind for kind in vars(file).values() if isinstance(kind, type) and issubclass(kind, Operation))
    written = next((kind for kind in classes if vars(kind).get("name") == name), None)
    found: type[Operation] = written or getattr(file, class_name(name))
    return found


for _names in ON_DEMAND.values():
    REGISTRY.declare(_names, _imported)  # before any file is read, which may need another one

FAMILIES = (*import_families(__name__, __path__, WITHOUT_OPERATIONS), *ON_DEMAND)

__all__ = [
    "FAMILIES",
    "REGISTRY",
    "Example",
    "Init",
    "Inputs",
    "Operation",
    "Port",
    "TensorType",
    "Traits",
    "Weight",
    "lookup",
    "make",
    "operation",
]
