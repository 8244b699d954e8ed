"""Which devices are available, and why one is not: checked before ONNX Runtime, which falls back silently."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import os
import sys
from typing import Any

from archgraph.errors import Problem, ProviderError

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
CPU = "CPUExecutionProvider"

GPU_WHEELS = "pip install 'archgraph[cuda]' (onnxruntime-gpu with the CUDA and cuDNN libraries)"
USE_CPU = "use device='cpu'"


def load_onnxruntime() -> Any:
    """The module `onnxruntime`, imported here since it costs 80 ms and needs native libraries. Raises ProviderError."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ProviderError(
            "ONNX Runtime cannot be imported",
            received=str(error),
            hint="pip install onnxruntime-gpu (or onnxruntime, where that has no wheel); never both",
        ) from error


def installed(package: str) -> str:
    """The version of an installed distribution, or ''."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def double_installation() -> str:
    """A sentence where both packages are installed: each overwrites files of the other, so either may be broken."""
    plain, gpu = installed("onnxruntime"), installed("onnxruntime-gpu")
    if not (plain and gpu):
        return ""
    return (
        f"onnxruntime {plain} and onnxruntime-gpu {gpu} are both installed and overwrite each other; "
        "pip uninstall both, then install onnxruntime-gpu alone"
    )


def cuda_problem() -> Problem | None:
    """Why CUDA cannot be used, with the remedy; None where nothing speaks against it yet."""
    ort = load_onnxruntime()
    if CUDA not in ort.get_available_providers():
        return Problem(
            "the installed onnxruntime has no CUDA",
            expected=CUDA,
            received=", ".join(ort.get_available_providers()),
            hint=double_installation() or _without_cuda(),
        )
    if reason := driver_problem():
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = "" if hidden is None else f"; CUDA_VISIBLE_DEVICES is '{hidden}', which may hide it"
        hint = f"install the NVIDIA driver (nvidia-smi must list the GPU), or {USE_CPU}{shown}"
        return Problem("there is no NVIDIA GPU that can be used", received=reason, hint=hint)
    return None


def _without_cuda() -> str:
    if sys.platform == "darwin":
        return f"CUDA does not exist on macOS; {USE_CPU}"
    return f"pip uninstall onnxruntime, then {GPU_WHEELS}; or {USE_CPU}"


def driver_problem() -> str:
    """The problem of the CUDA driver: it is missing, it fails, or it finds no GPU. '' where it works."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError as error:
        return f"the driver is not installed: {error}"
    if code := driver.cuInit(0):
        return f"the driver does not start: cuInit returned CUDA error {code}"
    count = ctypes.c_int(0)
    if code := driver.cuDeviceGetCount(ctypes.byref(count)):
        return f"the driver does not answer: cuDeviceGetCount returned CUDA error {code}"
    return "" if count.value else "the driver finds no GPU"


def available_devices() -> tuple[str, ...]:
    """The devices that are available here: `cpu`, and `cuda` where there is a driver, a GPU and an onnxruntime
    for it. Whether CUDA's libraries load shows when a session is opened."""
    return ("cpu",) if cuda_problem() else ("cuda", "cpu")
