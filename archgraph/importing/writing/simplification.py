"""A translated graph without detours: what does nothing is left out, and steps that together are one operation become
that operation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.ops.contract import lookup

_NEUTRAL: Mapping[str, float] = {"add": 0, "sub": 0, "mul": 1, "div": 1}
_VIEWS = frozenset({"reshape", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "expand", "to"})
_GELU = (0.5, 3.0, 0.044715, math.sqrt(2 / math.pi), 1.0)
"""The numbers of x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), in the order of the text."""


def simplified(graph: Graph) -> Graph:
    """The graph with simpler steps in every body."""
    return _Simplification().body(graph)


class _Simplification:
    def __init__(self) -> None:
        self._instead: dict[int, Value] = {}
        """What stands for a value whose step is left out, by the value's id."""
        self._nodes: dict[int, Node] = {}
        """The successors of nodes, by id."""
        self._calls: dict[int, Call] = {}
        """The successors of calls, by id."""

    def body(self, graph: Graph) -> Graph:
        """A body with simpler steps."""
        made = [self._renewed(item) for item in graph.items]
        made = [item for item in made if item is not None]
        outputs = {name: self._now(value) for name, value in graph.outputs.items()}
        items = _with_idioms([item for item in made if item is not None], outputs)
        return replace(graph, items=tuple(items), outputs=outputs)

    def _renewed(self, item: Item) -> Item | None:
        """An item that reads what is there now; None where it does nothing."""
        if isinstance(item, Call):
            read = tuple(map(self._now, item.inputs))
            first = None if item.shares is None else self._calls[id(item.shares)]
            self._calls[id(item)] = renewed = replace(item, inputs=read, body=self.body(item.body), shares=first)
            return renewed
        inputs = {port: self._now(value) for port, value in item.inputs.items()}
        if item.shares is None and _does_nothing(item):
            self._instead[id(item.output)] = next(iter(inputs.values()))
            return None
        shares = self._nodes.get(id(item.shares), item.shares)
        made = self._nodes[id(item)] = replace(item, inputs=inputs, shares=shares, op=_plainer(item))
        return made

    def _now(self, value: Value) -> Value:
        return self._instead.get(id(value), value)


def _does_nothing(node: Node) -> bool:
    """Whether the result of a step is what it reads, in training too."""
    op: Any = node.op
    if len(node.inputs) != 1 or len(node.outputs) != 1 or node.weights:
        return False
    read = next(iter(node.inputs.values()))
    if op.name == "dropout":  # a stochastic depth of 0 is one of several of a class
        return bool(op.p == 0)
    alike = read.dtype == node.output.dtype and read.shape == node.output.shape
    if op.name in _NEUTRAL:
        return alike and op.value == _NEUTRAL[op.name]
    if op.name in ("permute", "transpose"):
        return False
    return alike and op.name in _VIEWS


def _plainer(node: Node) -> Any:
    """The operation without an attribute that is what it would be anyhow."""
    op: Any = node.op
    if op.name == "scaled_dot_product_attention" and op.scale is not None:
        width = node.inputs["query"].shape[-1]
        if isinstance(width, int) and math.isclose(op.scale, (width // op.num_heads) ** -0.5, rel_tol=1e-12):
            return op.model_copy(update={"scale": None})
    return op


def _with_idioms(items: list[Item], outputs: Mapping[str, Value]) -> list[Item]:
    """A body's items, with one operation in place of the steps that it is made of."""
    body = _Body(items, outputs)
    for item in items:
        if isinstance(item, Node):
            for idiom in (_gelu, _unsqueezed):
                found = idiom(item, body)
                if found is not None:
                    body.replace(item, found)
                    break
    return body.items


@dataclass(frozen=True, slots=True)
class _Idiom:
    """An operation, what it reads, and the steps that it replaces besides the last one."""

    op: Any
    inputs: Mapping[str, Value]
    steps: tuple[Node, ...]


class _Body:
    """The items of a body, by what they make; each replacement keeps the value that the last step makes."""

    def __init__(self, items: list[Item], outputs: Mapping[str, Value]):
        self.items = list(items)
        self._makers = {id(value): item for item in items if isinstance(item, Node) for value in item.outputs}
        self._readers = Counter(id(value) for item in items for value in _read_by(item))
        self._readers.update(id(value) for value in outputs.values())

    def maker(self, value: Value, operation: str, readers: int = 1) -> Node | None:
        """The step that makes a value, if it is of that operation, free of weights, and read so many times."""
        found = self._makers.get(id(value))
        fits = found is not None and found.op.name == operation and self._readers[id(value)] == readers
        return found if fits and found is not None and not found.weights and found.shares is None else None

    def _name(self, last: Node, idiom: _Idiom, gone: Collection[int]) -> str:
        """The operation's, where the last step is called after its own and no other item is called so."""
        others = {item.name for item in self.items if id(item) not in gone}
        after_itself = last.name.rstrip("0123456789").rstrip("_") == last.op.name
        return idiom.op.name if after_itself and idiom.op.name not in others else last.name

    def replace(self, last: Node, idiom: _Idiom) -> None:
        """Puts one operation in the place of several steps."""
        gone = {id(step) for step in idiom.steps}
        made = replace(last, name=self._name(last, idiom, gone), op=idiom.op, inputs=dict(idiom.inputs))
        self.items = [made if item is last else item for item in self.items if id(item) not in gone]
        self._makers[id(made.output)] = made
        for step in idiom.steps:
            self._readers.subtract(id(value) for value in _read_by(step))
        self._readers.subtract(id(value) for value in _read_by(last))
        self._readers.update(id(value) for value in _read_by(made))


def _read_by(item: Item) -> Iterator[Value]:
    yield from item.inputs if isinstance(item, Call) else item.inputs.values()


def _gelu(node: Node, body: _Body) -> _Idiom | None:
    """x/2 · (1 + tanh(…)) as it is written where torch has no name for it."""
    if node.op.name != "mul" or len(node.inputs) != 2:
        return None
    half, above = (body.maker(value, name) for value, name in zip(node.inputs.values(), ("mul", "add"), strict=True))
    if half is None or above is None or len(half.inputs) != 1:
        return None
    source = half.inputs["input"]
    chain = [half, above]
    for name in ("tanh", "mul", "add", "mul", "pow"):
        value = chain[-1].inputs["other" if chain[-1].op.name == "add" and chain[-1] is not above else "input"]
        step = body.maker(value, name)
        if step is None:
            return None
        chain.append(step)
    half, above, _, scaled, both, small, cube = chain
    numbers = (half.op, cube.op, small.op, scaled.op, above.op)
    known = all(
        op.value is not None and math.isclose(op.value, value)  # type: ignore[attr-defined]
        for op, value in zip(numbers, _GELU, strict=True)
    )
    if not known or both.inputs["input"] is not source or cube.inputs["input"] is not source:
        return None
    gelu = lookup("gelu").model_validate({"approximate": "tanh"})
    return _Idiom(gelu, {"input": source}, tuple(chain))


def _unsqueezed(node: Node, body: _Body) -> _Idiom | None:
    """Dimensions that are added one after the other."""
    if node.op.name != "unsqueeze":
        return None
    before = body.maker(node.inputs["input"], "unsqueeze")
    if before is None:
        return None
    dims = (*before.op.dim, *node.op.dim)  # type: ignore[attr-defined]
    return _Idiom(node.op.model_copy(update={"dim": dims}), before.inputs, (before,))
