"""Opens a file with ONNX Runtime on the requested device, or raises the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.errors import ProviderError, RunError, nearest
from archgraph.runtime.devices import CPU, double_installation, load_onnxruntime
from archgraph.runtime.external_weights import require_weights_beside
from archgraph.runtime.file_errors import check_file, file_error
from archgraph.runtime.gpu import open_cuda, open_tensorrt, tf32_note
from archgraph.runtime.optimized_models import engine_folder, open_optimised
from archgraph.runtime.placement import Placement, placement_of
from archgraph.runtime.session_options import session_options

DEVICES = ("auto", "cpu", "cuda", "tensorrt")


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session of ONNX Runtime, the device it is on, and what a person should know of the choice.

    `placement` is None where ONNX Runtime does not tell it; `cached` is whether the file was found optimised on disk.
    """

    session: Any
    device: str
    notes: tuple[str, ...] = field(default=())
    placement: Placement | None = None
    cached: bool = False


def open_model(
    path: Path, device: str, threads: int | None, tf32: bool, *, cuda_graph: bool = False, cache: bool = False
) -> OpenedSession:
    """Opens a file. Raises ModelFileError for the file's faults and ProviderError for the device's."""
    _check_options(device, threads, cuda_graph)
    check_file(path)
    require_weights_beside(path, load_onnxruntime().__version__)
    clash = (double_installation(),) if double_installation() else ()
    if device == "cpu":
        return open_cpu(path, threads, cache, clash)
    if device == "tensorrt":
        engines = engine_folder(path) if cache else None
        return _on_gpu(open_tensorrt(path, threads, tf32, engines), device, tf32, clash)
    try:
        return _on_gpu(open_cuda(path, threads, tf32, cuda_graph), "cuda", tf32, clash)
    except ProviderError as error:
        if device == "cuda" or cuda_graph:
            raise
        problem = error.problems[0]
        reason = f"{problem.message}: {problem.received}" if problem.received else problem.message
        return open_cpu(path, threads, cache, (*clash, f"running on the CPU, since {reason}"))


def _check_options(device: str, threads: int | None, cuda_graph: bool) -> None:
    if device not in DEVICES:
        word = str(device).strip().lower()
        hint = "" if word in ("gpu", "nvidia") else nearest(word, DEVICES)
        hint = hint or "a GPU is asked for by cuda or tensorrt"
        raise ProviderError(
            f"there is no device '{device}'", expected=", ".join(DEVICES), received=str(device), hint=hint
        )
    if cuda_graph and device not in ("auto", "cuda"):
        raise ProviderError(
            "CUDA graphs run on CUDA", expected="device='cuda'", received=device, hint="leave cuda_graph out elsewhere"
        )
    if threads is not None and threads < 1:
        raise RunError("the number of threads must be 1 or more", received=str(threads))


def open_cpu(path: Path, threads: int | None, cache: bool = False, notes: tuple[str, ...] = ()) -> OpenedSession:
    """A session on the CPU, from the cache where that is wanted and can be had. Raises ModelFileError."""
    if cache and (found := open_optimised(path, threads)) is not None:
        return OpenedSession(found.session, "cpu", notes, found.placement, found.cached)
    ort = load_onnxruntime()
    try:
        session = ort.InferenceSession(str(path), session_options(ort, threads), providers=[CPU])
    except Exception as error:  # ONNX Runtime's classes share no base below Exception
        raise file_error(path, str(error), ort.__version__) from error
    return OpenedSession(session, "cpu", notes, placement_of(session))


def _on_gpu(session: Any, device: str, tf32: bool, notes: tuple[str, ...]) -> OpenedSession:
    placement = placement_of(session)
    untold = () if placement else (f"onnxruntime {load_onnxruntime().__version__} does not say which nodes run where",)
    return OpenedSession(session, device, (*notes, tf32_note(device, tf32, os.environ), *untold), placement)
