"""When Python looks for garbage: not while thousands of objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY_OBJECTS = 4_000
"""Fewer that are young are looked through in less than a millisecond."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Keeps the garbage collector away: what a load makes stays, as does what is made of a graph, and what modules make
    when they are imported. Looking through a graph is a third of the time, and grows faster than the network.

    Where much was made, it counts as old afterwards, so that the next allocation does not look through all of it after
    all.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        _enable()


@contextmanager
def collected() -> Iterator[None]:
    """The garbage collector as usual, within `uncollected`."""
    if gc.isenabled():
        yield
        return
    _enable()
    try:
        yield
    finally:
        gc.disable()


_frozen_by_others = False
"""Whether somebody else was found to freeze objects: a program that does so does it at its start."""


def _enable() -> None:
    global _frozen_by_others
    if gc.get_count()[0] > MANY_OBJECTS and not _frozen_by_others:
        # Unfreezing would undo it, and counting them takes as long as there are objects: that is done once.
        _frozen_by_others = gc.get_freeze_count() > 0
        if not _frozen_by_others:
            gc.freeze()
            gc.unfreeze()
    gc.enable()
