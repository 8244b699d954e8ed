"""Many specs checked at a time, by as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from archgraph.errors import InputError

Found = TypeVar("Found")


def each_checked(specs: Sequence[str], check: Callable[[str], Found]) -> Generator[Found, None, None]:
    """What a check says of each spec, in their order, as soon as it is known. Raises InputError where a process ends
    in the midst of a check. Who closes it ends the processes, whatever they are at.

    Processes are made by forking where that is the system's way, and know what this one does: the plugins that are
    enabled, and what modules hold. Elsewhere this process checks one spec after the other.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2:
        yield from map(check, specs)
        return
    with _processes(min(cores, len(specs)), specs, check) as idle:
        yield from _in_order(len(specs), idle)


def _in_order(count: int, idle: list[Connection]) -> Iterator[Any]:
    """The answers, by place, of processes that are asked for one place after the other."""
    places, known, busy = iter(range(count)), dict[int, Any](), dict[Any, int]()
    for place in range(count):
        while place not in known:
            for connection, asked in zip(idle, places, strict=False):
                busy[connection] = asked
                _ask(connection, asked)
            idle = [connection for connection in wait([*busy]) if isinstance(connection, Connection)]
            known.update({busy.pop(connection): _answer(connection) for connection in idle})
        yield known.pop(place)


def _ask(connection: Connection, place: int) -> None:
    try:
        connection.send(place)
    except OSError:
        raise _killed() from None


def _answer(connection: Connection) -> Any:
    try:
        found, error = connection.recv()
    except (EOFError, OSError):
        raise _killed() from None
    if error is not None:
        raise error
    return found


def _killed() -> InputError:
    return InputError("a process that checked specs was killed", hint="check fewer at a time")


@contextmanager
def _processes(count: int, specs: Sequence[str], check: Callable[[str], Any]) -> Iterator[list[Connection]]:
    """Connections to processes that check specs. They end with the block."""
    forking = multiprocessing.get_context("fork")
    made = []
    try:
        with _without_interrupts():
            for _ in range(count):
                ours, theirs = forking.Pipe()
                process = forking.Process(target=_check_asked, args=(theirs, specs, check), daemon=True)
                process.start()
                theirs.close()  # now the process alone holds it: where that is gone, reading ends
                made.append((process, ours))
        yield [connection for _, connection in made]
    finally:
        for process, connection in made:
            process.terminate()
            connection.close()


def _check_asked(connection: Connection, specs: Sequence[str], check: Callable[[str], Any]) -> None:
    """What a process does: checks the spec at each place that it is asked for."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        place = connection.recv()
        try:
            answer: Any = check(specs[place]), None
        except Exception as error:  # a fault of ours, which is raised where all others are
            error.add_note(traceback.format_exc())
            answer = None, error
        connection.send(answer)


def _end_with_parent() -> None:
    """Ends this process as soon as the one that made it is gone, in whatever way: one that is ended by a signal tells
    nobody, and its processes would wait for work for ever."""
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the end of the block. Processes that begin in it never see one: it is this process's to
    answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
