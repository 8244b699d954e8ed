"""Work in processes of its own, with limits of CPU seconds and of memory: several at a time, none stops the others.

Processes are forked from one that has imported everything, before it has any thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Result = dict[str, Any]
Work = Callable[[], Result]
FAILED = "failed"
"""The key under which a result says why a process has none."""
BEGIN = time.monotonic()
"""About when this process started."""
GRACE = 30.0
"""Seconds that a process has to end in where no time is left."""
_WALL = 10
"""Seconds of wall time for each CPU second that is allowed: the machine may have other work."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may take."""

    cpu_seconds: int
    gigabytes: int


@dataclass(slots=True)
class _Child:
    """A process, the pipe that it answers on, when it is ended, and whether it leads a group of processes."""

    pid: int
    pipe: int
    until: float
    leads: bool
    answer: bytes = field(default=b"")

    def read(self) -> bool:
        """Takes what is in the pipe; whether more may come."""
        part = os.read(self.pipe, 1 << 16)
        self.answer += part
        return bool(part)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if self.leads else os.kill)(self.pid, signal.SIGKILL)

    def result(self) -> Result:
        """What it answered, or why it did not."""
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        if self.answer:
            with contextlib.suppress(json.JSONDecodeError):
                found: Result = json.loads(self.answer)
                return found
        number = status & 127
        return {
            FAILED: f"ended by {signal.Signals(number).name}: more seconds or memory than allowed"
            if number
            else "ended"
        }


def _started(work: Work, limits: Limits, leads: bool) -> _Child:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return _Child(pid, reader, time.monotonic() + _WALL * limits.cpu_seconds, leads)
    try:
        os.close(reader)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with_parent()
        if leads:
            os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (limits.gigabytes << 30, limits.gigabytes << 30))
        os.dup2(2, 1)  # exporters print what they do
        text = json.dumps(_answer(work))
        with os.fdopen(writer, "w") as pipe:
            pipe.write(text)
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    """Nothing runs on where the survey itself is killed."""
    with contextlib.suppress(AttributeError, OSError):  # elsewhere than on Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answer(work: Work) -> Result:
    try:
        return work()
    except BaseException as error:
        if os.environ.get("TRACE"):
            import traceback

            traceback.print_exc()
        return {FAILED: f"{type(error).__name__}: {error}"[:500]}


def isolated(work: Work, limits: Limits) -> Result:
    """The result of one process, which this one waits for."""
    child = _started(work, limits, leads=False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(child.pipe, selectors.EVENT_READ)
        while waiting.select(max(0.0, child.until - time.monotonic())):
            if not child.read():
                return child.result()
    child.end()
    return child.result()


def several(works: Mapping[str, Work], limits: Limits, workers: int, until: float) -> Iterator[tuple[str, Result]]:
    """The results in the order in which they come, of as many processes at a time as there are workers.

    After `until`, a time of the monotonic clock, none is started, and those that run have `GRACE` seconds to end.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    pending = list(works.items())[::-1]
    running: dict[int, tuple[str, _Child]] = {}
    with selectors.DefaultSelector() as waiting:
        try:
            while running or (pending and time.monotonic() < until):
                while pending and len(running) < workers and time.monotonic() < until:
                    name, work = pending.pop()
                    child = _started(work, limits, leads=True)
                    running[child.pipe] = name, child
                    waiting.register(child.pipe, selectors.EVENT_READ)
                for key, _ in waiting.select(0.5):
                    name, child = running[key.fd]
                    if not child.read():
                        waiting.unregister(key.fd)
                        del running[key.fd]
                        yield name, child.result()
                _end_late(child for _, child in running.values())
                if time.monotonic() > until + GRACE:
                    break
        finally:
            for _, child in running.values():
                child.end()
                child.result()


def _end_late(children: Iterator[_Child]) -> None:
    now = time.monotonic()
    for child in children:
        if now > child.until:
            child.end()
