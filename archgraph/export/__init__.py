"""Graph → ONNX, without tracing. onnx itself loads when a file is written."""

from __future__ import annotations

from archgraph.export.api import ExportReport, export, stage_network
from archgraph.export.options import ExportOptions
from archgraph.export.profiles import PROFILES, Profile, profile_named
from archgraph.export.serialization.weights import MatchedWeights

__all__ = [
    "PROFILES",
    "ExportOptions",
    "ExportReport",
    "MatchedWeights",
    "Profile",
    "export",
    "profile_named",
    "stage_network",
]
