"""What a contract says of itself, as plain data: for `archgraph ops` and for documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticUndefined

from archgraph.dims import Facts
from archgraph.ops.attribute_meanings import attribute_meaning
from archgraph.ops.attributes import type_text
from archgraph.ops.contract import REGISTRY, Example, Inputs, Operation, lookup, make


@dataclass(frozen=True, slots=True)
class AttributeDoc:
    """One attribute. `default` has a meaning only where it is not `required`."""

    name: str
    type: str
    required: bool
    default: Any = None
    meaning: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" + ("" if self.required else f" = {self.default_text}")

    @property
    def default_text(self) -> str:
        """The default as a spec states it, a pair of equal numbers as one."""
        value = plain(self.default)
        if isinstance(value, list) and len(value) in (1, 2) and len(set(value)) == 1:
            value = value[0]
        return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class PortDoc:
    """One input."""

    name: str
    optional: bool
    variadic: bool
    dtypes: tuple[str, ...]

    def __str__(self) -> str:
        return self.name + ("?" if self.optional else "") + ("…" if self.variadic else "")


@dataclass(frozen=True, slots=True)
class ExampleDoc:
    """One application: attributes as a spec states them; the types of inputs, outputs and weights as text; its cost."""

    attributes: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    weights: Mapping[str, str]
    macs: str = "0"


@dataclass(frozen=True, slots=True)
class OperationDoc:
    """Everything there is to know of an operation before one uses it."""

    name: str
    family: str
    meaning: str
    paper: str
    attributes: tuple[AttributeDoc, ...]
    ports: tuple[PortDoc, ...]
    examples: tuple[ExampleDoc, ...]


def describe(name: str) -> OperationDoc:
    """The documentation of an operation. Raises UnknownNameError with the nearest name."""
    kind = lookup(name)
    return OperationDoc(
        kind.name,
        kind.family,
        kind.meaning,
        kind.paper,
        attributes(kind),
        tuple(PortDoc(port.name, port.optional, port.variadic, port.dtypes) for port in kind.ports),
        tuple(_example(kind, example) for example in kind.examples),
    )


def families() -> dict[str, tuple[str, ...]]:
    """The names of all operations by family, both in alphabetical order."""
    found: dict[str, list[str]] = {}
    for name in sorted(REGISTRY):
        found.setdefault(REGISTRY[name].family, []).append(name)
    return {family: tuple(found[family]) for family in sorted(found)}


def attributes(kind: type[Operation]) -> tuple[AttributeDoc, ...]:
    """What a contract says of its attributes."""
    return tuple(_attribute(kind, key) for key in kind.model_fields)


def plain(value: Any) -> Any:
    """An attribute as a spec states it: tuples as lists."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _attribute(kind: type[Operation], key: str) -> AttributeDoc:
    default = kind.model_fields[key].default
    required = default is PydanticUndefined
    value = None if required else default
    return AttributeDoc(key, type_text(kind, key), required, value, attribute_meaning(kind, key))


def _example(kind: type[Operation], example: Example) -> ExampleDoc:
    op, inputs = make(kind, example.attributes), Inputs(example.inputs)
    results = op.infer(inputs, Facts())
    return ExampleDoc(
        {key: plain(value) for key, value in example.attributes.items()},
        {port: str(given) for port, given in example.inputs.items()},
        {port: str(result) for port, result in zip(op.result_names(len(results)), results, strict=True)},
        {weight.name: str(list(weight.shape)) for weight in op.weights(inputs)},
        str(op.macs(inputs, results)),
    )
