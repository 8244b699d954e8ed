"""Sessions for measuring: on the CPU, quiet, and polite to others when idle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import ExportError
from archgraph.runtime.devices import load_onnxruntime

SILENT = 4


def session(model: Any, optimised: bool = True) -> Any:
    """A session on a model in memory, or on a file. Raises ExportError where ONNX Runtime refuses it."""
    ort = load_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model.SerializeToString() if hasattr(model, "SerializeToString") else str(model)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's classes share no base below Exception
        raise ExportError("ONNX Runtime refuses the quantised network", received=_first_line(error)) from None


def run(opened: Any, feeds: Mapping[str, NDArray[Any]], names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """The outputs by name. Raises ExportError."""
    wanted = list(names) if names is not None else [value.name for value in opened.get_outputs()]
    try:
        return dict(zip(wanted, map(np.asarray, opened.run(wanted, dict(feeds))), strict=True))
    except Exception as error:
        raise ExportError("running the network failed", received=_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
