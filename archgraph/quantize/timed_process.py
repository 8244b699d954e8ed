"""A process that runs one file: it reads a line, runs for a moment, and answers with the median in milliseconds.

It is run by its path and imports nothing of archgraph, so that it is the same whatever has been imported from where.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

BURST = 0.3
"""Seconds of running per turn."""
FEWEST_RUNS = 3


def burst(run: Callable[[], object]) -> float:
    """Milliseconds per run."""
    taken: list[float] = []
    while len(taken) < FEWEST_RUNS or sum(taken) < BURST:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def main(file: str, arrays: str) -> None:
    """Answers each line with a latency."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    with np.load(arrays) as loaded:
        feeds = {name: loaded[name] for name in loaded.files}
    for _ in sys.stdin:
        print(burst(lambda: session.run(None, feeds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
