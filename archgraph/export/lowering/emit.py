"""Graph → ONNX program: every operation by its rule, calls flattened, names kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import archgraph.export.rules  # noqa: F401, registers the rules
from archgraph.errors import ExportError, Problem
from archgraph.export.lowering.applications import LoweredBody, LoweredFlow, LoweredStep, Slot, flatten
from archgraph.export.lowering.emission import Emission, OnnxRuleContext
from archgraph.export.lowering.plugin_operators import expected_rule, results_of_plugin
from archgraph.export.lowering.precision import Precision, lacks_kernels, precision_of
from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE, Computed, OnnxNode, Program, UniqueNames
from archgraph.export.lowering.scan_body import body_of, operator, split_by_step
from archgraph.export.lowering.sizes import SizeEmitter
from archgraph.export.passes.batch_norm_folding import fold_batch_norms
from archgraph.export.passes.later_opsets import rename_modes
from archgraph.export.passes.optimizer_guards import guard
from archgraph.export.profiles import Profile
from archgraph.garbage_collection import uncollected
from archgraph.graph.types import Graph, walk
from archgraph.ops.contract import FLOAT_TYPES

UNNAMED_OUTPUT = "output"


@uncollected()
def emit(graph: Graph, profile: Profile, fold: bool = True, dtype: str = SINGLE, keep: Iterable[str] = ()) -> Program:
    """The ONNX program of a graph. Raises ExportError where an operation has no rule or a size no source."""
    _require_rules(graph, profile)
    program = Program(
        inputs={value.name: value.type for value in graph.inputs},
        outputs={name: graph.outputs[output].type for output, name in output_names(graph).items()},
        opset=profile.opset,
    )
    flow = flatten(graph)
    precision = precision_of(graph, flow, profile, dtype, keep)
    program.dtype, program.kept = precision.low, precision.kept
    emitter = _Emitter(program, profile, flow, precision)
    for step in emitter.flow.steps:
        emitter.step(step)
    emitter.name_outputs()
    if fold:
        fold_batch_norms(program)
    for fuse in profile.passes:
        fuse(program)
    guard(program)
    rename_modes(program)
    program.drop_unread()
    return program


def _require_rules(graph: Graph, profile: Profile) -> None:
    missing: dict[str, Problem] = {}
    for placed in walk(graph):
        op = placed.node.op
        name = op.name
        if profile.rule(type(op)) is None and name not in missing:
            problem = Problem(f"the profile '{profile.name}' has no ONNX form for '{name}'", expected=expected_rule(op))
            missing[name] = problem.placed(placed.node.origin.mark, placed.node.origin.address or placed.path)
    if missing:
        raise ExportError(*missing.values())


def output_names(graph: Graph) -> dict[str, str]:
    """The name of each output in a file, where all values share one space of names: `x_out` for one that is called like
    the input `x`, `output` for one without a name."""
    inputs = {value.name for value in graph.inputs}
    taken = UniqueNames(inputs.union(graph.outputs))
    named: dict[str, str] = {}
    for output in graph.outputs:
        clashing = f"{output}_out" if output else UNNAMED_OUTPUT
        named[output] = output if output and output not in inputs else taken.take(clashing)
    return named


@dataclass(slots=True)
class _Emitter:
    """Runs the rules in the order of the flow. `values` holds the names of what is there so far."""

    program: Program
    profile: Profile
    flow: LoweredFlow
    precision: Precision
    emission: Emission = field(init=False)
    sizes: SizeEmitter = field(init=False)
    titles: UniqueNames = field(default_factory=UniqueNames)
    values: dict[Slot, str] = field(init=False)
    held: dict[Slot, str] = field(default_factory=dict)
    casts: dict[tuple[Slot, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = UniqueNames([*self.program.inputs, *self.program.outputs])
        self.emission = Emission(self.program, taken, self.flow.ties.values())
        self.sizes = SizeEmitter(self.emission)
        self.values = {slot: name for name, slot in self.flow.inputs.items()}

    def step(self, step: LoweredStep) -> None:
        """Emits one application."""
        if step.body is not None:
            self._scan(step, step.body)
            return
        computed, inputs = self._narrowed(step)
        site = OnnxRuleContext(self.emission, step.node, step.path, inputs, step.keys, self.sizes, computed)
        first = len(self.program.nodes)
        self._claim(first, step, self._apply(site))

    def _scan(self, step: LoweredStep, body: LoweredBody) -> None:
        """Emits what is applied to each slice in turn. What is the same in each step stands before the operator."""
        inputs = list(self._narrowed(step)[1].values())
        local = {place: self._local(step, place, body) for place in (*body.how.carried, *body.how.sequences)}
        self.values |= {slot: local.get(place, inputs[place]) for place, slot in enumerate(body.inputs)}
        first, outer, self.precision = len(self.program.nodes), self.precision, Precision()
        for inner in body.steps:
            self.step(inner)
        self.precision = outer
        shared, inside = split_by_step(self.program.nodes[first:], set(local.values()))
        self.program.nodes[first:] = shared
        entering = [(local.get(place, ""), slot.type) for place, slot in enumerate(body.inputs)]
        leaving = [(self.values[slot], slot.type) for slot in body.outputs]
        made = body_of(body.how, (entering, leaving), inside, self.emission.names)
        results = tuple(self.emission.names.take(f"{step.path}/Scan") for _ in step.outputs)
        scan = operator(body.how, inputs, made, results)
        scan.path = step.path
        self.program.nodes.append(scan)
        self._claim(len(self.program.nodes) - 1, step, results)

    def _local(self, step: LoweredStep, place: int, body: LoweredBody) -> str:
        """The name of an input that each step has its own value of."""
        return self.emission.names.take(f"{step.path}/{body.call.body.inputs[place].name}")

    def _narrowed(self, step: LoweredStep) -> tuple[Computed, dict[str, str]]:
        """The types that an application computes in, and its inputs in these types."""
        if self.precision.low == SINGLE:
            return Computed(), {port: self.values[slot] for port, slot in step.inputs.items()}
        main = next(iter(step.inputs.values()), None)
        computed = self.precision.of(step, self._held(main) if main else SINGLE)
        inputs = {port: self._value(slot, computed.values, step.path) for port, slot in step.inputs.items()}
        self.held |= {slot: computed.values for slot in step.outputs if slot.type.dtype == SINGLE != computed.values}
        return computed, inputs

    def _held(self, slot: Slot) -> str:
        """The element type that a value has in the file."""
        return self.held.get(slot, slot.type.dtype)

    def _value(self, slot: Slot, dtype: str, reader: str) -> str:
        """The name of a value in the type in which it is read; it is cast once for all its readers."""
        if slot.type.dtype != SINGLE or self._held(slot) == dtype:
            return self.values[slot]
        if (slot, dtype) not in self.casts:
            cast = self.emission.add("Cast", [self.values[slot]], f"{reader}/Cast", to=ELEMENT_TYPES[dtype])
            self.program.nodes[-1].name = self.titles.take(cast)
            self.casts[slot, dtype] = cast
            self.program.types[cast] = replace(slot.type, dtype=dtype)
        return self.casts[slot, dtype]

    def _apply(self, site: OnnxRuleContext) -> tuple[str, ...]:
        dtypes = {kind.dtype for kind in site.types.values()}
        try:
            if lacks_kernels(site.node.op, dtypes, site.computed):
                return self._in_float32(site)
            return self._results(site)
        except ExportError as error:
            raise error.placed(site.node.origin.mark, site.node.origin.address or site.path) from None

    def _results(self, site: OnnxRuleContext) -> tuple[str, ...]:
        """The names of what the rule makes."""
        rule = self.profile.rule(type(site.node.op))
        assert rule is not None, site.node.op.name
        if site.node.op.plugin:
            return results_of_plugin(site, rule, self.profile)
        found = rule(site, site.node.op)
        return (found,) if isinstance(found, str) else found

    def _in_float32(self, site: OnnxRuleContext) -> tuple[str, ...]:
        """What the rule makes of values in float32, in the types that the spec has."""
        kinds = [value.dtype for value in site.node.outputs]
        found = self._results(site.widened())
        return tuple(
            site.converted(name, SINGLE, kind) if kind in FLOAT_TYPES else name
            for name, kind in zip(found, kinds, strict=True)
        )

    def _claim(self, first: int, step: LoweredStep, results: tuple[str, ...]) -> None:
        """Gives the results of a step its path as their name, unless they are values that were there before."""
        made = self.program.nodes[first:]
        own = (node for node in made if node.path == step.path)  # a node may be called `ranges`, as shared work is
        fresh = {name for node in own for name in node.outputs if not self.emission.is_shared(name)}
        renamed: dict[str, str] = {}
        for wish, slot, name in zip(step.results, step.outputs, results, strict=True):
            if name in fresh and name not in renamed:
                renamed[name] = self.emission.names.take(wish)
                held = self.held.get(slot)
                self.program.types[renamed[name]] = replace(slot.type, dtype=held) if held else slot.type
            self.values[slot] = self.program.results[wish] = renamed.get(name, name)
        for node in made:
            final = any(name in renamed for name in node.outputs)
            node.name = self.titles.take(step.path if final else node.outputs[0])
            node.rename(renamed)

    def name_outputs(self) -> None:
        """Gives outputs their names; one that is an input, a weight or another output too gets a copy."""
        wanted = {slot: self._value(slot, slot.type.dtype, name) for name, slot in self.flow.outputs.items()}
        made = {name for node in self.program.nodes for name in node.outputs}
        renamed: dict[str, str] = {}
        copies: dict[str, str] = {}
        for name, slot in zip(self.program.outputs, self.flow.outputs.values(), strict=True):
            value = wanted[slot]
            if value in made and value not in renamed:
                renamed[value] = name
            else:
                copies[name] = value
        self.program.rename(renamed)
        for name, value in copies.items():
            node = OnnxNode("Identity", (renamed.get(value, value),), (name,), name=self.titles.take(name), path=name)
            self.program.nodes.append(node)
