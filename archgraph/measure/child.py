"""One contender in its own process: `python -m archgraph.measure.child`.

Speaks JSON, one line each way. First comes a job; the answer is that it is ready, or why not. Then come questions,
until the pipe is closed. Between them it sleeps in a read, so that the others have the machine to themselves.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from archgraph.errors import ArchgraphError
from archgraph.measure.process_memory import forget_peak, peak, resident
from archgraph.measure.workloads import Arrays, OnnxSubject, Subject, onnx_subject, torch_subject

WARMING = 2
FEWEST = 3
"""Calls in a turn, however long one takes."""


def main() -> None:
    """Answers requests until the pipe closes. What libraries print goes to stderr: the pipe holds answers only."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    try:
        _serve(json.loads(sys.stdin.readline()), answers)
    except Exception as error:
        _send(answers, {"error": _reason(error)})


def _serve(job: Mapping[str, Any], answers: TextIO) -> None:
    """Answers the questions that follow a job, until the pipe is closed."""
    if job["engine"] == "peak":
        from archgraph.measure.machine_peak import peaks

        _threads(job["threads"])
        _send(answers, {})
        for _ in sys.stdin:
            _send(answers, {"peaks": peaks(job["device"], job["precisions"])})
        return
    runner = Runner(job)
    _send(answers, runner.prepare())
    for line in sys.stdin:
        _send(answers, {"seconds": runner.turn(json.loads(line))})


@dataclass
class Runner:
    """A subject with its inputs."""

    job: Mapping[str, Any]
    subject: Subject | None = None
    inputs: dict[str, Arrays] = field(default_factory=dict)

    def prepare(self) -> dict[str, Any]:
        """Loads and warms up, batch after batch, and sends the time and memory it took."""
        torch = self.job["engine"] == "torch"
        _imports(torch)
        if torch:
            _threads(self.job["threads"])
        before, start = resident(), time.perf_counter()
        self.subject = torch_subject(self.job) if torch else onnx_subject(self.job)
        gc.collect()
        forget_peak()
        memory = {batch: self._warmed(batch, path) - before for batch, path in self.job["inputs"].items()}
        return {"before": before, "memory": memory, "loading": time.perf_counter() - start}

    def _warmed(self, batch: str, path: str) -> int:
        """The peak of memory after the first calls of a batch."""
        from archgraph.runtime import load_arrays

        assert self.subject is not None
        self.inputs[batch] = load_arrays(path)
        for _ in range(WARMING):
            self.subject(self.inputs[batch])
        if isinstance(self.subject, OnnxSubject):
            self.subject.settle(self.inputs[batch])
        return peak()

    def turn(self, question: Mapping[str, Any]) -> list[float]:
        """Seconds of each call, after one that wakes the threads."""
        assert self.subject is not None
        subject, arrays = self.subject, self.inputs[question["batch"]]
        subject(arrays)
        found: list[float] = []
        while not _enough(found, question):
            start = time.perf_counter()
            subject(arrays)
            found.append(time.perf_counter() - start)
        return found


def _enough(found: list[float], question: Mapping[str, Any]) -> bool:
    repeats, seconds = question["repeats"], float(question["seconds"])
    if repeats is not None:
        return len(found) >= int(repeats)
    return len(found) >= FEWEST and sum(found) >= seconds


def _imports(torch: bool) -> None:
    """The baseline of memory: the libraries without a network."""
    if torch:
        import archgraph.codegen
        import archgraph.language.load  # noqa: F401
    else:
        from archgraph.runtime import available_devices

        available_devices()


def _threads(number: int | None) -> None:
    import torch

    if number is not None:
        torch.set_num_threads(number)


def _reason(error: Exception) -> str:
    """One line for the table: a problem's message, or the first line of a library's error."""
    if isinstance(error, ArchgraphError):
        first = error.problems[0]
        return f"{first.message}: {first.received}" if first.received else first.message
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"[:200]


def _send(answers: TextIO, data: Mapping[str, Any]) -> None:
    try:
        answers.write(json.dumps(data) + "\n")
        answers.flush()
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)


if __name__ == "__main__":
    main()
