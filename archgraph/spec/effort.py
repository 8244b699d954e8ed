"""How much work all expressions of one network may be: a few loops over long lists multiply to hours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from archgraph.spec.values import FaultError

MOST_STEPS = 3_000_000
"""Entries of lists that are looked at or made; the largest shipped network needs some hundreds."""

_spent: ContextVar[list[int] | None] = ContextVar("_spent", default=None)


@contextmanager
def bounded_effort() -> Iterator[None]:
    """Counts the steps of all expressions that are evaluated inside."""
    before = _spent.set([0])
    try:
        yield
    finally:
        _spent.reset(before)


def spend(steps: int) -> None:
    """Notes work on a list. Raises FaultError where all of it together is too much."""
    spent = _spent.get()
    if spent is None:
        return
    spent[0] += steps
    if spent[0] > MOST_STEPS:
        raise FaultError(
            "the expressions of this network are too much work", f"at most {MOST_STEPS:,} entries of lists"
        )
