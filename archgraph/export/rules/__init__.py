"""The ONNX form of every operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import CPU, CUDA, PORTABLE, rule
from archgraph.ops.families import import_families

import_families(__name__, __path__)

__all__ = ["CPU", "CUDA", "PORTABLE", "OnnxRuleContext", "rule"]
