"""The graph without its calls: each application in order, the values it reads and makes, its path and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from archgraph.dims import Facts
from archgraph.graph.keys import weights
from archgraph.graph.scan import Scan
from archgraph.graph.types import Call, Graph, Item, Node, Value, is_module, joined
from archgraph.ops.contract import Inputs, Operation, TensorType
from archgraph.ops.traits import Traits


@dataclass(frozen=True, eq=False, slots=True)
class Slot:
    """A value of the flattened graph: one slot, whatever borders of calls it crosses. Compared by identity."""

    type: TensorType


@dataclass(frozen=True, eq=False, slots=True)
class LoweredStep:
    """One application. `path` names it; `keys` maps the names of its weights to keys, those of a tied or shared
    tensor to the key under which it is stored."""

    node: Node
    path: str
    keys: Mapping[str, str]
    inputs: Mapping[str, Slot]
    outputs: tuple[Slot, ...]
    body: LoweredBody | None = None

    @property
    def results(self) -> tuple[str, ...]:
        """The paths of its outputs."""
        return tuple(joined(self.path, name) for name in self.node.op.result_names(len(self.node.outputs)))


@dataclass(frozen=True, eq=False, slots=True)
class LoweredBody:
    """What is applied to each slice of a sequence in turn: the call, and the slots and steps of one application."""

    call: Call
    how: Scan
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    steps: tuple[LoweredStep, ...]


class StepByStep(Operation):
    """Stands in a flattened graph for a block that is applied step by step, and in no graph. All of it is computed in
    float32."""

    name: ClassVar[str] = "scan"
    traits: ClassVar[Traits] = Traits(keeps_float32=True)
    outputs: tuple[str, ...]

    @property
    def results(self) -> tuple[str, ...]:
        return self.outputs

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        raise NotImplementedError("it stands in no graph")


@dataclass(frozen=True, slots=True)
class LoweredFlow:
    """A flattened graph: inputs and outputs under the graph's names."""

    inputs: Mapping[str, Slot]
    steps: tuple[LoweredStep, ...]
    outputs: Mapping[str, Slot]
    ties: Mapping[str, str]


def flatten(graph: Graph) -> LoweredFlow:
    """All applications of a graph, calls entered."""
    walk = _Walk(ties_of(graph))
    values = {value: Slot(value.type) for value in graph.inputs}
    inputs = {value.name: slot for value, slot in values.items()}
    walk.body(graph, values, _LoweringPlace())
    return LoweredFlow(
        inputs, tuple(walk.steps), {name: values[value] for name, value in graph.outputs.items()}, walk.ties
    )


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


@dataclass(frozen=True, slots=True)
class _LoweringPlace:
    """The module path, which keys have; the same but where a module is applied again, whose work has paths of its own;
    and the path with hidden levels, which weightless work has."""

    module: str = ""
    applied: str = ""
    full: str = ""


@dataclass(slots=True)
class _Walk:
    """`paths` and `modules` remember where a module stands, for those that apply it again."""

    ties: dict[str, str]
    steps: list[LoweredStep] = field(default_factory=list)
    paths: dict[Node, str] = field(default_factory=dict)
    modules: dict[Call, str] = field(default_factory=dict)

    def body(self, graph: Graph, values: dict[Value, Slot], place: _LoweringPlace) -> None:
        """Walks the items of a body. `values` holds the slots of its inputs, and in the end those of all its values."""
        for item in graph.items:
            if item.training:
                self._passed(item, place)
            elif isinstance(item, Call):
                self._call(item, values, place)
            else:
                self._node(item, values, place)

    def _call(self, call: Call, values: dict[Value, Slot], place: _LoweringPlace) -> None:
        name = "" if call.hidden else call.name
        module, applied = joined(place.module, name), joined(place.applied, name)
        if call.shares is not None:
            module = self.modules[call.shares]
        self.modules[call] = module
        if call.scan is not None:
            self._scanned(call, call.scan, values, _LoweringPlace(module, applied, joined(place.full, call.name)))
            return
        inner = {inside: values[outside] for inside, outside in zip(call.body.inputs, call.inputs, strict=True)}
        self.body(call.body, inner, _LoweringPlace(module, applied, joined(place.full, call.name)))
        for outside, inside in zip(call.outputs, call.body.outputs.values(), strict=True):
            values[outside] = inner[inside]

    def _passed(self, item: Item, place: _LoweringPlace) -> None:
        """Remembers where modules of training only stand: evaluation may apply them again."""
        if isinstance(item, Node):
            self.paths[item] = place.module if item.hidden else joined(place.module, item.name)
            return
        module = joined(place.module, "" if item.hidden else item.name)
        self.modules[item] = module = self.modules[item.shares] if item.shares is not None else module
        for inner in item.body.items:
            self._passed(inner, _LoweringPlace(module))

    def _scanned(self, call: Call, how: Scan, values: dict[Value, Slot], place: _LoweringPlace) -> None:
        """One step, for all slices of the sequence."""
        inner = {value: Slot(value.type) for value in call.body.inputs}
        entering = tuple(inner.values())
        before, self.steps = self.steps, []
        self.body(call.body, inner, place)
        steps, self.steps = tuple(self.steps), before
        leaving = tuple(inner[value] for value in call.body.outputs.values())
        keys = {key.removeprefix(f"{place.module}."): key for step in steps for key in step.keys.values()}
        inputs = {str(at): values[value] for at, value in enumerate(call.inputs)}
        outputs = tuple(Slot(value.type) for value in call.outputs)
        node = Node(
            call.name,
            StepByStep(outputs=tuple(call.body.outputs)),
            {str(at): value for at, value in enumerate(call.inputs)},
            call.outputs,
            origin=call.origin,
        )
        body = LoweredBody(call, how, entering, leaving, steps)
        self.steps.append(LoweredStep(node, place.applied, keys, inputs, outputs, body))
        values.update(zip(call.outputs, outputs, strict=True))

    def _node(self, node: Node, values: dict[Value, Slot], place: _LoweringPlace) -> None:
        self.paths[node] = place.module if node.hidden else joined(place.module, node.name)
        path = joined(place.applied if is_module(node) else place.full, node.name)
        inputs = {port: values[value] for port, value in node.inputs.items()}
        outputs = tuple(Slot(value.type) for value in node.outputs)
        self.steps.append(LoweredStep(node, path, self._keys(node), inputs, outputs))
        values.update(zip(node.outputs, outputs, strict=True))

    def _keys(self, node: Node) -> dict[str, str]:
        owner = node.shares or node
        keys = {weight.name: joined(self.paths[owner], weight.name) for weight in owner.weights}
        return {name: self.ties.get(key, key) for name, key in keys.items()}
