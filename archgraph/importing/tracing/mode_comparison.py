"""What a module computes in training, compared with evaluation, before any of it is traced for the spec."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from archgraph.importing.tracing.recorded_calls import Numbering, RecordedCalls, operands
from archgraph.importing.tracing.returned_values import named_values
from archgraph.importing.tracing.source_places import failing_line
from archgraph.importing.tracing.tracing_errors import first_line
from archgraph.importing.tracing.training_mode import noted_readers_of_training, set_training
from archgraph.importing.tracing.unchanged_module import unchanged
from archgraph.importing.tracing.untraced_forms import untraced_forms

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


@dataclass(frozen=True, slots=True)
class _RecordedRun:
    """A forward that was recorded: the numbers of its outputs, and the lines that asked for the mode."""

    calls: RecordedCalls
    full: tuple[int, ...]
    plain: tuple[int, ...]
    readers: frozenset[str]


def compare_modes(module: torch.nn.Module, inputs: Mapping[str, Any]) -> ModeComparison:
    """Runs the forward in both modes on tensors without contents; in training, where somebody asks for the mode."""
    numbering = Numbering()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = torch.utils._pytree.tree_map_only(torch.Tensor, mode.from_tensor, dict(inputs))
        evaluated = _attempt(module, given, torch.nn.Module.eval, numbering)
        if isinstance(evaluated, Exception):
            found = _not_compared(f"training was not compared with evaluation: {_reason(evaluated)}")
            return replace(found, may_take_others=type(evaluated) in (*_SIZE_ERRORS, AssertionError))
        if not evaluated.readers and not evaluated.calls.has_custom_norms:
            return ModeComparison()
        trained = _attempt(module, given, partial(set_training, norms=True), numbering)
        if isinstance(trained, Exception):
            found = _not_compared(f"{_EVALUATION}; in training the module asks for more: {_reason(trained)}")
            return replace(found, may_take_others=type(trained) in _SIZE_ERRORS)
        return _compared(evaluated, trained, numbering)


def _not_compared(note: str) -> ModeComparison:
    return ModeComparison(compared=False, notes=(note,))


def _reason(error: Exception) -> str:
    place = failing_line(error)
    return f"{first_line(error)}{f' ({place})' if place else ''}"


def _compared(evaluated: _RecordedRun, trained: _RecordedRun, numbering: Numbering) -> ModeComparison:
    notes = tuple(_departures(trained.calls))
    same = not trained.calls.frozen_norm
    if trained.full == evaluated.full:
        return ModeComparison(compared=same, notes=notes)
    places = {number: place for place, number in reversed([*enumerate(trained.plain)])}
    if all(number in places for number in evaluated.plain):
        return ModeComparison(True, tuple(places[number] for number in evaluated.plain), same, notes)
    where = _first_difference(evaluated, trained, numbering)
    return _not_compared(f"{_EVALUATION}; in training other values are returned, from here on: {where}")


def _departures(trained: RecordedCalls) -> Iterator[str]:
    """What the operations of a spec do in another way in training."""
    if trained.attention_dropout:
        yield f"attention drops {trained.attention_dropout:g} of its probabilities in training; the spec does not"
    if trained.frozen_norm:
        yield f"in training, the spec's norms take batch statistics, the module's do not: {trained.frozen_norm}"


def _first_difference(evaluated: _RecordedRun, trained: _RecordedRun, numbering: Numbering) -> str:
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


def _attempt(
    module: torch.nn.Module,
    inputs: Mapping[str, Any],
    set_mode: Callable[[torch.nn.Module], object],
    numbering: Numbering,
) -> _RecordedRun | Exception:
    """A run in one mode, or why there is none."""
    with unchanged(module):
        try:
            set_mode(module)
            return _run(module, inputs, numbering)
        except Exception as error:
            return error


def _run(module: torch.nn.Module, inputs: Mapping[str, Any], numbering: Numbering) -> _RecordedRun:
    calls = RecordedCalls(numbering, {id(inner): path for path, inner in module.named_modules()})
    with untraced_forms(inputs), noted_readers_of_training() as readers, calls:
        returned = module(**inputs)
    tensors = [value for _, value in named_values("", returned, torch.Tensor)]
    return _RecordedRun(calls, tuple(map(calls.full, tensors)), tuple(map(calls.plain, tensors)), frozenset(readers))
