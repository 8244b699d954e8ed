"""Which arguments give a standard block the form of a module's call: tried one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from archgraph.graph.types import Graph
from archgraph.importing.writing.standard.argument_choices import UNSET
from archgraph.importing.writing.standard.canonical_form import BodyForm
from archgraph.language.schema.spec import BlockSpec

FARTHEST = 1_000_000
NEARLY = 2
"""A distance at which all steps are there, in another order."""


@dataclass(frozen=True, slots=True)
class StandardCall:
    """A standard block in place of a call. `ports` names an input of the block for each of `places`, which number the
    inputs of the call; `values` are all of its parameters, `written` those that differ from what they would be."""

    block: BlockSpec
    ports: tuple[str, ...]
    places: tuple[int, ...]
    values: Mapping[str, Any]
    written: frozenset[str]


class ArgumentTrial:
    """Looks for arguments with which a block has a wanted form: one parameter after the other, as long as what differs
    becomes less."""

    def __init__(self, wanted: BodyForm, applied: Callable[[Mapping[str, Any]], tuple[Graph, BodyForm] | None]):
        self._wanted = wanted
        self._applied = applied

    def fitting(self, choices: Mapping[str, Sequence[Any]], places: Mapping[str, int]) -> dict[str, Any] | None:
        """As few arguments as can be, `UNSET` for the others; None where no arguments give the form. `places` are those
        among the choices at which a module of the same class had its arguments."""
        if places:
            alike = {name: values[min(places.get(name, 0), len(values) - 1)] for name, values in choices.items()}
            if not self._distance(alike):
                return self._without_needless(alike)
        return self._climbed({name: values[0] for name, values in choices.items()}, choices)

    def _climbed(self, chosen: dict[str, Any], choices: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
        left = self._distance(chosen)
        before = left + 1
        while 0 < left < before:
            before = left
            for name, values in sorted(choices.items(), key=lambda choice: len(choice[1])):  # guesses come last
                for value in values if left else ():
                    distance = self._distance({**chosen, name: value})
                    if distance < left:
                        chosen, left = {**chosen, name: value}, distance
            if 0 < left <= NEARLY:
                chosen, left = self._exchanged(chosen, left, choices)
            if 0 < left <= NEARLY:
                chosen, left = self._two_changed(chosen, left, choices)
        return self._without_needless(chosen) if not left else None

    def _exchanged(
        self, chosen: dict[str, Any], left: int, choices: Mapping[str, Sequence[Any]]
    ) -> tuple[dict[str, Any], int]:
        """The arguments with two values exchanged where that is nearer: of two activations each may stand for the
        other."""
        for first, second in combinations(chosen, 2):
            a, b = chosen[first], chosen[second]
            if a is not b and a is not UNSET and b is not UNSET and b in choices[first] and a in choices[second]:
                distance = self._distance(made := {**chosen, first: b, second: a})
                if distance < left:
                    return made, distance
        return chosen, left

    def _two_changed(
        self, chosen: dict[str, Any], left: int, choices: Mapping[str, Sequence[Any]]
    ) -> tuple[dict[str, Any], int]:
        """The arguments with two others, where that is nearer and either alone changes nothing: a layer with its norms
        before its work and the batch first has the same steps as one with neither, in another order."""
        neutral = [
            (name, value)
            for name, values in choices.items()
            for value in values
            if value is not chosen[name] and self._distance({**chosen, name: value}) == left
        ]
        for (first, one), (second, other) in combinations(neutral, 2):
            distance = self._distance(made := {**chosen, first: one, second: other}) if first != second else left
            if distance < left:
                return made, distance
        return chosen, left

    def _distance(self, chosen: Mapping[str, Any]) -> int:
        found = self._applied(given(chosen))
        return FARTHEST if found is None else found[1].distance(self._wanted)

    def _without_needless(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        kept = dict(chosen)
        for name in chosen:
            if kept[name] is not UNSET and not self._distance({**kept, name: UNSET}):
                kept[name] = UNSET
        return kept


def given(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are no defaults."""
    return {name: value for name, value in chosen.items() if value is not UNSET}


def places_among(choices: Mapping[str, Sequence[Any]], chosen: Mapping[str, Any]) -> dict[str, int]:
    """Where each argument stands among its choices; 0 for one that does not."""
    return {
        name: next((at for at, value in enumerate(choices[name]) if value is one), 0) for name, one in chosen.items()
    }
