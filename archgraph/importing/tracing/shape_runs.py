"""Forwards on tensors without contents, recorded once for each input and mode: what they cost is little next to a
trace, and which inputs a module takes, what its modes compute and which sizes it asks for are read from the same runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

from archgraph.graph.types import joined
from archgraph.importing.tracing.known_values import known_values
from archgraph.importing.tracing.recorded_calls import Numbering, RecordedCalls, memory_of
from archgraph.importing.tracing.returned_values import make_known_to_torch, named_values
from archgraph.importing.tracing.source_places import failing_line
from archgraph.importing.tracing.stochastic_depth import without_stochastic_depth
from archgraph.importing.tracing.tracing_errors import first_line
from archgraph.importing.tracing.tracing_logs import without_tracing_logs
from archgraph.importing.tracing.training_mode import noted_readers_of_training, set_training
from archgraph.importing.tracing.unchanged_module import unchanged
from archgraph.importing.tracing.untraced_forms import untraced_forms

SetMode = Callable[[torch.nn.Module], object]
_META = torch.device("meta")
_ABOUT_DEVICES = ("meta", "device", "unsupported scalartype")
"""Words of an error that a forward on shapes alone may raise, and the same forward on numbers does not."""
_STATISTICS = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""Buffers of norms, which the operations change too."""
_UNDECIDED = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
"""What running on shapes cannot answer."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A forward that was recorded: the numbers of its outputs, and the lines that asked for the mode."""

    calls: RecordedCalls
    full: tuple[int, ...]
    plain: tuple[int, ...]
    readers: frozenset[str]
    updates: tuple[str, ...] = ()
    """The buffers that the code of the module changes, each with the line; those of torch's norms are left out."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Inputs without contents, the runs on them by mode, and the numbering that these share."""

    original: Mapping[str, Any]
    given: Mapping[str, Any]
    numbering: Numbering = field(default_factory=Numbering)
    runs: dict[bool, RecordedRun | Exception] = field(default_factory=dict)


class ShapeRuns:
    """The recorded forwards of a module.

    They run on meta tensors, which torch computes the shapes of several times as fast as those of fake ones; on fake
    tensors where the module asks for devices, or for an operation that meta tensors lack.
    """

    def __init__(self, module: torch.nn.Module):
        self.module = module
        self._meta: dict[int, torch.Tensor] = {}
        self._fake: FakeTensorMode | None = None
        self._inputs: dict[int, _Inputs] = {}

    def evaluation(self, inputs: Mapping[str, Any]) -> RecordedRun | Exception:
        """The run in evaluation, or why there is none."""
        return self._run(inputs, training=False)

    def training(self, inputs: Mapping[str, Any]) -> RecordedRun | Exception:
        """The run in training, norms included, or why there is none. It may make that of evaluation anew."""
        return self._run(inputs, training=True)

    def numbering(self, inputs: Mapping[str, Any]) -> Numbering:
        """What the numbers of both runs stand for."""
        return self._held(inputs).numbering

    def takes(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the module takes inputs of these sizes in evaluation, as far as shapes alone can answer."""
        found = self.evaluation(inputs)
        return not isinstance(found, Exception) or isinstance(found, _UNDECIDED)

    def _held(self, inputs: Mapping[str, Any]) -> _Inputs:
        key = id(inputs)
        if key not in self._inputs:
            shapes = self._shape if self._fake is None else self._fake.from_tensor
            given = torch.utils._pytree.tree_map_only(torch.Tensor, shapes, dict(inputs))
            self._inputs[key] = _Inputs(inputs, given)
        return self._inputs[key]

    def _run(self, inputs: Mapping[str, Any], training: bool) -> RecordedRun | Exception:
        runs = self._held(inputs).runs
        if training not in runs:
            runs[training] = found = self._attempt(inputs, training)
            if self._fake is None and isinstance(found, Exception) and _is_about_devices(found):
                self._fake = FakeTensorMode(allow_non_fake_inputs=True)
                self._inputs.clear()
                return self._run(inputs, training)
        return runs[training]

    def _attempt(self, inputs: Mapping[str, Any], training: bool) -> RecordedRun | Exception:
        held = self._held(inputs)
        set_mode = partial(set_training, norms=True) if training else torch.nn.Module.eval
        with self._on_shapes(), untraced_forms(inputs), noted_readers_of_training() as readers:
            try:
                set_mode(self.module)
                calls = RecordedCalls(held.numbering, {id(inner): path for path, inner in self.module.named_modules()})
                with calls:
                    returned = self.module(**held.given)
                make_known_to_torch(returned)
                tensors = [value for _, value in named_values("", returned, torch.Tensor)]
                full, plain = tuple(map(calls.full, tensors)), tuple(map(calls.plain, tensors))
                return RecordedRun(calls, full, plain, frozenset(readers), tuple(_updates(self.module, calls)))
            except Exception as error:
                return error

    @contextmanager
    def _on_shapes(self) -> Iterator[None]:
        """Inside, forwards compute shapes alone; afterwards the module is as it was."""
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(unchanged(self.module))
            stack.enter_context(without_stochastic_depth(self.module))
            stack.enter_context(without_tracing_logs())
            stack.enter_context(torch.no_grad())
            stack.enter_context(known_values(self.module))
            if self._fake is None:
                self._put_on_meta()
                stack.enter_context(_META)
            else:
                stack.enter_context(self._fake)
            yield

    def _put_on_meta(self) -> None:
        for inner in self.module.modules():
            tables: tuple[dict[str, Any], ...] = (inner._parameters, inner._buffers)
            for table in tables:
                table.update({name: self._shape(value) for name, value in table.items() if value is not None})

    def _shape(self, tensor: torch.Tensor) -> torch.Tensor:
        """The same tensor without contents, the same one each time."""
        if tensor.is_meta:
            return tensor
        if id(tensor) not in self._meta:
            made = tensor.detach().to(_META)
            if isinstance(tensor, torch.nn.Parameter):
                made = torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
            self._meta[id(tensor)] = made
        return self._meta[id(tensor)]


def _updates(module: torch.nn.Module, calls: RecordedCalls) -> Iterator[str]:
    for path, inner in module.named_modules():
        own = type(inner).__module__.startswith("torch.nn.")
        for name, buffer in inner._buffers.items() if not own else ():
            kept = buffer is not None and name not in _STATISTICS
            place = calls.changes.get(memory_of(buffer)) if kept else None
            if place is not None:
                yield f"{joined(path, name)}: {place}"


def reason(error: Exception) -> str:
    """What a forward raised, with the line of the module's source."""
    place = failing_line(error)
    return f"{first_line(error)}{f' ({place})' if place else ''}"


def _is_about_devices(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, NotImplementedError) or any(word in text for word in _ABOUT_DEVICES)
