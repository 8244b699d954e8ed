"""Pickled weights, asked for by name: a process of its own finds where their bytes lie, and this one reads those."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError
from archgraph.weights.element_types import FLOATS, numpy_type
from archgraph.weights.open_files import FileRange, OpenFile
from archgraph.weights.tensors import LazyTensor, of_bytes

_READER = Path(__file__).with_name("pickle_process.py")
_KNOWN = (*FLOATS, "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")


@dataclass(frozen=True, slots=True)
class Pickle:
    """What a pickle holds: states by name ('' for one that is the whole file), and the names of what is no tensor."""

    states: Mapping[str, dict[str, LazyTensor]]
    others: tuple[str, ...] = ()


def read_pickle(path: Path) -> Pickle:
    """The states of a pickle, read by torch's weights-only reader in a process of its own. Raises WeightsError."""
    file = OpenFile(path)
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        found = _PROCESS.ask(path, folder)
        if "error" in found:
            raise WeightsError(f"'{path}' cannot be read as weights", received=str(found["error"]))
        if not found["states"]:
            kind = found["kind"] or "a mapping without tensors"
            raise WeightsError(f"'{path}' holds no state dict", expected="tensors by name", received=kind)
        spool = found["file"] != str(path)
        source = OpenFile(found["file"]) if spool else file
    file.require_unchanged()
    states = {name: _tensors(path, source, name, state) for name, state in found["states"].items()}
    return Pickle(states, tuple(found["others"]))


def _tensors(path: Path, file: OpenFile, state: str, described: Mapping[str, Any]) -> dict[str, LazyTensor]:
    return {key: _tensor(path, file, key, entry) for key, entry in described.items()}


def _tensor(path: Path, file: OpenFile, key: str, entry: Any) -> LazyTensor:
    """The tensor whose bytes lie there. Raises WeightsError for one without numbers, or outside of the file."""
    if isinstance(entry, str) or entry[0] not in _KNOWN:
        kind = entry if isinstance(entry, str) else entry[0]
        raise WeightsError(f"'{path}': '{key}' cannot be read", expected="a tensor of numbers", received=kind)
    dtype, shape, strides, begin = entry[0], tuple(entry[1]), tuple(entry[2]), entry[3]
    width = numpy_type(dtype).itemsize
    last = sum((size - 1) * step for size, step in zip(shape, strides, strict=True)) if prod(shape) else -1
    size = (last + 1) * width
    if min((*strides, begin), default=0) < 0 or begin + size > file.size:
        raise WeightsError(f"'{path}': the bytes of '{key}' lie outside of the file", received=f"{begin} + {size}")
    extent = FileRange(file.handle, begin, size, file)
    if size == prod(shape) * width and _in_order(shape, strides):
        return of_bytes(dtype, shape, extent, f"{path.name}: {key}")
    steps = tuple(step * width for step in strides)

    def strided() -> Array:
        flat = extent.read().view(numpy_type(dtype))
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, shape, steps))

    return LazyTensor(dtype, shape, strided, f"{path.name}: {key}")


def _in_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether entries stand one behind the other, the last axis fastest."""
    wanted = 1
    for size, step in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and step != wanted:
            return False
        wanted *= size
    return True


class _Process:
    """The process that reads pickles; started when it is first needed, and anew where it has ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: subprocess.Popen[str] | None = None
        self._owner = 0

    def ask(self, path: Path, folder: str) -> Mapping[str, Any]:
        """Its answer. Raises WeightsError where it ends without one."""
        question = json.dumps({"path": str(path), "folder": folder}) + "\n"
        with self._lock:
            for _ in range(2):  # one that was idle for long ends when it is asked
                answer = self._answer(question)
                if answer:
                    return dict(json.loads(answer))
                self.end()
        raise WeightsError(f"'{path}' cannot be read as weights", received="the process that reads it has ended")

    def _answer(self, question: str) -> str:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:
            return ""

    def _started(self) -> subprocess.Popen[str]:
        if self._running is None or self._running.poll() is not None or self._owner != os.getpid():
            _close(self._running)
            self._running, self._owner = _start(), os.getpid()
            atexit.register(self.end)
        return self._running

    def end(self) -> None:
        """It ends when nobody can ask any more."""
        process, self._running = self._running, None
        _close(process)
        if process is not None and self._owner == os.getpid():
            process.wait()


def _close(process: subprocess.Popen[str] | None) -> None:
    """Closes the pipes to a process, in this process; those of a forked one stay as they are."""
    for stream in () if process is None else (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-P", str(_READER)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )


_PROCESS = _Process()
