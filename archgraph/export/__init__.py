"""Graph → ONNX, without tracing. onnx itself loads when a file is written."""

from __future__ import annotations

from archgraph.export.api import ExportReport, export, source_of, stage_network
from archgraph.export.options import ExportOptions
from archgraph.export.profiles import PROFILES, Profile, profile_named
from archgraph.export.serialization.weights import (
    MatchedWeights,
    ModuleWeights,
    TensorWeights,
    WeightSource,
    open_weights,
)

__all__ = [
    "PROFILES",
    "ExportOptions",
    "ExportReport",
    "MatchedWeights",
    "ModuleWeights",
    "Profile",
    "TensorWeights",
    "WeightSource",
    "export",
    "open_weights",
    "profile_named",
    "source_of",
    "stage_network",
]
