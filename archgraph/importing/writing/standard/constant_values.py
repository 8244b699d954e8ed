"""The numbers of values that follow from no input and no weight, computed by the torch module of their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import torch

from archgraph.codegen import to_torch
from archgraph.dims import product
from archgraph.graph.types import Graph, Node, Value

MOST_ELEMENTS = 1_000_000
"""Of a value that is computed here."""
_DRAW = frozenset({"dropout", "stochastic_depth", "register_buffer"})
"""What draws random numbers in training, or may hold others than were computed."""


@dataclass(frozen=True, slots=True)
class ConstantTensor:
    """A tensor as plain data: two are equal where all of it is."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, eq=False, slots=True)
class ConstantSteps:
    """A constant that nobody has computed yet: the step that makes it, and those that make what that one reads."""

    node: Node
    value: Value
    before: tuple[ConstantSteps, ...]

    def computed(self) -> ConstantTensor:
        """The numbers."""
        steps: dict[int, Node] = {}
        self._collect(steps)
        numbered = count()
        items = tuple(replace(node, name=f"step{next(numbered)}") for node in steps.values())
        with torch.device("cpu"):
            found = to_torch(Graph("constants", (), items, {"": self.value}))()
        if found.is_floating_point():
            found = found + 0.0  # of two zeros, the positive one
        data = found.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return ConstantTensor(str(found.dtype), tuple(found.shape), data)

    def _collect(self, steps: dict[int, Node]) -> None:
        for one in self.before:
            if id(one.node) not in steps:
                one._collect(steps)
        steps[id(self.node)] = self.node


def constant_steps(node: Node, read: Sequence[ConstantSteps]) -> list[ConstantSteps] | None:
    """The results of a step that reads these constants and nothing else; None where they are no small constants."""
    if node.weights or node.op.name in _DRAW or not all(map(_is_small, node.outputs)):
        return None
    inputs: Mapping[str, Value] = {port: one.value for port, one in zip(node.inputs, read, strict=True)}
    made = replace(node, inputs=inputs)
    return [ConstantSteps(made, value, tuple(read)) for value in node.outputs]


def _is_small(value: Value) -> bool:
    size = product(value.shape)
    return isinstance(size, int) and size <= MOST_ELEMENTS
