"""How much work one load may be, counted and never timed: files, their values, nodes of all presets, steps of lists.

A few loops over long lists multiply to hours, and so do files that use files. What a load has read is kept with its
counts, so that each used file is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from archgraph.errors import Problem, ReadError
from archgraph.language.expressions.values import FaultError

MOST_STEPS = 3_000_000
"""Entries of lists that are looked at or made; the largest shipped network needs some hundreds."""
MOST_FILES = 200
MOST_VALUES = 80_000
"""Values in all files of a load; the largest shipped spec holds some thousands."""
MAX_NODES = 22_000
"""Nodes and copies at every depth, in all presets that are checked together, as work: the deepest published networks
have some thousands, and a chain of 10,000 basic blocks with projections 21,001."""
COPIES_AS_ONE = 10
"""How many nodes of blocks that were elaborated before count as one: as many as it takes to be as much work. Measured
on chains of basic blocks: 5 µs for each node that is copied, 60 to 110 µs for each that is elaborated."""


@dataclass(slots=True)
class LoadBudget:
    """What a load has spent so far, and what it has read; `looked_for` are the files it needs, missing ones too. `work`
    is that of nodes, in copied ones."""

    steps: int = 0
    files: int = 0
    values: int = 0
    work: int = 0
    kept: dict[Any, Any] = field(default_factory=dict)
    looked_for: set[str] = field(default_factory=set)

    @property
    def exhausted(self) -> bool:
        """Whether no further network fits in."""
        return self.work > MAX_NODES * COPIES_AS_ONE


_spent: ContextVar[LoadBudget | None] = ContextVar("_spent", default=None)


@contextmanager
def bounded_effort() -> Iterator[LoadBudget]:
    """Counts the work of everything inside; a load inside another one spends what that one has left."""
    around = _spent.get()
    if around is not None:
        yield around
        return
    before = _spent.set(LoadBudget())
    try:
        effort = _spent.get()
        assert effort is not None
        yield effort
    finally:
        _spent.reset(before)


def spend(steps: int) -> None:
    """Notes work on a list. Raises FaultError where all of it together is too much."""
    spent = _spent.get()
    if spent is None:
        return
    spent.steps += steps
    if spent.steps > MOST_STEPS:
        raise FaultError(
            "the expressions of this network are too much work", f"at most {MOST_STEPS:,} entries of lists"
        )


def spend_nodes(nodes: int, copied: bool = False) -> bool:
    """Notes nodes and copies, or those of a block that was elaborated before; whether there was room for them."""
    spent = _spent.get()
    if spent is None:
        return True
    spent.work += nodes if copied else nodes * COPIES_AS_ONE
    return not spent.exhausted


def has_room(nodes: int) -> bool:
    """Whether so many more nodes would fit in."""
    spent = _spent.get()
    return spent is None or spent.work + nodes * COPIES_AS_ONE <= MAX_NODES * COPIES_AS_ONE


def look_for(file: str) -> None:
    """Notes a file that this load depends on, whether or not it is there."""
    spent = _spent.get()
    if spent is not None:
        spent.looked_for.add(file)


@contextmanager
def looked_for() -> Iterator[set[str]]:
    """The files that the work inside depends on, which are the load's as well."""
    with bounded_effort() as spent:
        around, spent.looked_for = spent.looked_for, set()
        try:
            yield spent.looked_for
        finally:
            around |= spent.looked_for
            spent.looked_for = around


def spend_file(file: str, values: int) -> None:
    """Notes a file that was read, with the number of values in it. Raises ReadError where all together are too many."""
    spent = _spent.get()
    if spent is None:
        return
    spent.files += 1
    spent.values += values
    if spent.files > MOST_FILES:
        raise ReadError(Problem(f"'{file}' is one file too many", expected=f"at most {MOST_FILES} files in one load"))
    if spent.values > MOST_VALUES:
        raise ReadError(
            Problem(f"the files up to '{file}' hold too much", expected=f"at most {MOST_VALUES:,} values in one load")
        )
