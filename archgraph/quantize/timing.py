"""How long files take on this machine: each in its own process, in turns, so that none disturbs another."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from archgraph.errors import ExportError
from archgraph.runtime import save_arrays

ROUNDS = 5
CHILD = Path(__file__).with_name("timed_process.py")


def latencies(files: Sequence[Path], feeds: Mapping[str, NDArray[Any]]) -> tuple[float, ...]:
    """The median latency of each file in milliseconds. Raises ExportError where one does not run."""
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder, contextlib.ExitStack() as stack:
        arrays = Path(folder) / "feeds.npz"
        save_arrays(arrays, feeds)
        children = [stack.enter_context(_child(file, arrays)) for file in files]
        rounds = [[_turn(child) for child in children] for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


@contextlib.contextmanager
def _child(file: Path, arrays: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", str(CHILD), str(file), str(arrays)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def _turn(child: subprocess.Popen[str]) -> float:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write("\n")
        child.stdin.flush()
        return float(child.stdout.readline())
    except (OSError, ValueError):
        raise ExportError("the process that measures the latency came to an end") from None
