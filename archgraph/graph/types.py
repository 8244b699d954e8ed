"""The graph: values, nodes, calls. Frozen; made only by the builder; every target reads it and none changes it.

A `Graph` is a body: inputs, an ordered list of items, named outputs. An item is a `Node` (one operation) or a `Call`
(a body with a path of its own: a block, an inline group, a repetition). Bodies are closed: a value of a body is seen
only there, and what crosses its border is listed, by position, in `Call.inputs` and `Call.outputs`.

All sizes, at every depth, are expressed in the symbols of the outermost graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph.dims import Constraint, Dim
from archgraph.errors import Mark, Problem, UnknownNameError, nearest
from archgraph.graph.scan import Scan
from archgraph.ops.contract import Inputs, Operation, TensorType, Weight
from archgraph.records import record


@record()
class Origin:
    """Where an item stands in the source: its address there (`up.0.layer.1.skip`) and the place in the file."""

    address: str = ""
    mark: Mark | None = None


@record(eq=False)
class Value:
    """A tensor that flows: an input of a body, or an output of an item. Compared by identity."""

    name: str
    type: TensorType
    origin: Origin = Origin()

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    def __repr__(self) -> str:
        return f"Value({self.name} {self.type})"


@record(eq=False)
class Node:
    """One application of an operation.

    `name` is its path below the enclosing call (it may hold dots: `net.0.proj`). `inputs` maps ports to values, in
    port order; a weight that comes from outside stands there under the weight's name and is missing from `weights`.
    `ties` maps a weight's name to the absolute key of the weight whose tensor it shares. `shares` is the node whose
    module is applied again; such a node owns no weights. `training` says that it is computed in training only. `hidden`
    says that its name is no level of the module tree (`path: .`): its weights stand in the module around it.
    """

    name: str
    op: Operation
    inputs: Mapping[str, Value]
    outputs: tuple[Value, ...]
    weights: tuple[Weight, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)
    shares: Node | None = None
    origin: Origin = Origin()
    training: bool = False
    hidden: bool = False

    @property
    def types(self) -> Inputs:
        """The types at its ports."""
        return Inputs({port: value.type for port, value in self.inputs.items()})

    @property
    def output(self) -> Value:
        """Its first output."""
        return self.outputs[0]

    @property
    def macs(self) -> Dim:
        return self.op.macs(self.types, tuple(value.type for value in self.outputs))

    def variadic(self, port: str) -> tuple[Value, ...]:
        """The values at a variadic port, in order."""
        return tuple(value for name, value in self.inputs.items() if name.startswith(f"{port}."))

    def __repr__(self) -> str:
        return f"Node({self.name}: {self.op.name})"


CallKind = Literal["block", "group", "repeat", "map"]


@record(eq=False)
class Call:
    """A body applied at a place: a block, an inline group, or a repetition, whose body holds the copies.

    `hidden` says that its name is no level of the module tree (`path: .`, or copies with a literal path): what it holds
    stands in the parent. `arguments` are the block's resolved parameters, `symbols` the sizes that its input shapes
    bound. `shares` is the call whose modules are applied again. With `scan` the body is applied to each slice of a
    sequence in turn; its types are those of one step. `training` says that it is computed in training only.
    """

    name: str
    kind: CallKind
    body: Graph
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    hidden: bool = False
    block: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, Dim] = field(default_factory=dict)
    shares: Call | None = None
    scan: Scan | None = None
    origin: Origin = Origin()
    training: bool = False

    @property
    def output(self) -> Value:
        """Its first output."""
        return self.outputs[0]

    @property
    def read_types(self) -> tuple[TensorType, ...]:
        """The types of what it reads, as its body sees them."""
        types = tuple(value.type for value in self.inputs)
        return self.scan.read(types) if self.scan else types

    @property
    def made_types(self) -> tuple[TensorType, ...]:
        """The types that the results of its body have outside."""
        return made_types(self.body, self.scan)

    def __repr__(self) -> str:
        return f"Call({self.name}: {self.block or self.kind})"


def made_types(body: Graph, scan: Scan | None) -> tuple[TensorType, ...]:
    """The types that the results of a body have where it is applied."""
    types = tuple(value.type for value in body.outputs.values())
    return scan.made(types) if scan else types


Item = Node | Call


class Values(tuple[Value, ...]):
    """Values in order, also by name: `graph.inputs["image"]`. Raises UnknownNameError."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        if not isinstance(place, str):
            return super().__getitem__(place)
        names = [value.name for value in self]
        if place not in names:
            raise UnknownNameError(
                f"there is no input '{place}'", expected=", ".join(names), hint=nearest(place, names)
            )
        return self[names.index(place)]


class Outputs(dict[str, Value]):
    """Values by the names of the outputs. Raises UnknownNameError."""

    def __missing__(self, name: object) -> Value:
        expected = ", ".join(filter(None, self)) or "one output without a name"
        raise UnknownNameError(f"there is no output '{name}'", expected=expected, hint=nearest(str(name), self))


@record()
class Info:
    """What the outermost graph knows of itself beyond its structure: all of it plain data."""

    about: str = ""
    preset: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The spec as plain data, self-contained: the blocks that it uses are among its `blocks`."""
    written: Mapping[str, Any] = field(default_factory=dict)
    """The spec as an import wrote it, in which standard blocks are only named."""
    file: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Symbols of the spec that were replaced by numbers."""
    exported: str = ""
    """The exported file that the graph was read from; its weights stayed there."""


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)  # what people hold is frozen at run time too
class Graph:
    """A body: inputs, items in the order of the flow, outputs by name (a single unnamed output is called '').

    `training_outputs` are those that there are in training only, after the others.

    `nodes` are all operations at every depth by path, `calls` all blocks, groups and repetitions;
    `graph["layer1.0.conv1"]` is one of them.
    """

    name: str
    inputs: tuple[Value, ...]
    items: tuple[Item, ...]
    outputs: Mapping[str, Value]
    order: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    warnings: tuple[Problem, ...] = ()
    info: Info = Info()  # noqa: RUF009 - nobody changes it
    training_outputs: Mapping[str, Value] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """`name@preset`, as people ask for it."""
        return f"{self.name}@{self.info.preset}" if self.info.preset else self.name

    def __post_init__(self) -> None:
        if type(self.inputs) is not Values:
            object.__setattr__(self, "inputs", Values(self.inputs))
        if type(self.outputs) is not Outputs:
            object.__setattr__(self, "outputs", Outputs(self.outputs))

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All operations, at every depth, by path."""
        from archgraph.graph.lookup import nodes

        return nodes(self)

    @property
    def calls(self) -> Mapping[str, Call]:
        """All blocks, groups and repetitions, at every depth, by path."""
        from archgraph.graph.lookup import calls

        return calls(self)

    def __getitem__(self, path: str) -> Item:
        from archgraph.graph.lookup import part

        return part(self, path)

    def __contains__(self, path: object) -> bool:
        return path in self.nodes or path in self.calls

    def __iter__(self) -> Iterator[str]:
        """The paths of all operations."""
        return iter(self.nodes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, which JSON takes: inputs, outputs, constraints, and all operations with what they read."""
        from archgraph.graph.lookup import graph_data

        return graph_data(self)

    def spec(self) -> str:
        """The text of its spec, every block that it uses included; of an imported network, the text of the import."""
        from archgraph.graph.spec_text import spec_text

        return spec_text(self.info.written or self.info.spec)

    def __str__(self) -> str:
        from archgraph.graph.lookup import graph_overview

        return graph_overview(self)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{value.name} {value.type}" for value in self.inputs)
        outputs = ", ".join(f"{name} {value.type}".strip() for name, value in self.outputs.items())
        return f"Graph({self.title}: {inputs} → {outputs})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows."""
        printer.text(str(self))

    def _repr_svg_(self) -> str | None:
        """What a notebook shows: a picture, or nothing where it cannot be drawn; the text stays."""
        from archgraph.graph.notebook import graph_svg

        return graph_svg(self)


@record()
class Placed:
    """A node with its path in the whole graph. `calls` are the enclosing calls, outermost first."""

    path: str
    node: Node
    calls: tuple[Call, ...]


def joined(first: str, second: str, *others: str) -> str:
    """Path segments joined by dots, empty ones left out."""
    whole = f"{first}.{second}" if first and second else first or second
    return joined(whole, *others) if others else whole


def walk(graph: Graph) -> Iterator[Placed]:
    """All nodes at every depth in the order of the flow, with their paths.

    The path of a node that owns weights is its module path (hidden calls are no level of it), so that keys are
    `path.weight`. Work without weights keeps the hidden levels: they make its path unique.
    """
    yield from _walk(graph, "", "", ())


def _walk(graph: Graph, module: str, full: str, calls: tuple[Call, ...]) -> Iterator[Placed]:
    for item in graph.items:
        if isinstance(item, Call):
            below = module if item.hidden else joined(module, item.name)
            yield from _walk(item.body, below, joined(full, item.name), (*calls, item))
        else:
            yield Placed(joined(module if is_module(item) else full, item.name), item, calls)


def owns_weights(node: Node) -> bool:
    """Whether it has tensors of its own, or applies one again that has."""
    return bool(node.weights or node.ties or (node.shares and node.shares.weights))


def is_module(node: Node) -> bool:
    """Whether its path is that of a module or a tensor: it owns weights, and not in the level around it."""
    return owns_weights(node) and not (node.shares or node).hidden


def is_free_tensor(node: Node) -> bool:
    """Whether it is a weight of its own (`parameter`, `buffer`): nothing is computed, nothing written."""
    return any(not weight.name for weight in node.weights)
