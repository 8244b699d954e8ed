"""A module → a graph with as many free sizes as there can be, and with what training adds where that has a form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph
from archgraph.importing.conversion.kept_modules import KeptClasses
from archgraph.importing.conversion.torch_attention import lost_dropout
from archgraph.importing.conversion.translation import Translation
from archgraph.importing.proof.rounded_tables import RoundedTable
from archgraph.importing.tracing.branch_conditions import OpenCondition
from archgraph.importing.tracing.capture import Capture, capture
from archgraph.importing.tracing.fixed_sizes import holds_at, larger_inputs, refusal_of_other_sizes
from archgraph.importing.tracing.free_sizes import LEVELS, FreeDimensions, reason_of_sizes
from archgraph.importing.tracing.mode_comparison import ModeComparison, compare_modes
from archgraph.importing.tracing.numbered_sizes import fix_sizes, sizes_to_fix
from archgraph.importing.tracing.shape_runs import ShapeRuns
from archgraph.importing.tracing.symbols import input_symbols
from archgraph.importing.tracing.tracing_budget import SLOW, SlowTraceError
from archgraph.importing.tracing.tracing_errors import (
    SizesAsValuesError,
    UntraceableError,
    with_tried_sizes,
)

Sizes = Mapping[str, tuple[str | int, ...]]
Inputs = Mapping[str, torch.Tensor]
LEFT_OUT = "what training adds is left out"


@dataclass(frozen=True, slots=True)
class TracedGraph:
    """A graph, the inputs that it was traced on, and what differs in training."""

    graph: Graph
    inputs: Inputs
    modes: ModeComparison
    notes: tuple[str, ...] = ()
    """Which sizes could not stay free, and why; what training computes and the graph does not."""
    tables: tuple[RoundedTable, ...] = ()
    """What the module holds in float32 and the graph has as steps."""

    @property
    def training(self) -> tuple[int, ...] | None:
        """The places of the graph's outputs among those of the module in training; None where these are others."""
        if not self.modes.compared:
            return None
        if not self.modes.traced:
            return tuple(range(len(self.graph.outputs)))
        count = len(self.modes.evaluation) + len(self.graph.training_outputs)
        added = (place for place in range(count) if place not in self.modes.evaluation)
        return (*self.modes.evaluation, *added)


@dataclass(frozen=True, slots=True)
class OpenProgram:
    """A program that was traced, on which inputs and in which mode, and the condition under which alone it holds."""

    captured: Capture
    inputs: Inputs
    modes: ModeComparison
    condition: OpenCondition = field(default_factory=lambda: OpenCondition(""))


@dataclass(slots=True)
class GraphTracer:
    """Traces the module of these runs on example inputs. `arguments` are those of the constructors of all modules
    inside, by id."""

    runs: ShapeRuns
    symbols: Sizes
    arguments: Mapping[int, Mapping[str, Any]]
    tries: Iterable[Inputs]
    """The same inputs each time."""
    kept: KeptClasses
    """The classes that operations stand for."""
    _modes: dict[int, ModeComparison] = field(default_factory=dict)
    _first: ImportingError | None = None
    _fixed: ImportingError | None = None
    """The first reason why nothing can be traced, and the first with all sizes fixed."""

    def trace(self) -> TracedGraph:
        """The graph of the first inputs that work. Raises ImportingError for what has no counterpart."""
        given = self._ordered(self.tries)
        self._require_taken(given)
        reasons: list[str] = []
        refused = self._refusal(given)
        if refused:
            reasons.append(f"sizes are fixed: {refused}")
        elif (larger := self._larger(given)) is not None:
            return larger
        for free in LEVELS[1:] if refused else LEVELS:
            for place, inputs in enumerate(given):
                found = self._traced(inputs, islice(given, place + 1, None), free)
                if isinstance(found, TracedGraph):
                    return replace(found, notes=(*reasons[:1], *found.notes))
                if found:
                    why = found if found.startswith(SLOW) else f"since the module's code asks for {found}"
                    reasons.append(f"sizes are fixed, {why}")
                    break
            else:
                reasons.append(f"sizes are fixed: {self._first.problems[0].received if self._first else ''}")
        raise self._fixed or ImportingError("there are no inputs to trace the module on")

    def evaluation(self, reason: str) -> TracedGraph:
        """The graph of evaluation, with the reason why there is no more of training. Raises ImportingError."""
        modes = ModeComparison(compared=False, notes=(f"{LEFT_OUT}: {reason}",))
        self._modes = {id(inputs): modes for inputs in self.tries}
        return self.trace()

    def _ordered(self, tries: Iterable[Inputs]) -> Iterable[Inputs]:
        """The inputs in their order, but first those that the module takes in both modes."""
        for inputs in tries:
            modes = self._compared(inputs)
            if modes.compared:
                first = next(iter(tries))
                return tries if inputs is first else [inputs, *(other for other in tries if other is not inputs)]
            if not modes.may_take_others:
                break
        return tries

    def _require_taken(self, tries: Iterable[Inputs]) -> None:
        """Raises ImportingError where the module takes no inputs on shapes, and a trace with these sizes says so too:
        others with free ones would be in vain."""
        first = next(iter(tries), None)
        if first is None or self.runs.takes(first):
            return
        if not isinstance(self._traced(first, (), LEVELS[-1]), TracedGraph) and self._fixed is not None:
            raise self._fixed

    def _refusal(self, tries: Iterable[Inputs]) -> str:
        """Why no size but the batch can be free, as the module says of other sizes than those of the first inputs."""
        first = next(iter(tries), None)
        return "" if first is None else refusal_of_other_sizes(self.runs, first, self.symbols)

    def _larger(self, tries: Iterable[Inputs]) -> TracedGraph | None:
        """The graph of larger inputs than the first, where they tell more and all sizes stay free."""
        first = next(iter(tries), None)
        larger = None if first is None else larger_inputs(self.runs, first, self.symbols)
        if first is None or larger is None:
            return None
        self._modes[id(larger)] = self._compared(first)
        try:
            found = self._translated(larger, LEVELS[0], self._compared(first))
        except ImportingError:
            return None
        if isinstance(found, TracedGraph) and holds_at(found.graph.constraints, first, self.symbols):
            return replace(found, inputs=first)
        return None

    def _compared(self, inputs: Inputs) -> ModeComparison:
        if id(inputs) not in self._modes:
            self._modes[id(inputs)] = compare_modes(self.runs, inputs)
        return self._modes[id(inputs)]

    def _traced(self, inputs: Inputs, others: Iterable[Inputs], free: FreeDimensions) -> TracedGraph | str:
        """The graph, or why sizes cannot be free; '' where the module does not take these inputs.

        What evaluation alone has a graph of, or keeps more sizes free in, is traced in evaluation. Where no program
        holds for all sizes, some sizes of the first become the numbers that they were traced on.
        """
        lost = found = ""
        programs: list[OpenProgram] = []
        for read, modes in self._plans(inputs, others):
            try:
                made = self._translated(read, free, modes)
            except ImportingError as error:
                if not modes.traced:
                    raise
                made = str(error.problems[0].message)
            if isinstance(made, TracedGraph):
                note = (f"{LEFT_OUT}: {lost}",) if lost and not modes.traced else ()
                return replace(made, notes=(*made.notes, *note))
            if isinstance(made, OpenProgram):
                programs.append(made)
                made = made.condition.text
            found, lost = made, lost or made or "torch.export cannot trace it"
            if found.startswith(SLOW):
                break
        return self._with_numbers(programs[0]) or found if programs else found

    def _plans(self, inputs: Inputs, others: Iterable[Inputs]) -> Iterator[tuple[Inputs, ModeComparison]]:
        """What to trace: training, where it adds something; at other sizes too, since sizes that are 1 by chance are
        taken for fixed ones; evaluation."""
        modes = self._compared(inputs)
        yield inputs, modes
        if modes.traced:
            more = (other for other in others if other is not inputs and self._compared(other).traced)
            yield from ((other, self._compared(other)) for other in islice(more, 1))
            yield inputs, ModeComparison(compared=False)

    def _translated(
        self, inputs: Inputs, free: FreeDimensions, modes: ModeComparison
    ) -> TracedGraph | OpenProgram | str:
        """The graph of one program; the program and the condition under which alone it holds; why there is no program,
        '' where the inputs have other sizes than the module takes.

        Raises ImportingError for what has no counterpart.
        """
        try:
            evaluation = modes.evaluation if modes.traced else None
            checked = not isinstance(self.runs.evaluation(inputs), Exception)
            captured = capture(self.runs.module, inputs, free, self.symbols, evaluation, checked)
        except UntraceableError:
            raise
        except ImportingError as error:
            if isinstance(error.__cause__, SlowTraceError):
                return str(error.__cause__)
            if isinstance(error, SizesAsValuesError) and free is not LEVELS[-1]:
                return f"a number that it reads from a tensor of sizes: {error.problems[0].received}"
            self._first = self._first or error
            if free is LEVELS[-1]:
                self._fixed = self._fixed or with_tried_sizes(error, inputs)
            return ""
        program = OpenProgram(captured, inputs, modes)
        found = self._graph_of(program)
        return self._graph_of(program, narrowed=True) if isinstance(found, OpenProgram) else found

    def _graph_of(self, program: OpenProgram, narrowed: bool = False) -> TracedGraph | OpenProgram:
        """The graph; the condition under which alone the program holds. Raises ImportingError for what has no
        counterpart."""
        translation = Translation(program.captured, self.symbols, self.arguments, self.kept, narrowed)
        try:
            made = translation.graph("")
        except ImportingError as error:
            condition = translation.open_condition()
            reason = reason_of_sizes(error, program.captured.inputs.values())
            if condition is None and not reason:
                raise
            return replace(program, condition=condition or OpenCondition(reason))
        condition = translation.open_condition()
        if condition is not None:
            return replace(program, condition=condition)
        notes = (
            *program.captured.notes,
            *translation.notes,
            *program.modes.notes,
            *lost_dropout(self.runs.module, made),
        )
        return TracedGraph(made, program.inputs, program.modes, notes, tuple(translation.tables.values()))

    def _with_numbers(self, program: OpenProgram) -> TracedGraph | None:
        """The graph of a program in which sizes that its conditions ask for become the numbers that it was traced on,
        until it holds; None where it has none even so."""
        notes: list[str] = []
        found: TracedGraph | OpenProgram = program
        while isinstance(found, OpenProgram):
            captured, condition = found.captured, found.condition
            numbers = sizes_to_fix(captured.inputs, condition.symbols)
            if not numbers:
                return None
            names = input_symbols({name: node.meta["val"] for name, node in captured.inputs.items()}, self.symbols)
            fixed = " and ".join(f"{names[str(size)]} = {number}" for size, number in numbers.items())
            notes.append(f"sizes are fixed, since the module's code asks for {condition.text}: {fixed}")
            fix_sizes(captured.program.graph, numbers)
            try:
                found = self._graph_of(found, narrowed=True)
            except ImportingError:
                return None
        return replace(found, notes=(*notes, *found.notes))
