"""What a module computes in training, compared with evaluation, before any of it is traced for the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archgraph.importing.tracing.recorded_calls import Numbering, operands
from archgraph.importing.tracing.shape_runs import RecordedRun, ShapeRuns, reason

_SIZE_ERRORS = (RuntimeError, ValueError)
"""What modules raise for inputs of a size that they do not take."""
_EVALUATION = "the spec is that of evaluation"


@dataclass(frozen=True, slots=True)
class ModeComparison:
    """What training adds to evaluation.

    `traced` says that the program is that of training, of which evaluation is a part: its outputs are those at the
    places `evaluation` among the outputs of training. `compared` is false where training computes something else, or
    could not be looked at; then `notes` say why. `may_take_others` says that it may be a matter of sizes.
    """

    traced: bool = False
    evaluation: tuple[int, ...] = ()
    compared: bool = True
    notes: tuple[str, ...] = ()
    may_take_others: bool = False


def compare_modes(runs: ShapeRuns, inputs: Mapping[str, Any]) -> ModeComparison:
    """Compares the forward in both modes on tensors without contents; in training, where somebody asks for the mode."""
    evaluated = runs.evaluation(inputs)
    if isinstance(evaluated, Exception):
        return _without_evaluation(evaluated)
    if not evaluated.readers and not evaluated.calls.has_custom_norms:
        return ModeComparison()
    trained = runs.training(inputs)
    if isinstance(trained, Exception):
        found = _not_compared(f"{_EVALUATION}; in training the module asks for more: {reason(trained)}")
        return replace(found, may_take_others=type(trained) in _SIZE_ERRORS)
    evaluated = runs.evaluation(inputs)  # made anew where training needs another kind of tensors
    if isinstance(evaluated, Exception):
        return _without_evaluation(evaluated)
    return _compared(evaluated, trained, runs.numbering(inputs))


def _without_evaluation(error: Exception) -> ModeComparison:
    found = _not_compared(f"training was not compared with evaluation: {reason(error)}")
    return replace(found, may_take_others=type(error) in (*_SIZE_ERRORS, AssertionError))


def _not_compared(note: str) -> ModeComparison:
    return ModeComparison(compared=False, notes=(note,))


def _compared(evaluated: RecordedRun, trained: RecordedRun, numbering: Numbering) -> ModeComparison:
    notes = tuple(_departures(trained))
    same = not trained.calls.frozen_norm
    if trained.full == evaluated.full:
        return ModeComparison(compared=same, notes=notes)
    places = {number: place for place, number in reversed([*enumerate(trained.plain)])}
    if all(number in places for number in evaluated.plain):
        return ModeComparison(True, tuple(places[number] for number in evaluated.plain), same, notes)
    where = _first_difference(evaluated, trained, numbering)
    return _not_compared(f"{_EVALUATION}; in training other values are returned, from here on: {where}")


def _departures(trained: RecordedRun) -> Iterator[str]:
    """What the operations of a spec do in another way in training, or not at all."""
    frozen = trained.calls.frozen_norm
    if frozen:
        yield f"in training, the spec's norms take batch statistics, the module's do not: {frozen}"
    yield from (f"in training, the module changes a buffer, and the spec does not: {one}" for one in trained.updates)


def _first_difference(evaluated: RecordedRun, trained: RecordedRun, numbering: Numbering) -> str:
    """The place where training computes what an operation of evaluation reads in another way, or that operation's."""
    missing = next((number for number in evaluated.calls.places if number not in trained.calls.places), None)
    if missing is None:
        return "what is returned"
    keys = list(numbering.numbers)
    place, function = evaluated.calls.places[missing], keys[missing][0]
    new = [number for number in trained.calls.places if number not in evaluated.calls.places]
    twin = next((n for n in new if trained.calls.places[n] == place and keys[n][0] == function), None)
    changed = next((n for n in operands(keys[twin]) if n in new), twin) if twin is not None else None
    return trained.calls.places[changed] if changed is not None else place
