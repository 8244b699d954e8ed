"""Where a spec states that weights are tied: at the operation, or at the node of the innermost block around whose body
reaches both weights."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph.graph.types import Call, Graph, Node, joined


class WrittenTies:
    """The ties of a network, as each of its bodies states them: keys are relative to the body."""

    def __init__(self, graph: Graph):
        self._paths: dict[int, str] = {}
        self._tied: dict[int, dict[str, str]] = {}
        """The ties of the weights inside of each call (by id)."""
        self._read(graph, "")

    def path(self, call: Call | None) -> str:
        """The module path of a call; '' for the whole network."""
        return self._paths[id(call)] if call is not None else ""

    def of_node(self, node: Node, body: str) -> dict[str, str]:
        """The ties of an operation, as far as they lead to weights of the same body."""
        keys = {weight: target for weight, target in node.ties.items() if _is_inside(target, body)}
        return {weight: _relative(target, body) for weight, target in keys.items()}

    def of_call(self, call: Call, body: str) -> dict[str, str]:
        """The ties of weights inside a block to others of the body that applies it."""
        path = self.path(call)
        return {
            _relative(key, path): _relative(target, body)
            for key, target in self._tied[id(call)].items()
            if _is_inside(target, body) and not _is_inside(target, path)
        }

    def _read(self, graph: Graph, path: str) -> dict[str, str]:
        """Notes the calls of a body, and returns the ties of all weights in it."""
        found: dict[str, str] = {}
        for item in graph.items:
            if isinstance(item, Call):
                self._paths[id(item)] = below = joined(path, item.name)
                self._tied[id(item)] = self._read(item.body, below)
                found |= self._tied[id(item)]
            else:
                found.update(_tied(item, path))
        return found


def _tied(node: Node, path: str) -> Iterator[tuple[str, str]]:
    around = path if node.hidden else joined(path, node.name)
    return ((joined(around, weight), target) for weight, target in node.ties.items())


def _is_inside(key: str, path: str) -> bool:
    return not path or key.startswith(f"{path}.")


def _relative(key: str, path: str) -> str:
    return key.removeprefix(f"{path}.") if path else key
