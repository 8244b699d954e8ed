"""One file of rules per family of operations. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, infix, item, keyword, method, ref, sequence, size, text
from archgraph.codegen.rules.registry import (
    DEFINITIONS,
    FUNCTIONS,
    IMPORTS,
    IN_PLACE,
    MODULES,
    TorchRuleContext,
    attributes,
    define,
    function,
    imports,
    inplace,
    module,
    overwrites,
    written_as_function,
    written_as_module,
)
from archgraph.ops.families import import_families
from archgraph.structure.terms import Term, number

import_families(__name__, __path__)

__all__ = [
    "DEFINITIONS",
    "FUNCTIONS",
    "IMPORTS",
    "IN_PLACE",
    "MODULES",
    "Term",
    "TorchRuleContext",
    "attributes",
    "call",
    "define",
    "function",
    "imports",
    "infix",
    "inplace",
    "item",
    "keyword",
    "method",
    "module",
    "number",
    "overwrites",
    "ref",
    "sequence",
    "size",
    "text",
    "written_as_function",
    "written_as_module",
]
