"""Bodies that are being drawn: values with their types, nodes, and how sizes and numbers are written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any

from archgraph.dims import Dim, Facts, Size, evaluate
from archgraph.errors import ArchgraphError
from archgraph.ops import Inputs, TensorType, lookup, make

Nodes = dict[str, Any]
MOST_ELEMENTS = 4000
LARGEST_RANK = 5
USUAL = 8
"""At which size of all symbols the number of elements is bounded."""


@dataclass(eq=False)
class Value:
    """What can be read: under which name, of which type, how often so far."""

    name: str
    kind: TensorType
    readers: int = 0


@dataclass(eq=False)
class Body:
    """A file, a block or a group. A group sees what is around it; `sizes` are the names of sizes in a block."""

    rng: Random
    facts: Facts
    outer: Body | None = None
    sizes: Mapping[Dim, str] | None = None
    params: dict[str, int] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    shareable: list[tuple[str, TensorType, TensorType]] = field(default_factory=list)
    handed: list[tuple[str, TensorType]] = field(default_factory=list)
    copied: bool = False
    path: str | None = ""

    @property
    def root(self) -> Body:
        """The file or block around it."""
        return self if self.outer is None else self.outer.root

    def visible(self) -> Iterator[Value]:
        yield from self.values
        if self.outer is not None:
            yield from self.outer.visible()

    def add(self, name: str, kind: TensorType) -> Value:
        self.values.append(Value(name, kind))
        return self.values[-1]

    def read(self, value: Value) -> str:
        value.readers += 1
        return value.name

    def nameable(self, size: Dim) -> Any:
        """The size itself, or None where this body has no name for it."""
        sizes = self.root.sizes
        return size if isinstance(size, int) or sizes is None or size in sizes else None

    def writable(self, value: Any) -> bool:
        """Whether this body has names for all sizes in an argument."""
        if isinstance(value, list | tuple):
            return all(map(self.writable, value))
        return not isinstance(value, Size) or self.nameable(value) is not None

    def write(self, value: Any) -> Any:
        """An argument as it stands in the file: sizes become expressions, numbers now and then too."""
        if isinstance(value, Size):
            sizes = self.root.sizes
            return f"={value if sizes is None else sizes[value]}"
        if isinstance(value, dict):
            return {key: self.write(item) for key, item in value.items()}
        if isinstance(value, list):
            items = [self.write(item) for item in value]
            if any(isinstance(item, str) for item in items) and self.rng.random() < 0.5:
                return f"=[{', '.join(str(item).removeprefix('=') for item in items)}]"
            return items
        return self.number(value) if type(value) is int and value > 0 else value

    def number(self, value: int) -> Any:
        """A number, now and then by way of a parameter."""
        known = [name for name, held in self.all_params().items() if held <= value]
        if not known or self.rng.random() < 0.7:
            return value
        name = self.rng.choice(known)
        held = self.all_params()[name]
        if held == value:
            return f"={name}"
        if held and value % held == 0:
            return f"={name} * {value // held}"
        return f"={name} + {value - held}"

    def all_params(self) -> dict[str, int]:
        around = self.outer.all_params() if self.outer is not None else {}
        return {**around, **self.params}

    def infer(self, arguments: Mapping[str, Any], types: Sequence[TensorType]) -> tuple[TensorType, ...] | None:
        """The types of the results, or None where the operation does not fit or makes too much."""
        attributes = {key: value for key, value in arguments.items() if key != "op"}
        try:
            op = make(lookup(arguments["op"]), attributes)
            ports = op.ports
            names = [ports[0].name + f".{i}" if ports[0].variadic else ports[i].name for i in range(len(types))]
            found = op.infer(Inputs(dict(zip(names, types, strict=True))), self.facts)
        except ArchgraphError:
            return None
        return found if all(map(small, found)) else None


def small(kind: TensorType) -> bool:
    return kind.rank <= LARGEST_RANK and prod(_usual(size) for size in kind.shape) <= MOST_ELEMENTS


def _usual(size: Dim) -> int:
    if isinstance(size, int):
        return size
    return abs(evaluate(size, dict.fromkeys(size.symbols, USUAL)))


def floating(kind: TensorType) -> bool:
    return kind.dtype == "float32"
