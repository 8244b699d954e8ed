"""Sessions of ONNX Runtime on the CPU for comparisons, with its optimisations and without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import VerificationError
from archgraph.runtime.external_weights import require_weights_beside

if TYPE_CHECKING:
    import onnxruntime


def session_of(model: str | Path | bytes, optimised: bool) -> onnxruntime.InferenceSession:
    """A session on the CPU that leaves the processor to others when it is idle. Raises VerificationError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    if isinstance(model, Path):
        require_weights_beside(model, onnxruntime.__version__)
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each of its statuses
        raise VerificationError(f"ONNX Runtime refuses the file: {_reason(error)}") from None


def run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a file by name, or of a copy that takes float32 in the place of float16. Raises
    VerificationError."""
    names = [output.name for output in session.get_outputs()]
    wide = {value.name for value in session.get_inputs() if value.type == "tensor(float)"}
    given = {name: array.astype(np.float32) if name in wide else array for name, array in inputs.items()}
    try:
        found = dict(zip(names, session.run(names, given), strict=True))
    except Exception as error:
        raise VerificationError(f"ONNX Runtime cannot run the file: {_reason(error)}") from None
    for name, output in found.items():
        if output is None:  # 1.22 optimises a `Range` away that is handed out, where it is read as indices too
            raise VerificationError(f"ONNX Runtime gives nothing for the output '{name}'")
    return found


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, in one line: of inputs that do not fit, the sizes stand in further ones."""
    return " ".join(str(error).split())[:300]
