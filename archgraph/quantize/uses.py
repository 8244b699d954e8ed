"""Who makes and who reads each value of an ONNX file."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from archgraph.quantize.image_means import image_means


class ModelWiring:
    """The nodes of a model by name, in the order in which they run, and what connects them.

    `features` are inputs that are made of times and labels.
    """

    def __init__(self, model: Any, features: Collection[str] = ()):
        self.nodes: dict[str, Any] = {node.name: node for node in model.graph.node}
        self.weights: dict[str, tuple[int, ...]] = {item.name: tuple(item.dims) for item in model.graph.initializer}
        self.makers = {value: name for name, node in self.nodes.items() for value in node.output}
        self.image_means = image_means(model)
        self.typed = {value.name for value in (*model.graph.value_info, *model.graph.output)}
        """Values whose type the file states: those of the network, and none that stand within one of its operations."""
        self.outputs = {value.name for value in model.graph.output}
        self._readers: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            for value in node.input:
                self._readers.setdefault(value, []).append(name)
        inputs = [value for value in model.graph.input if value.name not in features]
        ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in inputs}
        most = max(ranks.values(), default=0)
        self.pictures = {name for name, rank in ranks.items() if rank == (4 if most >= 4 else most)}
        """Inputs that are pictures; without one, those with the most axes."""

    def readers_of(self, value: str) -> list[str]:
        """The nodes that read a value."""
        return self._readers.get(value, [])

    def read_once(self, value: str) -> bool:
        """Whether exactly one node reads a value, and it is no output."""
        return len(self.readers_of(value)) == 1 and value not in self.outputs

    def data_inputs(self, node: Any) -> list[str]:
        """The values that a node reads besides weights and constants."""
        return [value for value in node.input if value and value not in self.weights]

    def downstream(self, values: Iterable[str]) -> set[str]:
        """The nodes that depend on any of the values."""
        reached, found = set(values), set()
        for name, node in self.nodes.items():
            if any(value in reached for value in node.input):
                found.add(name)
                reached.update(node.output)
        return found

    def upstream(self, values: Iterable[str]) -> set[str]:
        """The nodes that any of the values depends on."""
        needed, found = set(values), set()
        for name in reversed(self.nodes):
            if any(value in needed for value in self.nodes[name].output):
                found.add(name)
                needed.update(self.nodes[name].input)
        return found
