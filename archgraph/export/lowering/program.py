"""What is emitted, before it becomes protobuf: light records that can still be renamed, folded and dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.export.lowering.gate_order import GateOrder
from archgraph.export.lowering.parametrized_weight import ParametrizedWeight
from archgraph.export.passes.folded_weights import WeightFold
from archgraph.ops.contract import TensorType

Attribute: TypeAlias = "int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]"
Transform = Literal["same", "transpose", "fold", "gates", "parametrized"]

SINGLE = "float32"
ELEMENT_TYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "bfloat16": 16,
}

LOW_TYPES = frozenset((ELEMENT_TYPES["float16"], ELEMENT_TYPES["bfloat16"]))


@dataclass(frozen=True, slots=True)
class Computed:
    """The element types of one application: of its values, and of its weights."""

    values: str = SINGLE
    weights: str = SINGLE


@dataclass(slots=True)
class Subgraph:
    """What an operator applies to each slice of a sequence: names and types of its inputs and outputs, its operators.

    These may read any value of the program around it.
    """

    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    nodes: list[OnnxNode]

    @property
    def captured(self) -> tuple[str, ...]:
        """What its operators read of the program around it."""
        own = {*self.inputs, *(name for node in self.nodes for name in node.outputs)}
        return tuple(dict.fromkeys(name for node in self.nodes for name in node.reads if name not in own))

    def rename(self, names: Mapping[str, str]) -> None:
        """Gives values of the program around it other names."""
        for node in self.nodes:
            node.rename(names)


@dataclass(slots=True)
class OnnxNode:
    """One ONNX operator. `path` is the node of the graph that it belongs to."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    name: str = ""
    path: str = ""
    body: Subgraph | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """All values that it reads: its inputs, and what its body reads besides."""
        return self.inputs if self.body is None else (*self.inputs, *self.body.captured)

    def rename(self, names: Mapping[str, str]) -> None:
        """Gives values other names, in its body too."""
        self.inputs = tuple(names.get(name, name) for name in self.inputs)
        self.outputs = tuple(names.get(name, name) for name in self.outputs)
        if self.body is not None:
            self.body.rename(names)


@dataclass(frozen=True, slots=True)
class Initializer:
    """A weight of the file: its dimensions there, and the key (or keys) of the state dict it comes from.

    `same` keeps the bytes (dimensions of 1 may come and go), `transpose` exchanges the two dimensions of a matrix,
    `fold` multiplies a batch norm into the layer before it: see `folded_weights.WeightFold`; `gates` puts the weights
    of a recurrent layer in ONNX's order: see `gate_order.GateOrder`; `parametrized` computes a weight from others: see
    `parametrized_weight.ParametrizedWeight`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    keys: tuple[str, ...]
    transform: Transform = "same"
    fold: WeightFold | None = None
    gates: GateOrder | None = None
    parametrized: ParametrizedWeight | None = None
    trained: bool = False
    """Whether it is a trained weight as it is, and no buffer."""


@dataclass(slots=True)
class Program:
    """An ONNX graph in the making. `results` maps each value of the graph, by path, to its name in the file."""

    nodes: list[OnnxNode] = field(default_factory=list)
    initializers: dict[str, Initializer] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, TensorType] = field(default_factory=dict)
    outputs: dict[str, TensorType] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    types: dict[str, TensorType] = field(default_factory=dict)
    exact: dict[str, Array] = field(default_factory=dict)
    """What constants of a low type were before they were rounded, by name, in float32."""
    folded: dict[str, str] = field(default_factory=dict)
    """Batch norms that were multiplied into the layer before them: path of the norm → path of that layer."""
    dtype: str = "float32"
    kept: tuple[str, ...] = ()
    """The element type of most of the work, and the paths that were asked to stay in float32."""
    layout: str = ""
    """`channels_first` where a file for CUDA gains nothing from channels that come last."""
    opset: int = 0
    """The version of the standard operators: the profile's, or a later one that an operator needs."""

    def readers(self) -> dict[str, int]:
        """How many times each value is read, outputs of the file included."""
        counts = dict.fromkeys(self.outputs, 1)
        for node in self.nodes:
            for name in node.reads:
                counts[name] = counts.get(name, 0) + 1
        return counts

    def rename(self, names: Mapping[str, str]) -> None:
        """Gives values other names, everywhere."""
        if not names:
            return
        for node in self.nodes:
            node.rename(names)
        self.results = {path: names.get(name, name) for path, name in self.results.items()}
        self.types = {names.get(name, name): kind for name, kind in self.types.items()}

    def drop_unread(self) -> None:
        """Removes work, weights and constants that no output depends on."""
        needed = set(self.outputs)
        kept: list[OnnxNode] = []
        for node in reversed(self.nodes):
            if any(name in needed for name in node.outputs):
                kept.append(node)
                needed.update(node.reads)
        self.nodes = kept[::-1]
        self.initializers = {name: item for name, item in self.initializers.items() if name in needed}
        self.constants = {name: array for name, array in self.constants.items() if name in needed}
        made = needed.union(*(node.outputs for node in self.nodes))
        self.results = {path: name for path, name in self.results.items() if name in made}
        self.types = {name: kind for name, kind in self.types.items() if name in made}


class UniqueNames:
    """Hands out names that are not taken yet: the wish itself, else the wish with a number."""

    def __init__(self, taken: Iterable[str] = ()):
        self._taken = set(taken)

    def take(self, wish: str) -> str:
        """The wish, or `wish_2`, `wish_3` …"""
        name, number = wish, 1
        while name in self._taken:
            number += 1
            name = f"{wish}_{number}"
        self._taken.add(name)
        return name


def constant_text(array: Array) -> str:
    """A readable name for a constant: its values where they are few, else its type and shape."""
    if array.size <= 6:
        values = "_".join(_number(value) for value in array.ravel().tolist())
        kind = "" if array.dtype == np.int64 else f"{array.dtype}/"
        return f"const/{kind}{values}" + ("" if array.ndim else "/scalar")
    return f"const/{array.dtype}/{'x'.join(map(str, array.shape))}"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
