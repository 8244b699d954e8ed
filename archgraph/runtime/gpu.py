"""Opens a file on an NVIDIA GPU, through CUDA or TensorRT, or raises the reason. Only size arithmetic may use the CPU.

ONNX Runtime falls back to the CPU in three ways without an error: an unknown provider warns, a provider whose library
does not load logs, and a failing run retries. Each is closed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archgraph.errors import Problem, ProviderError, RunError
from archgraph.runtime.devices import (
    CPU,
    CUDA,
    GPU_WHEELS,
    TENSORRT,
    USE_CPU,
    cuda_problem,
    double_installation,
    load_onnxruntime,
)
from archgraph.runtime.file_errors import file_error, is_of_the_file
from archgraph.runtime.file_profile import NHWC_PROFILES, layout_options, profile_of
from archgraph.runtime.gpu_libraries import TENSORRT_WHEELS, cudnn_problem, load_tensorrt
from archgraph.runtime.native_log import captured_output, reasons
from archgraph.runtime.placement import placement_of, reports_placement
from archgraph.runtime.session_options import session_options

Providers = list[tuple[str, dict[str, str]]]

# Arithmetic on shapes, which the CUDA provider itself leaves to the CPU: a few integers.
SHAPE_OPERATIONS = frozenset(
    {
        *("Shape", "Size", "Gather", "Slice", "Concat", "Split", "Squeeze", "Unsqueeze", "Reshape", "Expand", "Range"),
        *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Min", "Max", "Floor", "Ceil", "ReduceProd", "Cast", "Identity"),
        *("Equal", "Less", "Greater", "Not", "And", "Or", "Where", "Constant", "ConstantOfShape"),
    }
)


def open_cuda(path: Path, threads: int | None, tf32: bool, cuda_graph: bool = False) -> Any:
    """A session on CUDA only. Raises ProviderError with the reason and the remedy."""
    if problem := cuda_problem():
        raise ProviderError(problem)
    return _open(path, threads, [(CUDA, cuda_options(tf32, cuda_graph) | layout_options(path))])


def open_tensorrt(path: Path, threads: int | None, tf32: bool, engines: Path | None) -> Any:
    """A session on TensorRT, with CUDA for the rest. The engines that it builds are cached in a folder, if given.

    Raises ProviderError with the reason and the remedy.
    """
    if problem := cuda_problem():
        raise ProviderError(problem)
    if problem := load_tensorrt():
        raise ProviderError(problem)
    return _open(path, threads, [(TENSORRT, tensorrt_options(engines)), (CUDA, cuda_options(tf32, False))])


def cuda_options(tf32: bool, cuda_graph: bool) -> dict[str, str]:
    """The CUDA provider's options."""
    return {"use_tf32": str(int(tf32))} | ({"enable_cuda_graph": "1"} if cuda_graph else {})


def tensorrt_options(engines: Path | None) -> dict[str, str]:
    """The TensorRT provider's options: engines and timings are cached, since building them takes minutes."""
    if engines is None:
        return {}
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
    }


def tf32_note(device: str, asked: bool, environment: Mapping[str, str]) -> str:
    """Whether float32 products are made in TF32, which keeps three digits of seven."""
    forced = environment.get("NVIDIA_TF32_OVERRIDE", "")
    if forced in ("0", "1"):
        return f"TF32 is {'on' if forced == '1' else 'off'}: NVIDIA_TF32_OVERRIDE={forced} says so"
    if device == "tensorrt" and not asked:
        return "TensorRT may use TF32 for float32; NVIDIA_TF32_OVERRIDE=0 forbids it"
    return "TF32 is on: float32 products keep three digits" if asked else "TF32 is off"


def _open(path: Path, threads: int | None, providers: Providers) -> Any:
    """A session on the first provider, and on nothing else than the given ones. Raises ProviderError."""
    ort = load_onnxruntime()
    with captured_output() as log:
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        options = _strict_options(ort, threads)
        try:
            session = ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
        except Exception as error:  # ONNX Runtime's classes share no base below Exception
            session, failure = None, error
    if session is None:
        raise _refused(path, providers, failure, log.text) from failure
    if problem := _unfit(session, providers, log.text, profile_of(path)):
        raise ProviderError(problem)
    session.disable_fallback()
    return session


def _unfit(session: Any, providers: Providers, log: str, profile: str) -> Problem | None:
    """Why an opened session would not run on the requested device: a provider, cuDNN or a kernel is missing."""
    if session.get_providers()[: len(providers)] != [name for name, _ in providers]:
        return _not_loaded(log, providers[0][0])
    return cudnn_problem() or _cpu_fallback_problem(session, profile)


def _strict_options(ort: Any, threads: int | None) -> Any:
    """Nodes on the CPU are judged where ONNX Runtime can name them, and forbidden where it cannot."""
    options = session_options(ort, threads)
    if not reports_placement(ort):
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _cpu_fallback_problem(session: Any, profile: str = "") -> Problem | None:
    placement = placement_of(session)
    return None if placement is None else judge_cpu_nodes(placement.nodes.get(CPU, ()), profile)


def judge_cpu_nodes(nodes: Iterable[tuple[str, str]], profile: str = "") -> Problem | None:
    """A problem where any of the (operation, name) that run on the CPU is more than arithmetic on shapes."""
    heavy = [(operation, name) for operation, name in nodes if operation not in SHAPE_OPERATIONS]
    if not heavy:
        return None
    counts = Counter(operation for operation, _ in heavy)
    remedy = "export it for the CPU, and" if profile in NHWC_PROFILES else "export it with --profile cuda, or"
    return Problem(
        f"{len(heavy)} nodes of the file have no CUDA kernel and would run on the CPU",
        received=", ".join(f"{operation} × {count}" for operation, count in sorted(counts.items())),
        hint=f"{remedy} {USE_CPU}; the first of them is '{heavy[0][1]}'",
    )


def _refused(path: Path, providers: Providers, failure: Exception, log: str) -> RunError:
    """Whose fault it was: the file's, that of cuDNN which is not there, a node's without a kernel, or the device's."""
    message, name = str(failure), "TensorRT" if providers[0][0] == TENSORRT else "CUDA"
    if is_of_the_file(message):
        return file_error(path, message, load_onnxruntime().__version__)
    if ("NOT_IMPLEMENTED" in message or "cudnn" in message.lower()) and (missing := cudnn_problem()):
        return ProviderError(missing)
    if "fallback to CPU EP" in message or "node_provider_type.empty()" in message:  # neither device has a kernel
        hint = f"upgrade onnxruntime-gpu, export with another profile, or {USE_CPU}"
        return ProviderError("nodes of the file have no CUDA kernel", received=message, hint=hint)
    if "raph capture feature" in message or "CUDA Graph feature" in message:
        hint = "open it without cuda_graph, or export it with sizes that are fixed"
        return ProviderError(f"{path} cannot be captured as a CUDA graph", received=message, hint=hint)
    received = "; ".join(part for part in (message, reasons(log)) if part)
    return ProviderError(f"{path} cannot be opened on {name}", received=received, hint=f"{GPU_WHEELS}; or {USE_CPU}")


def _not_loaded(log: str, provider: str) -> Problem:
    name, wheels = ("TensorRT", TENSORRT_WHEELS) if provider == TENSORRT else ("CUDA", GPU_WHEELS)
    return Problem(
        f"ONNX Runtime cannot load its {name} provider",
        received=reasons(log) or "no reason given",
        hint=double_installation() or f"{wheels}; or {USE_CPU}",
    )
