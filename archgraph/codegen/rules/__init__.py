"""One file of rules per family of operations. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.codegen.rules.registry import (
    DEFINITIONS,
    FUNCTIONS,
    MODULES,
    TorchRuleContext,
    written_as_function,
    written_as_module,
)
from archgraph.ops.families import import_families

import_families(__name__, __path__)

__all__ = [
    "DEFINITIONS",
    "FUNCTIONS",
    "MODULES",
    "TorchRuleContext",
    "written_as_function",
    "written_as_module",
]
