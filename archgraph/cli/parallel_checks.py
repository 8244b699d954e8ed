"""Many specs checked at a time, by as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from archgraph.errors import InputError

Found = TypeVar("Found")


def each_checked(specs: Sequence[str], check: Callable[[str], Found]) -> Iterator[Found]:
    """What a check says of each spec, in their order, as soon as it is known. Raises InputError where a process ends
    in the midst of a check.

    Processes are made by forking where that is the system's way, and know what this one does: the plugins that are
    enabled, and what modules hold. Elsewhere this process checks one spec after the other.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2:
        yield from map(check, specs)
        return
    forking = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(cores, len(specs)), forking, initializer=_end_with_parent)
    try:
        with _without_interrupts():
            found = pool.map(check, specs)
        yield from found
    except BrokenProcessPool:
        raise InputError("a process that checked specs was killed", hint="check fewer at a time") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the end of the block. Processes that begin in it never see one: it is this process's to
    answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Ends this process as soon as the one that made it is gone, in whatever way: one that is ended by a signal tells
    nobody, and its processes would wait for work for ever."""
    threading.Thread(target=_end_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
