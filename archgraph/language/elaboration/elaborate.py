"""Spec → graph: interprets the nodes one by one, with every shape known as soon as a node is applied.

An error makes its node `broken`; whoever reads it is passed over in silence, and the rest is still looked at, so that
all independent errors of a file come at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, NamedTuple

from archgraph.errors import ArchgraphError, Mark, Problem, SpecError, WiringError
from archgraph.graph.types import joined
from archgraph.language.definitions import Definitions
from archgraph.language.elaboration.bindings import BoundName, Located, Reader
from archgraph.language.elaboration.block_cache import BlockCache
from archgraph.language.elaboration.blocks import Use
from archgraph.language.elaboration.body_checks import check_body
from archgraph.language.elaboration.connect import is_numbered, parts, single
from archgraph.language.elaboration.elaboration_log import AppliedName, LogEntry, LoggedFacts, StatedPath
from archgraph.language.elaboration.frame import BodyFrame, FramePlace, Stack
from archgraph.language.elaboration.nodes import enter
from archgraph.language.elaboration.reporting import same_problem
from archgraph.language.elaboration.resolve import Target
from archgraph.language.expressions import budget
from archgraph.language.schema.references import settled
from archgraph.language.schema.spec import BlockSpec, BodySpec, NodeSpec, Path

MAX_PROBLEMS = 100
MAX_FAILURES = 1_000
"""Failures of copies and uses, where many are one problem."""
MAX_DEPTH = 64
MOST_MODULES = 64
"""Modules within one another. Paths of several levels multiply with groups and blocks, and torch copies recursively."""


class Halted(Exception):  # noqa: N818 - its cause is among the problems
    """Too much of something: going on makes no sense."""


class HandedOut(NamedTuple):
    """The values that one name of an output stands for. `training`: they are there in training only."""

    values: tuple[Located, ...]
    training: bool


def _one(binding: BoundName, output: str, text: str) -> Located:
    """The value of an output. Raises WiringError where its name stands for several."""
    try:
        return single(binding, f"the output '{output}'" if output else "the output")
    except WiringError as error:
        hint = f"a list hands out all of them, numbered: {{{output or 'y'}: [{text}]}}" if is_numbered(binding) else ""
        raise WiringError(*(replace(problem, hint=hint) for problem in error.problems)) from None


@dataclass(slots=True)
class Elaboration:
    """One network being built: what all of its bodies share. `uses` are the blocks that are being elaborated.

    `used` and `operations` are what nodes have applied, by the definitions in which they found it. `paths` says where
    the `path` of a node stands, by the place of its name, `ties` where a tied weight stands, `stated_ties` the
    keys of those that the node of a block names, and `tied` the keys of weights that others are tied to. `meta` is
    the network's, its expressions evaluated. `log` is what a body must repeat that was elaborated for another network.
    """

    log: list[LogEntry] = field(default_factory=list)
    facts: LoggedFacts = field(init=False)
    problems: list[ArchgraphError] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    used: dict[int, dict[str, tuple[BlockSpec, Definitions]]] = field(default_factory=dict)
    operations: dict[int, set[str]] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    cache: BlockCache = field(default_factory=BlockCache)
    paths: dict[Mark | None, Mark | None] = field(default_factory=dict)
    ties: dict[tuple[int, str], Mark | None] = field(default_factory=dict)
    stated_ties: dict[str, Mark | None] = field(default_factory=dict)
    tied: set[str] = field(default_factory=set)
    meta: Mapping[str, Any] = field(default_factory=dict)
    _marks: dict[tuple[int, Path], Mark | None] = field(default_factory=dict)
    _distinct: set[Any] = field(default_factory=set)
    nodes: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        self.facts = LoggedFacts(self.log)

    def body(self, frame: BodyFrame, spec: BodySpec) -> dict[str, Located] | None:
        """Elaborates the nodes of a body; its outputs by name, or None where a failed node is among them."""
        if self.depth >= MAX_DEPTH:
            raise SpecError("groups and blocks are nested too deeply", expected=f"at most {MAX_DEPTH} levels")
        if frame.place.module.count(".") >= MOST_MODULES:
            raise SpecError("modules are nested too deeply", expected=f"at most {MOST_MODULES} levels of modules")
        self.depth += 1
        try:
            return self._body(frame, spec)
        finally:
            self.depth -= 1

    def _body(self, frame: BodyFrame, spec: BodySpec) -> dict[str, Located] | None:
        frame.spec = spec
        frame.stacks = {name: Stack(name) for name in spec.stacks}
        for node in spec.nodes:
            enter(self, frame, node)
        outputs = self._outputs(frame, spec)
        problems = check_body(frame, self.tied)
        self.warnings += [problem for problem in problems if problem.severity == "warning"]
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            self.fail(WiringError(*errors), frame)
        return outputs

    def _outputs(self, frame: BodyFrame, spec: BodySpec) -> dict[str, Located] | None:
        """The outputs by name; the values that a list gives are numbered behind its name."""
        if not spec.outputs:
            return self._last(frame)
        found: dict[str, Located] = {}
        failed = False
        for name, given in spec.outputs.items():
            numbers = count()
            for at, text in enumerate((given,) if isinstance(given, str) else given):
                listed = text is not given
                handed = self._handed_out(frame, text, ("outputs", name, *((at,) if listed else ())), listed)
                failed |= handed is None
                if handed is not None:
                    kept = frame.training_outputs if handed.training else found
                    kept |= {joined(name, str(next(numbers))) if listed else name: one for one in handed.values}
        if not found and not failed and not frame.failed:
            self._nothing_in_evaluation(frame)
        return None if failed else found

    def _handed_out(self, frame: BodyFrame, text: str, steps: Path, listed: bool) -> HandedOut | None:
        """What one name of an output stands for, several values where it is `listed`; None where that has failed."""
        try:
            text = settled(text, frame.scope, self.facts)
            training = frame.parent is None and frame.is_training(text)
            binding = self._output(frame, text, training)
            if binding.state != "present":
                return HandedOut((), True) if training else None
            several = listed and is_numbered(binding)
            values = tuple(parts(binding)) if several else (_one(binding, str(steps[1]), text),)
        except ArchgraphError as error:
            self.fail(error.placed(frame.place.value(*frame.where, *steps), frame.place.address), frame)
            return None
        return HandedOut(values, training)

    def _last(self, frame: BodyFrame) -> dict[str, Located] | None:
        last = frame.prev
        if last is None or last.kind == "input":
            self._nothing_in_evaluation(frame)
            return None
        last.take()
        if last.state == "absent":
            message = "the last node hands on what is absent here, so there is no output"
            self.fail(WiringError(Problem(message, last.mark, last.address)), frame)
        return dict(last.outputs) if last.state == "present" else None

    def _nothing_in_evaluation(self, frame: BodyFrame) -> None:
        message, hint = "all of this is computed in training only", "an output reads a node without 'training: only'"
        self.fail(WiringError(Problem(message, frame.place.key(*frame.where), frame.place.address, hint=hint)), frame)

    def _output(self, frame: BodyFrame, text: str, training: bool) -> BoundName:
        """What an output names. Raises WiringError for what is absent here, unless it is there in training only."""
        frame.builder.training = training
        try:
            binding = frame.read(text, Reader(0, frame.place.address, None, True), noted=False)
        finally:
            frame.builder.training = False
        if binding.state == "absent" and not training:
            raise WiringError(
                f"'{text}' is absent here, so it cannot be handed out",
                hint="the output must exist under all conditions",
            )
        return binding

    def fail(self, error: ArchgraphError, frame: BodyFrame) -> None:
        """Notes an error and goes on. Within a block it also says where the block is used."""
        frame.fail()
        notes = tuple(
            (f"'{use.block.name}' is used by '{use.address}'", use.mark)
            for use in reversed(self.uses[:1] + self.uses[1:][-1:])
        )
        problems = [replace(problem, notes=(*problem.notes, *notes)) for problem in error.problems]
        self.problems.append(type(error)(*problems))
        self._distinct |= {same_problem(problem) for problem in problems}
        if len(self._distinct) >= MAX_PROBLEMS or len(self.problems) >= MAX_FAILURES:
            raise Halted

    def count(self, mark: Mark | None, address: str) -> None:
        """Notes one more node or copy. Raises Halted when there are too many."""
        self._count(1, budget.spend_nodes(1), mark, address)

    def count_copied(self, mark: Mark | None, address: str, nodes: int) -> None:
        """Notes the nodes of a block that was elaborated before. Raises Halted when there are too many."""
        self._count(nodes, budget.spend_nodes(nodes, copied=True), mark, address)

    def count_elaborated(self, nodes: int) -> None:
        """Notes the nodes of a body that was elaborated for another network, as if they were elaborated here."""
        self.nodes += nodes
        budget.spend_nodes(nodes)

    def _count(self, nodes: int, fits: bool, mark: Mark | None, address: str) -> None:
        self.nodes += nodes
        if fits:
            return
        message, hint = f"the network has more than {budget.MAX_NODES:,} nodes", "do its loops multiply?"
        if self.nodes <= budget.MAX_NODES:
            message = f"the presets of this file have more than {budget.MAX_NODES:,} nodes together"
            hint = "check them one by one: FILE@PRESET"
        self.problems.append(SpecError(Problem(message, mark, address, hint=hint)))
        raise Halted

    def mark(self, place: FramePlace, spec: NodeSpec) -> Mark | None:
        """Where a node's name stands; found once for all copies of the node."""
        key = id(place.document), spec.where
        if key not in self._marks:
            self._marks[key] = mark = place.key(*spec.where)
            if spec.path is not None:
                self.paths[mark] = place.value(*spec.where, "path")
        mark = self._marks[key]
        if spec.path is not None:
            self.log.append(StatedPath(mark, self.paths[mark]))
        return mark

    def use(self, target: Target) -> None:
        """Notes a block or an operation that a node applies, under the definitions by which it was found."""
        block = None
        if isinstance(target.what, BlockSpec):
            assert target.definitions is not None
            block = target.what, target.definitions
        applied = AppliedName(target.written.place.definitions, target.name, block)
        self.log.append(applied)
        self.note_applied(applied)

    def note_applied(self, applied: AppliedName) -> None:
        """Notes what was applied here, or in a body that is copied from another network."""
        finder = id(applied.definitions)
        if applied.block is not None:
            self.used.setdefault(finder, {})[applied.name] = applied.block
        else:
            self.operations.setdefault(finder, set()).add(applied.name)
