"""Which example inputs a module takes: it runs on shapes alone, which costs little next to a trace that fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any

from archgraph.importing.tracing.shape_runs import ShapeRuns

MOST_ACCEPTED = 2
"""Inputs that are tried: those of other sizes would fail for the same reason."""


class KeptInputs:
    """Inputs that are made once, when they are asked for, and then kept: trying them out takes a while."""

    def __init__(self, made: Iterable[Mapping[str, Any]]):
        self._made = iter(made)
        self._known: list[Mapping[str, Any]] = []

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for place in count():
            if place == len(self._known):
                self._known.extend(islice(self._made, 1))
            if place == len(self._known):
                return
            yield self._known[place]


def accepted(runs: ShapeRuns, tries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first inputs that a module takes in evaluation; the first of all where it takes none, to be traced for the
    error."""
    first: dict[str, Any] | None = None
    taken = 0
    for inputs in tries:
        first = first or inputs
        if not runs.takes(inputs):
            continue
        yield inputs
        taken += 1
        if taken == MOST_ACCEPTED:
            return
    if not taken and first is not None:
        yield first
