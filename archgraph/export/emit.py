"""Graph → ONNX program: every operation by its rule, calls flattened, names kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import archgraph.export.rules  # noqa: F401, registers the rules
from archgraph.errors import ExportError, Problem
from archgraph.export.emission import Emission, Site
from archgraph.export.passes import fold_batch_norms
from archgraph.export.profiles import Profile, Rule
from archgraph.export.program import Names, Program
from archgraph.export.sizes import Sizes
from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph, Node, Value, joined, owns_weights, walk

UNNAMED_OUTPUT = "output"


def emit(graph: Graph, profile: Profile, fold: bool = True) -> Program:
    """The ONNX program of a graph. Raises ExportError where an operation has no rule or a size no source."""
    _require_rules(graph, profile)
    program = Program(
        inputs={value.name: value.type for value in graph.inputs},
        outputs={name or UNNAMED_OUTPUT: value.type for name, value in graph.outputs.items()},
    )
    _require_distinct(program)
    flow = _Flow(program, profile, ties_of(graph))
    values = {value: value.name for value in graph.inputs}
    flow.body(graph, values, _Place())
    _name_outputs(program, {name or UNNAMED_OUTPUT: values[value] for name, value in graph.outputs.items()}, flow)
    if fold:
        fold_batch_norms(program)
    program.drop_unread()
    return program


def ties_of(graph: Graph) -> dict[str, str]:
    """Each tied key with the key of the tensor that it shares in the end."""
    direct = {item.key: item.tied for item in weights(graph) if item.tied}
    ends: dict[str, str] = {}
    for key, target in direct.items():
        seen = {key}
        while target in direct and target not in seen:
            seen.add(target)
            target = direct[target]
        ends[key] = target
    return ends


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


@dataclass(frozen=True, slots=True)
class _Place:
    """The module path (which keys have) and the path with hidden levels (which weightless work has)."""

    module: str = ""
    full: str = ""


@dataclass(slots=True)
class _Flow:
    """The walk along the flow. `paths` remembers where each node's module stands, for those that apply it again."""

    program: Program
    profile: Profile
    ties: dict[str, str]
    emission: Emission = field(init=False)
    sizes: Sizes = field(init=False)
    titles: Names = field(default_factory=Names)
    paths: dict[Node, str] = field(default_factory=dict)
    modules: dict[Call, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = Names([*self.program.inputs, *self.program.outputs])
        self.emission = Emission(self.program, taken, self.ties.values())
        self.sizes = Sizes(self.emission)

    def body(self, graph: Graph, values: dict[Value, str], place: _Place) -> None:
        """Emits the items of a body. `values` holds its inputs' names, and in the end those of all its values."""
        for item in graph.items:
            if isinstance(item, Call):
                self._call(item, values, place)
            else:
                self._node(item, values, place)

    def _call(self, call: Call, values: dict[Value, str], place: _Place) -> None:
        module = place.module if call.hidden else joined(place.module, call.name)
        if call.shares is not None:
            module = self.modules[call.shares]
        self.modules[call] = module
        inner = {inside: values[outside] for inside, outside in zip(call.body.inputs, call.inputs, strict=True)}
        self.body(call.body, inner, _Place(module, joined(place.full, call.name)))
        for outside, inside in zip(call.outputs, call.body.outputs.values(), strict=True):
            values[outside] = inner[inside]

    def _node(self, node: Node, values: dict[Value, str], place: _Place) -> None:
        module = joined(place.module, node.name)
        self.paths[node] = module
        path = module if owns_weights(node) else joined(place.full, node.name)
        inputs = {port: values[value] for port, value in node.inputs.items()}
        site = Site(self.emission, node, path, inputs, self._keys(node), self.sizes)
        first = len(self.program.nodes)
        results = self._apply(site)
        named = self._claim(first, path, dict(zip(node.outputs, results, strict=True)), node)
        values.update(named)

    def _keys(self, node: Node) -> dict[str, str]:
        owner = node.shares or node
        keys = {weight.name: joined(self.paths[owner], weight.name) for weight in owner.weights}
        return {name: self.ties.get(key, key) for name, key in keys.items()}

    def _apply(self, site: Site) -> tuple[str, ...]:
        rule = self.profile.rule(site.node.op.name)
        assert rule is not None, site.node.op.name
        try:
            found = _run(rule, site)
        except ExportError as error:
            raise error.placed(site.node.origin.mark, site.node.origin.address or site.path) from None
        return found

    def _claim(self, first: int, path: str, results: dict[Value, str], node: Node) -> dict[Value, str]:
        """Gives the results of a node its path as their name, unless they are values that were there before."""
        fresh = {name: made for made in self.program.nodes[first:] if made.path == path for name in made.outputs}
        renamed: dict[str, str] = {}
        for port, (value, name) in zip(node.op.results, results.items(), strict=True):
            if name in fresh and name not in renamed:
                renamed[name] = self.emission.names.take(joined(path, port))
                self.program.types[renamed[name]] = value.type
            self.program.results[joined(path, port)] = renamed.get(name, name)
        for made in self.program.nodes[first:]:
            made.inputs = tuple(renamed.get(name, name) for name in made.inputs)
            final = any(name in renamed for name in made.outputs)
            made.name = self.titles.take(path if final else made.outputs[0])
            made.outputs = tuple(renamed.get(name, name) for name in made.outputs)
        return {value: renamed.get(name, name) for value, name in results.items()}


def _run(rule: Rule, site: Site) -> tuple[str, ...]:
    found = rule(site, site.node.op)
    return (found,) if isinstance(found, str) else found


def _name_outputs(program: Program, outputs: dict[str, str], flow: _Flow) -> None:
    """Gives outputs their names; one that is an input, a weight or another output too gets a copy."""
    made = {name for node in program.nodes for name in node.outputs}
    renamed: dict[str, str] = {}
    copies: dict[str, str] = {}
    for name, value in outputs.items():
        if value in made and value not in renamed:
            renamed[value] = name
        else:
            copies[name] = value
    program.rename(renamed)
    for name, value in copies.items():
        flow.emission.add("Identity", [renamed.get(value, value)], f"{name}/copy")
        program.nodes[-1].outputs = (name,)
        program.nodes[-1].name = flow.titles.take(name)
