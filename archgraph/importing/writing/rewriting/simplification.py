"""A translated graph without detours: what does nothing or only passes values on is left out, and a module that is one
operation is that operation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.rewriting.computed_twice import RepeatedConstants
from archgraph.importing.writing.rewriting.idioms import read_by, with_idioms
from archgraph.importing.writing.rewriting.joined_parts import flat_parts, joined, read_parts
from archgraph.importing.writing.rewriting.norms_with_steps import norm_and_steps

_NEUTRAL: Mapping[str, float] = {"add": 0, "sub": 0, "mul": 1, "div": 1}
_VIEWS = frozenset({"reshape", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "expand", "to"})
_STOCHASTIC_DEPTH = "stochastic_depth"


def simplified(graph: Graph) -> Graph:
    """The graph with simpler steps in every body."""
    return _Simplification(shared_items(graph), SettledSizes(graph.constraints), not any(_rates(graph))).body(graph)


def _rates(graph: Graph) -> Iterator[float]:
    """The rates of stochastic depth."""
    for item in graph.items:
        if isinstance(item, Call):
            yield from _rates(item.body)
        elif item.op.name == _STOCHASTIC_DEPTH:
            yield item.op.p  # type: ignore[attr-defined]


class _Simplification:
    def __init__(self, shared: frozenset[int], sizes: SettledSizes, keeps_all: bool) -> None:
        self._keeps_all = keeps_all
        """Whether no branch is ever left out: where some are, a rate of 0 is one of several of a class."""
        self._shared = shared
        """The ids of calls that others share; they stay calls."""
        self._sizes = sizes
        self._instead: dict[int, Value] = {}
        """What stands for a value whose step is left out, by the value's id."""
        self._nodes: dict[int, Node] = {}
        """The successors of nodes, by id."""
        self._calls: dict[int, Call] = {}
        """The successors of calls, by id."""
        self._makers: dict[int, Node] = {}
        self._readers: Counter[int] = Counter()
        """How often each value of the body at hand is read."""

    def body(self, graph: Graph) -> Graph:
        """A body with simpler steps."""
        names = {item.name for item in graph.items}
        made: list[Item] = []
        constants = RepeatedConstants()
        self._readers.update(id(value) for item in graph.items for value in read_by(item))
        self._readers.update(map(id, graph.outputs.values()))
        for item in graph.items:
            renewed = self._renewed(item, constants)
            if isinstance(renewed, Call) and not self._is_shared(item):
                made += norm_and_steps(renewed, names)
                names |= {one.name for one in made}
            elif renewed is not None:
                made.append(renewed)
        outputs = {name: self._now(value) for name, value in graph.outputs.items()}
        trained = {name: self._now(value) for name, value in graph.training_outputs.items()}
        handed_out = [*outputs.values(), *trained.values()]
        plain = with_idioms(_read_items(made, handed_out), handed_out, self._sizes)
        items = _read_items(plain, handed_out)
        return replace(graph, items=tuple(items), outputs=outputs, training_outputs=trained)

    def _is_shared(self, item: Item) -> bool:
        """Whether others apply it once more, or something inside it."""
        inside = item.body.items if isinstance(item, Call) else ()
        return id(item) in self._shared or any(map(self._is_shared, inside))

    def _renewed(self, item: Item, constants: RepeatedConstants) -> Item | None:
        """An item that reads what is there now; None where it does nothing."""
        if isinstance(item, Call):
            renewed = replace(item, inputs=tuple(map(self._now, item.inputs)), body=self.body(item.body))
            if item.shares is not None:
                return replace(renewed, shares=self._calls[id(item.shares)])
            if id(item) not in self._shared:
                return self._call(renewed)
            self._calls[id(item)] = renewed
            return renewed
        inputs = {port: self._now(value) for port, value in item.inputs.items()}
        same = None
        if item.shares is None and len(item.outputs) == 1 and id(item) not in self._shared:
            same = self._unchanged(item, inputs) or constants.same(item, inputs)
        if same is not None:
            self._instead[id(item.output)] = same
            return None
        shares = self._nodes.get(id(item.shares), item.shares)
        plain = replace(item, inputs=inputs, shares=shares, op=_plainer(item))
        made = self._nodes[id(item)] = self._joined(plain)
        self._makers.update((id(value), made) for value in made.outputs)
        return made

    def _joined(self, node: Node) -> Node:
        """A node that joins values, or takes some of those that are joined, with the parts themselves."""
        if node.shares is not None:
            return node
        parts = read_parts(node, node.inputs, self._makers)
        if parts is None and node.op.name == "concat":
            parts = flat_parts(node, self._makers, self._readers)
        return node if parts is None else joined(node, parts)

    def _unchanged(self, node: Node, inputs: Mapping[str, Value]) -> Value | None:
        """What a step makes without changing it: what it reads, or what an exchange of the same dimensions read."""
        read = list(inputs.values())
        taken = read_parts(node, inputs, self._makers)
        if taken is not None and len(taken) == 1:
            return taken[0]
        if _does_nothing(node, self._sizes) or (self._keeps_all and node.op.name == _STOCHASTIC_DEPTH):
            return read[0]
        before = [self._makers.get(id(value)) for value in read]
        if node.op.name == "mul" and len(read) == 2:
            for value, other in zip(read, reversed(before), strict=True):
                if other is not None and other.op.name == "ones" and value.type == node.output.type:
                    return value
        if node.op.name == "transpose" and before[0] is not None and before[0].op.name == "transpose":
            return before[0].inputs["input"] if _axes(node) == _axes(before[0]) else None
        return None

    def _call(self, call: Call) -> Item:
        """A call without what it only passes on; one operation where its body is no more than that."""
        body = call.body
        outside = {id(inner): outer for inner, outer in zip(body.inputs, call.inputs, strict=True)}
        kept: list[tuple[str, Value, Value]] = []
        for (name, inner), outer in zip(body.outputs.items(), call.outputs, strict=True):
            if id(inner) in outside:
                self._instead[id(outer)] = outside[id(inner)]
            else:
                kept.append((name, inner, outer))
        if len(kept) < len(call.outputs) and kept:
            names = [name for name, _, _ in kept] if len(kept) > 1 else [""]
            outputs = {name: inner for name, (_, inner, _) in zip(names, kept, strict=True)}
            call = replace(call, body=replace(body, outputs=outputs), outputs=tuple(outer for _, _, outer in kept))
        return self._operation(call) or call

    def _operation(self, call: Call) -> Node | None:
        """The operation that is all of a call, with its weights under the call's name."""
        body, single = call.body, call.body.items[0] if len(call.body.items) == 1 else None
        if not isinstance(single, Node) or single.shares or single.ties or call.training or single.training:
            return None
        if single.weights and not single.hidden:
            return None
        places = {id(inner): outer for inner, outer in zip(body.inputs, call.inputs, strict=True)}
        if len(call.outputs) != 1 or any(id(value) not in places for value in single.inputs.values()):
            return None
        inputs = {port: places[id(value)] for port, value in single.inputs.items()}
        return replace(single, name=call.name, inputs=inputs, outputs=call.outputs, hidden=False)

    def _now(self, value: Value) -> Value:
        return self._instead.get(id(value), value)


def _read_items(items: Sequence[Item], handed_out: Sequence[Value]) -> list[Item]:
    """The items without steps that nobody reads any more and that own nothing."""
    read = {id(value) for value in handed_out}
    shared = {id(item.shares) for item in items}
    kept: list[Item] = []
    for item in reversed(items):
        owns = isinstance(item, Call) or item.weights or item.ties or item.training or id(item) in shared
        if owns or any(id(value) in read for value in item.outputs):
            kept.append(item)
            read |= {id(value) for value in read_by(item)}
    return kept[::-1]


def _axes(node: Node) -> set[int]:
    rank = node.output.type.rank
    return {node.op.dim0 % rank, node.op.dim1 % rank}  # type: ignore[attr-defined]


def _does_nothing(node: Node, sizes: SettledSizes) -> bool:
    """Whether the result of a step is what it reads, in training too."""
    op: Any = node.op
    if len(node.inputs) != 1 or len(node.outputs) != 1 or node.weights:
        return False
    read = next(iter(node.inputs.values()))
    if op.name == "dropout":
        return bool(op.p == 0)
    if op.name == "pad":
        return all(map(sizes.is_zero, op.pad))
    alike = read.dtype == node.output.dtype and sizes.shape(read.shape) == sizes.shape(node.output.shape)
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
