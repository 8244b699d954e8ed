"""What rules write with: nodes, weights, constants and sizes of the ONNX graph in the making."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.errors import ExportError
from archgraph.export.lowering.gate_order import GateOrder
from archgraph.export.lowering.parametrized_weight import ParametrizedWeight
from archgraph.export.lowering.program import (
    ELEMENT_TYPES,
    LOW_TYPES,
    SINGLE,
    Attribute,
    Computed,
    Initializer,
    OnnxNode,
    Program,
    UniqueNames,
    constant_text,
)
from archgraph.graph.types import Node
from archgraph.ops.contract import FLOAT_TYPES, Inputs, TensorType
from archgraph.ops.parametrization import KERNEL, Parametrization, ParametrizedOperation

Results: TypeAlias = "str | tuple[str, ...]"


class SizeSource(Protocol):
    """Sizes at run time; see `sizes.SizeEmitter`."""

    def reshaping(self, have: Sequence[Dim], want: Sequence[Dim]) -> str: ...

    def vector(self, shape: Sequence[Dim]) -> str: ...

    def scalar(self, dim: Dim) -> str: ...


class Emission:
    """One export: the program, the names in use, and what is shared across the whole graph."""

    def __init__(self, program: Program, names: UniqueNames, tied: Collection[str] = ()):
        self.program = program
        self.names = names
        self.tied = frozenset(tied)
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._shared: dict[object, str] = {}
        self._shared_names: set[str] = set()
        self._weights: dict[object, str] = {}

    def add(self, kind: str, inputs: Sequence[str], wish: str, **attributes: Attribute) -> str:
        """Appends an operator with one result, called after `wish`. Returns its name."""
        return self.add_many(kind, inputs, wish, 1, attributes)[0]

    def add_many(
        self, kind: str, inputs: Sequence[str], wish: str, outputs: int, attributes: Mapping[str, Attribute]
    ) -> tuple[str, ...]:
        """Appends an operator with several results. The attribute `domain` says whose operator it is."""
        how = dict(attributes)
        domain = str(how.pop("domain", ""))
        made = tuple(self.names.take(wish if outputs == 1 else f"{wish}.{i}") for i in range(outputs))
        self.program.nodes.append(OnnxNode(kind, tuple(inputs), made, how, domain, path=wish.partition("/")[0]))
        return made

    def constant(self, array: Array, exact: Array | None = None) -> str:
        """The name of a constant; equal ones are one. `exact` is what it was before it was rounded to a low type."""
        array = np.ascontiguousarray(array) if array.ndim else array
        key = (str(array.dtype), array.shape, (array if exact is None else exact).tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.names.take(constant_text(array))
            self.program.constants[name] = array
            if exact is not None:
                self.program.exact[name] = exact
        return self._constants[key]

    def ints(self, values: Sequence[int]) -> str:
        """A constant vector of int64."""
        return self.constant(np.array(values, dtype=np.int64))

    def shared(self, key: object, make: Callable[[], str]) -> str:
        """What `make` emits, once for the whole graph."""
        if key not in self._shared:
            self._shared[key] = make()
            self._shared_names.add(self._shared[key])
        return self._shared[key]

    def is_shared(self, name: str) -> bool:
        """Whether a value was emitted once for the whole graph: it keeps its name, whoever reads it first."""
        return name in self._shared_names

    def weight(self, wish: str, item: Initializer) -> str:
        """The name of a weight in the file: one for each key, shape and transform."""
        key = (item.keys, item.shape, item.transform, item.dtype, item.parametrized)
        if key not in self._weights:
            name = self._weights[key] = self.names.take(wish)
            self.program.initializers[name] = replace(item, name=name)
        return self._weights[key]


def _as(kind: TensorType, dtype: str) -> TensorType:
    """A type of the graph as an application computes it: float32 stands for the type that was chosen."""
    return replace(kind, dtype=dtype) if kind.dtype == SINGLE != dtype else kind


def _widened(kind: TensorType) -> TensorType:
    """A type with float32 in the place of every floating-point one."""
    return replace(kind, dtype=SINGLE) if kind.dtype in FLOAT_TYPES else kind


def _before_rounding(values: float | Array, dtype: str) -> Array | None:
    """The numbers of a constant in float32, where the file has them in a low type."""
    return np.asarray(values, dtype=SINGLE) if ELEMENT_TYPES[dtype] in LOW_TYPES else None


@dataclass(slots=True)
class OnnxRuleContext:
    """One node of the graph while its rule runs: the names at its ports, its weights, and what it has emitted.

    `path` names it; `keys` maps the names of its weights to state-dict keys.
    """

    emission: Emission
    node: Node
    path: str
    inputs: Mapping[str, str]
    keys: Mapping[str, str]
    sizes: SizeSource
    computed: Computed = field(default_factory=Computed)
    in_float32: bool = False
    """Whether it reads and gives float32 in the place of the floating-point types that the spec has."""
    _types: Inputs | None = field(default=None, repr=False)

    def __getitem__(self, port: str) -> str:
        return self.inputs[port]

    @property
    def types(self) -> Inputs:
        """The types at its ports, as the file has them."""
        if self._types is None:
            found, low = self.node.types, self.computed.values
            if self.in_float32:
                found = Inputs({port: _widened(kind) for port, kind in found.items()})
            changed = low != SINGLE and any(kind.dtype == SINGLE for kind in found.values())
            self._types = Inputs({port: _as(kind, low) for port, kind in found.items()}) if changed else found
        return self._types

    @property
    def main(self) -> str:
        """The name at its first connected port."""
        return next(iter(self.inputs.values()))

    @property
    def type(self) -> TensorType:
        """The type at its first connected port."""
        return self.types.main

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The shape at its first connected port."""
        return self.types.main.shape

    @property
    def result(self) -> TensorType:
        """The type of its first output."""
        kind = self.node.outputs[0].type
        return _widened(kind) if self.in_float32 else _as(kind, self.computed.values)

    def all(self, port: str) -> tuple[str, ...]:
        """The names at a variadic port, in order."""
        return tuple(name for key, name in self.inputs.items() if key.startswith(f"{port}."))

    def emit(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Appends an operator with one result."""
        return self.emission.add(kind, inputs, f"{self.path}/{kind}", **attributes)

    def emit_many(self, kind: str, outputs: int, *inputs: str, **attributes: Attribute) -> tuple[str, ...]:
        """Appends an operator with several results."""
        return self.emission.add_many(kind, inputs, f"{self.path}/{kind}", outputs, attributes)

    def constant(self, values: Array | Sequence[int]) -> str:
        """A constant: an array as it is, whole numbers as a vector of int64."""
        return self.emission.constant(values) if isinstance(values, np.ndarray) else self.emission.ints(values)

    def scalar(self, value: float, dtype: str = "") -> str:
        """A constant without dimensions, of the type at the first port. Raises ExportError where it does not fit."""
        kind = dtype or self.type.dtype
        with np.errstate(over="ignore"):
            made = np.array(value, dtype=kind)
        if np.isfinite(value) and not np.isfinite(made):
            raise ExportError(f"the number {value:g} does not fit into {kind}", hint=f"--keep {self.path}")
        return self.emission.constant(made, _before_rounding(value, kind))

    def numbers(self, values: Array) -> str:
        """A constant in the type at the first port, rounded to the nearest."""
        kind = self.type.dtype
        return self.emission.constant(values.astype(kind), _before_rounding(values, kind))

    def weight(self, name: str, shape: Sequence[int] | None = None) -> str:
        """A weight of the node, in other dimensions where they are given (the order of its values stays)."""
        item = self._stored(name)
        if item is None:
            same = shape is None or tuple(shape) == self.types[name].shape
            return (
                self.inputs[name] if same else self.emit("Reshape", self.inputs[name], self.constant(list(shape or ())))
            )
        dims = item.shape if shape is None else tuple(shape)
        wish = item.keys[0] + ("" if dims == item.shape else f"/{'x'.join(map(str, dims))}")
        return self.emission.weight(wish, replace(item, shape=dims))

    def transposed(self, name: str) -> str:
        """A matrix among the node's weights with its dimensions exchanged: in the file, unless a tie would store the
        matrix twice."""
        item = self._stored(name)
        if item is None or item.keys[0] in self.emission.tied:
            return self.emit("Transpose", self.weight(name), perm=(1, 0))
        turned = replace(item, shape=item.shape[::-1], transform="transpose")
        if item.parametrized:
            turned = replace(turned, transform=item.transform, parametrized=replace(item.parametrized, transposed=True))
        return self.emission.weight(f"{item.keys[0]}/transposed", turned)

    def gates(self, names: tuple[tuple[str, ...], ...], order: tuple[int, ...]) -> str:
        """Weights of a recurrent layer as one tensor, [directions, parts·gates·hidden, …]: by direction the parts that
        stand one after the other, their gates in ONNX's order. In the file, unless they are tied, or values that flow.
        """
        items = [[self._stored(name) for name in parts] for parts in names]
        stored = [item for parts in items for item in parts if item and item.keys[0] not in self.emission.tied]
        if len(stored) < sum(map(len, names)):
            return self._rearranged(names, order)
        made = GateOrder(tuple(tuple(item.keys[0] for item in parts if item) for parts in items), order)
        rows = sum(item.shape[0] for item in items[0] if item)
        shape = (len(names), rows, *stored[0].shape[1:])
        item = Initializer("", shape, stored[0].dtype, made.keys, "gates", gates=made)
        return self.emission.weight(f"{made.keys[0]}/gates", item)

    def _rearranged(self, names: tuple[tuple[str, ...], ...], order: tuple[int, ...]) -> str:
        """The same, computed where the file runs."""
        directions: list[str] = []
        for parts in names:
            rows: list[str] = []
            for name in parts:
                rows += self._ordered(self.weight(name), order)
            whole = self.emit("Concat", *rows, axis=0) if len(rows) > 1 else rows[0]
            directions.append(self.emit("Unsqueeze", whole, self.constant([0])))
        return directions[0] if len(directions) == 1 else self.emit("Concat", *directions, axis=0)

    def _ordered(self, rows: str, order: tuple[int, ...]) -> list[str]:
        if len(order) == 1:
            return [rows]
        gates = self.emit_many("Split", len(order), rows, axis=0, num_outputs=len(order))
        return [gates[place] for place in order]

    def _stored(self, name: str) -> Initializer | None:
        """A weight that the file holds, the node's own or a free tensor handed in; None for a value that flows."""
        if name in self.inputs:
            return self.emission.program.initializers.get(self.inputs[name])
        owner = self.node.shares or self.node
        if isinstance(owner.op, ParametrizedOperation) and name == KERNEL and owner.op.parametrization:
            return self._parametrized(owner, owner.op, owner.op.parametrization)
        own = next(weight for weight in owner.weights if weight.name == name)
        dtype = self.computed.weights if own.dtype == SINGLE else own.dtype
        return Initializer("", own.shape, dtype, (self.keys[name],), trained=own.trainable)

    def _parametrized(self, owner: Node, op: ParametrizedOperation, how: Parametrization) -> Initializer:
        """A weight that is computed from others when the file is written."""
        kernel, *_ = op.plain_weights(owner.types)
        made = ParametrizedWeight(how, tuple(self.keys[part.name] for part in how.parts(kernel)))
        return Initializer("", kernel.shape, self.computed.weights, made.keys, "parametrized", parametrized=made)

    def cast(self, x: str, dtype: str) -> str:
        """The same values in another element type; `x` itself where it is in that type already."""
        return self.converted(x, self.type.dtype, dtype)

    def kernel_type(self, dtype: str) -> str:
        """float32 for values that the spec has in bfloat16, for which CPUs have no kernels. A file that is exported in
        bfloat16 is for devices that have some."""
        return SINGLE if dtype == "bfloat16" != self.computed.values else dtype

    def read(self, port: str, dtype: str) -> str:
        """The value at a port in an element type."""
        return self.converted(self.inputs[port], self.types[port].dtype, dtype)

    def converted(self, x: str, have: str, want: str) -> str:
        """A value of one element type in another; the value itself where both are one."""
        return x if have == want else self.emit("Cast", x, to=ELEMENT_TYPES[want])

    def reading(self, x: str) -> OnnxRuleContext:
        """The same application in float32, with `x` at its main port."""
        inputs = {**self.inputs, next(iter(self.inputs)): x}
        return replace(self, inputs=inputs, computed=Computed(), _types=None)

    def widened(self) -> OnnxRuleContext:
        """The same application over values that are cast to float32."""
        floats = {port for port, kind in self.types.items() if kind.dtype in FLOAT_TYPES}
        inputs = {port: self.read(port, SINGLE) if port in floats else name for port, name in self.inputs.items()}
        return replace(self, inputs=inputs, in_float32=True, _types=None)

    def in_single(self, work: Callable[[str], str], x: str) -> str:
        """What is sensitive, in float32 whatever the type of the rest."""
        if self.type.dtype == SINGLE:
            return work(x)
        return self.emit("Cast", work(self.cast(x, SINGLE)), to=ELEMENT_TYPES[self.type.dtype])

    def reshape(self, x: str, have: Sequence[Dim], want: Sequence[Dim]) -> str:
        """The same values in another shape; nothing where the shapes are equal."""
        if tuple(have) == tuple(want):
            return x
        return self.emit("Reshape", x, self.sizes.reshaping(have, want))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Dimensions in another order; nothing where it is the present one."""
        if list(order) == list(range(len(order))):
            return x
        return self.emit("Transpose", x, perm=tuple(order))

    def dims(self, shape: Sequence[Dim]) -> str:
        """A shape as a vector of int64, computed at run time as far as it is symbolic."""
        return self.sizes.vector(shape)
