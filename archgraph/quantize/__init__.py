"""A float32 file becomes an int8 file for the CPU, and what that costs is measured.

    calibration, pictures   the data: arrays for every input, noised at all times for a diffusion
    uses, layer_selection   who reads whom; what becomes int8 and what stays, and why
    ranges                  the range of every value, observed and narrowed
    qdq                     the model, by onnxruntime.quantization
    output_error, layer_ablation   how far the output moves, by all layers and by each alone
    sensitivity             which layers stay for that
    time_branch             the time branch of a network whose branch is a file of its own
    timing                  latencies of both files, each in its own process
    convert, report         all of that in one function; what it says
    proof, reverification   what can be shown of a quantised file later

onnx and ONNX Runtime load when something is quantised, not when this room is imported.
"""

from __future__ import annotations

from archgraph.quantize.calibration import SAMPLES, Calibration, from_arrays, from_pictures, synthetic, usual_count
from archgraph.quantize.convert import BUDGET, SCHEMES, QuantizationRequest, quantize_file, require_scheme
from archgraph.quantize.pictures import from_path
from archgraph.quantize.report import QuantizeReport
from archgraph.quantize.reverification import Judgement, judge, quantization_of
from archgraph.quantize.source_file import read_float_file, require_other, require_profile

__all__ = [
    "BUDGET",
    "SAMPLES",
    "SCHEMES",
    "Calibration",
    "Judgement",
    "QuantizationRequest",
    "QuantizeReport",
    "from_arrays",
    "from_path",
    "from_pictures",
    "judge",
    "quantization_of",
    "quantize_file",
    "read_float_file",
    "require_other",
    "require_profile",
    "require_scheme",
    "synthetic",
    "usual_count",
]
