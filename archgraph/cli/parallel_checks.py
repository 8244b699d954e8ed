"""Many specs checked at a time, by as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

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
    ignore = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is this process's to answer
    pool = ProcessPoolExecutor(min(cores, len(specs)), forking, initializer=ignore)
    try:
        yield from pool.map(check, specs)
    except BrokenProcessPool:
        raise InputError("a process that checked specs was killed", hint="check fewer at a time") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
