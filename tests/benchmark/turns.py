"""Two processes that take turns: what they are asked to time finds the same machine, and a row states medians."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SETTLING = 0.2
"""Seconds at the beginning of a turn that do not count: the other process has had the caches and the cores."""
TURN = 0.6
"""Seconds of a turn that count; a call that takes longer is a turn of its own."""
READY = "ready"


def answer_turns(call: Callable[[], Any]) -> None:
    """Answers each line of the input with the median seconds of the calls of one turn."""
    call()
    print(READY, flush=True)
    for _ in sys.stdin:
        timed(call, SETTLING)
        print(statistics.median(timed(call, TURN)), flush=True)


def timed(call: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each call, until they sum up to as many as given; one call at least."""
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def alternated(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Medians of the turns of processes that wait for each other. Raises RuntimeError where one of them fails."""
    times: dict[str, list[float]] = {kind: [] for kind in commands}
    with contextlib.ExitStack() as stack:
        running = {kind: stack.enter_context(_process(command)) for kind, command in commands.items()}
        try:
            for kind, process in running.items():
                if process.stdout.readline() != f"{READY}\n":
                    raise RuntimeError(f"{kind} failed:\n{process.stderr.read()}")
            for turn in range(rounds):
                for kind in commands if turn % 2 else reversed(commands):
                    running[kind].stdin.write("\n")
                    running[kind].stdin.flush()
                    times[kind].append(float(running[kind].stdout.readline()))
        finally:
            for process in running.values():
                process.stdin.close()
    return times


def _process(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
