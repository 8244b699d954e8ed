"""Which example inputs a module takes: it runs on shapes alone, which costs little next to a trace that fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any

from torch import nn

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


def longer_first(runs: ShapeRuns, tries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The inputs in their order, but first the second, longer ones, where the module refuses the first; where its
    strides leave of the first less than a window, so that it takes other steps for them; or a single place."""
    given = iter(tries)
    short, longer = next(given, None), next(given, None)
    if short is not None and longer is not None and _are_too_short(runs, short, longer):
        short, longer = longer, short
    yield from (one for one in (short, longer) if one is not None)
    yield from given


def _are_too_short(runs: ShapeRuns, short: dict[str, Any], longer: dict[str, Any]) -> bool:
    if runs.takes(short) and not any(map(_strides, runs.module.modules())):
        return False
    if not runs.takes(longer):
        return False
    first, second = runs.evaluation(short), runs.evaluation(longer)
    if isinstance(first, Exception) or isinstance(second, Exception):
        return not runs.takes(short)
    return first.calls.steps != second.calls.steps or first.calls.single_places != second.calls.single_places


def _strides(module: nn.Module) -> bool:
    """Whether a module leaves only some places of a sequence."""
    stride: Any = getattr(module, "stride", 1)
    return isinstance(module, (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d)) and stride not in (1, (1,))
