"""Graph → ONNX program: every operation by its rule, calls flattened, names kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import archgraph.export.rules  # noqa: F401, registers the rules
from archgraph.errors import ExportError, Problem
from archgraph.export.emission import Emission, Site
from archgraph.export.flow import Flow, Slot, Step, flatten
from archgraph.export.passes import fold_batch_norms
from archgraph.export.profiles import Profile
from archgraph.export.program import Names, OnnxNode, Program
from archgraph.export.sizes import Sizes
from archgraph.graph.types import Graph, walk

UNNAMED_OUTPUT = "output"


def emit(graph: Graph, profile: Profile, fold: bool = True) -> Program:
    """The ONNX program of a graph. Raises ExportError where an operation has no rule or a size no source."""
    _require_rules(graph, profile)
    program = Program(
        inputs={value.name: value.type for value in graph.inputs},
        outputs={name or UNNAMED_OUTPUT: value.type for name, value in graph.outputs.items()},
    )
    _require_distinct(program)
    emitter = _Emitter(program, profile, flatten(graph))
    for step in emitter.flow.steps:
        emitter.step(step)
    emitter.name_outputs()
    if fold:
        fold_batch_norms(program)
    for fuse in profile.passes:
        fuse(program)
    program.drop_unread()
    return program


def _require_rules(graph: Graph, profile: Profile) -> None:
    missing: dict[str, Problem] = {}
    for placed in walk(graph):
        name = placed.node.op.name
        if profile.rule(name) is None and name not in missing:
            problem = Problem(f"the profile '{profile.name}' has no ONNX form for '{name}'")
            missing[name] = problem.placed(placed.node.origin.mark, placed.node.origin.address or placed.path)
    if missing:
        raise ExportError(*missing.values())


def _require_distinct(program: Program) -> None:
    both = sorted(program.inputs.keys() & program.outputs.keys())
    if both:
        raise ExportError(
            f"an input and an output are both called '{both[0]}'",
            expected="names that differ, because they are names in one ONNX file",
            hint="give the output another name under 'outputs:'",
        )


@dataclass(slots=True)
class _Emitter:
    """Runs the rules in the order of the flow. `values` holds the names of what is there so far."""

    program: Program
    profile: Profile
    flow: Flow
    emission: Emission = field(init=False)
    sizes: Sizes = field(init=False)
    titles: Names = field(default_factory=Names)
    values: dict[Slot, str] = field(init=False)

    def __post_init__(self) -> None:
        taken = Names([*self.program.inputs, *self.program.outputs])
        self.emission = Emission(self.program, taken, self.flow.ties.values())
        self.sizes = Sizes(self.emission)
        self.values = {slot: name for name, slot in self.flow.inputs.items()}

    def step(self, step: Step) -> None:
        """Emits one application."""
        inputs = {port: self.values[slot] for port, slot in step.inputs.items()}
        site = Site(self.emission, step.node, step.path, inputs, step.keys, self.sizes)
        first = len(self.program.nodes)
        self._claim(first, step, self._apply(site))

    def _apply(self, site: Site) -> tuple[str, ...]:
        rule = self.profile.rule(site.node.op.name)
        assert rule is not None, site.node.op.name
        try:
            found = rule(site, site.node.op)
        except ExportError as error:
            raise error.placed(site.node.origin.mark, site.node.origin.address or site.path) from None
        return (found,) if isinstance(found, str) else found

    def _claim(self, first: int, step: Step, results: tuple[str, ...]) -> None:
        """Gives the results of a step its path as their name, unless they are values that were there before."""
        made = self.program.nodes[first:]
        fresh = {name for node in made if node.path == step.path for name in node.outputs}
        renamed: dict[str, str] = {}
        for wish, slot, name in zip(step.results, step.outputs, results, strict=True):
            if name in fresh and name not in renamed:
                renamed[name] = self.emission.names.take(wish)
                self.program.types[renamed[name]] = slot.type
            self.values[slot] = self.program.results[wish] = renamed.get(name, name)
        for node in made:
            node.inputs = tuple(renamed.get(name, name) for name in node.inputs)
            final = any(name in renamed for name in node.outputs)
            node.name = self.titles.take(step.path if final else node.outputs[0])
            node.outputs = tuple(renamed.get(name, name) for name in node.outputs)

    def name_outputs(self) -> None:
        """Gives outputs their names; one that is an input, a weight or another output too gets a copy."""
        made = {name for node in self.program.nodes for name in node.outputs}
        renamed: dict[str, str] = {}
        copies: dict[str, str] = {}
        for output, slot in self.flow.outputs.items():
            name, value = output or UNNAMED_OUTPUT, self.values[slot]
            if value in made and value not in renamed:
                renamed[value] = name
            else:
                copies[name] = value
        self.program.rename(renamed)
        for name, value in copies.items():
            node = OnnxNode("Identity", (renamed.get(value, value),), (name,), name=self.titles.take(name), path=name)
            self.program.nodes.append(node)
