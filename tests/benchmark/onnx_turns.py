"""Times one ONNX file in turns with another process: `python onnx_turns.py FILE INPUTS.npz THREADS`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from turns import answer_turns


def session(path: str, threads: int) -> Any:
    """ONNX Runtime's on the CPU, with all its optimisations."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool"}


def feed(made: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a session reads, by name, in the types that it wants."""
    return {
        item.name: given[item.name].astype(TYPES.get(item.type, given[item.name].dtype)) for item in made.get_inputs()
    }


if __name__ == "__main__":
    path, inputs, threads = sys.argv[1:]
    made = session(path, int(threads))
    given = feed(made, np.load(inputs))
    answer_turns(lambda: made.run(None, given))
