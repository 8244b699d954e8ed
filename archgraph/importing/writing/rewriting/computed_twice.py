"""What no input reaches and is computed twice in a body is computed once: `torch.arange(side)` for rows and for
columns, the sigmoid of a parameter in both of its readers. Steps of values are left as their author wrote them, and so
are those of functions, which may become a block that is applied several times."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from archgraph.graph.types import Node, Value

_STATED = frozenset({"parameter", "register_buffer", "constant"})
"""What holds numbers of its own: each stands for itself."""


@dataclass(slots=True)
class RepeatedConstants:
    """The steps of bodies that follow from constants and parameters alone."""

    _made: set[int] = field(default_factory=set)
    """The ids of their values."""
    _known: dict[Hashable, Value] = field(default_factory=dict)

    def same(self, node: Node, inputs: Mapping[str, Value]) -> Value | None:
        """The value of an equal step before this one, which is noted where it is the first."""
        values = list(inputs.values())
        if node.op.family == "regularization" or not all(id(value) in self._made for value in values):
            return None
        self._made.update(map(id, node.outputs))
        if node.weights or node.ties or node.training or node.op.name in _STATED or len(node.outputs) != 1:
            return None
        if node.origin.address:
            return None
        key = (node.op.name, repr(node.op), node.output.type, *((port, id(value)) for port, value in inputs.items()))
        found = self._known.setdefault(key, node.output)
        return None if found is node.output else found
