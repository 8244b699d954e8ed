"""The libraries that ONNX Runtime loads only when it needs them, and whose absence shows late: cuDNN and TensorRT."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

from archgraph.errors import Problem
from archgraph.runtime.devices import GPU_WHEELS, TENSORRT, USE_CPU, load_onnxruntime

TENSORRT_WHEELS = "pip install 'tensorrt-cu13<11' (onnxruntime-gpu is built with TensorRT 10)"
TENSORRT_PARTS = ("nvinfer", "nvinfer_plugin", "nvonnxparser")


def cudnn_problem() -> Problem | None:
    """Why cuDNN cannot be used, with the remedy. Call it after ONNX Runtime has preloaded what it finds.

    From 1.28 on ONNX Runtime opens a file without cuDNN, and fails only when a convolution runs.
    """
    try:
        ctypes.CDLL("cudnn64_9.dll" if sys.platform == "win32" else "libcudnn.so.9")
    except OSError as error:
        hint = f"{GPU_WHEELS}, or pip install nvidia-cudnn-cu13; or {USE_CPU}"
        return Problem("cuDNN 9 cannot be loaded, and convolutions on CUDA need it", received=str(error), hint=hint)
    return None


def load_tensorrt() -> Problem | None:
    """Loads TensorRT's libraries, from its wheel where there is one. Why it cannot be used, with the remedy."""
    providers = load_onnxruntime().get_available_providers()
    hint = f"{TENSORRT_WHEELS}; or use device='cuda'"
    if TENSORRT not in providers:
        received = ", ".join(providers)
        return Problem("the installed onnxruntime has no TensorRT", expected=TENSORRT, received=received, hint=hint)
    try:
        for part in TENSORRT_PARTS:
            _load(part)
    except OSError as error:
        return Problem("TensorRT 10 is not installed", received=str(error), hint=hint)
    return None


def _load(part: str) -> None:
    """Loads one library of TensorRT 10. Raises OSError."""
    name = f"{part}_10.dll" if sys.platform == "win32" else f"lib{part}.so.10"
    inside = [folder / name for folder in _wheel_folders()]
    found = next((path for path in inside if path.is_file()), None)
    ctypes.CDLL(str(found or name))


def _wheel_folders() -> list[Path]:
    """The folder of the libraries in TensorRT's wheel, found without importing it."""
    spec = importlib.util.find_spec("tensorrt_libs")
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
