"""The options of ONNX Runtime that every session of ours has."""

from __future__ import annotations

from typing import Any

from archgraph.runtime.placement import RECORD

SILENT = 4  # only what is fatal is logged


def session_options(ort: Any, threads: int | None) -> Any:
    """Silent, with that many threads (None: ONNX Runtime's choice), and able to say where its nodes run."""
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.add_session_config_entry(*RECORD)
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    return options
