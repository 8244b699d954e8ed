"""Whether a network treats each place of a batch by itself, so that a batch may be computed in parts."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph.dims import Dim, Size, parse_dim, symbol, symbols_of
from archgraph.errors import ShapeError
from archgraph.graph.types import Call, Graph, Node, Value


def batch_symbol(graph: Graph) -> str | None:
    """The size of dimension 0 of every output, where place i of each depends on place i of the inputs alone.

    An input either has that dimension 0, or does not know of the size and is the same for all places. None where this
    cannot be shown, or where not every size of a batch is allowed.

    It is shown from shapes. Where dimension 0 of what is read and of what results is a multiple of the size, and no
    other dimension knows of it, an operation keeps the places apart, unless its contract says that it mixes them.
    """
    sizes = {value.shape[0] if value.shape else 1 for value in graph.outputs.values()}
    names = {name for size in sizes for name in symbols_of(size)}
    if len(names) != 1:
        return None
    (name,) = names
    if sizes != {symbol(name)}:
        return None
    demanded = any(name in symbols_of(parse_dim(rule.symbol)) for rule in graph.constraints)
    return name if not demanded and _Places(symbol(name)).apart(graph) else None


class _Places:
    """Follows the values that have a batch through a graph; `size` is its symbol."""

    def __init__(self, size: Dim):
        self.size = size
        self.name = str(size)
        self.batched: set[Value] = set()
        self.read: set[Value] = set()
        self._rows: dict[int, bool] = {}
        self._sized: dict[int, bool] = {}
        self._mixing: dict[tuple[int, ...], bool] = {}
        """What was found of types, of operations, and of both: copies of a block share them, so identities tell."""

    def apart(self, graph: Graph) -> bool:
        """Whether the outermost graph keeps the places apart."""
        self.read = set(_read_in(graph))
        self.batched = {value for value in graph.inputs if value.shape and value.shape[0] == self.size}
        clear = all(self._has_batch(value) if value in self.batched else self._is_free(value) for value in graph.inputs)
        return clear and self._followed(graph) and all(value in self.batched for value in graph.outputs.values())

    def _followed(self, body: Graph) -> bool:
        return all(
            self._called(item) if isinstance(item, Call) else self._kept(item)
            for item in body.items
            if not item.training
        )

    def _called(self, call: Call) -> bool:
        if call.scan is not None and not self._scanned(call):
            return False
        entering = zip(call.inputs, call.body.inputs, strict=True)
        self.batched |= {inner for outer, inner in entering if outer in self.batched}
        if not self._followed(call.body):
            return False
        leaving = zip(call.outputs, call.body.outputs.values(), strict=True)
        self.batched |= {outer for outer, inner in leaving if inner in self.batched}
        return True

    def _scanned(self, call: Call) -> bool:
        """Whether a body that is applied step by step can be followed: the steps are not along dimension 0."""
        assert call.scan is not None
        along_first = 0 in call.scan.dims or call.scan.dim == 0
        states = ((call.inputs[place], value) for place, value in self._states(call))
        alike = all((first in self.batched) == self._has_batch(value) for first, value in states)
        return alike and not along_first

    def _states(self, call: Call) -> Iterator[tuple[int, Value]]:
        """The number of the input of each state, and the state after a step."""
        assert call.scan is not None
        results = zip(call.scan.states, call.body.outputs.values(), strict=True)
        return ((place, value) for place, value in results if place is not None)

    def _kept(self, node: Node) -> bool:
        """Whether an operation keeps the places apart; notes which of its results have a batch."""
        if self._uses_size(node):
            return False
        if not any(value in self.batched for value in node.inputs.values()):
            return self._without_batch(node)
        self.batched |= set(node.outputs)
        read = (value for value in node.outputs if value in self.read)
        return all(map(self._has_batch, read)) and not self._mixes(node)

    def _mixes(self, node: Node) -> bool:
        key = (id(node.op), *(id(value.type) for value in node.inputs.values()))
        if key not in self._mixing:
            self._mixing[key] = node.op.mixes_batch(node.types)
        return self._mixing[key]

    def _without_batch(self, node: Node) -> bool:
        """Of an operation that reads nothing with a batch: whether it gives nothing with one, or stretches what it
        reads to the size of the batch, so that each place holds the same."""
        if node.op.traits.result_sizes and self._has_batch(node.output):
            self.batched.add(node.output)
            return True
        return all(map(self._is_free, node.outputs))

    def _uses_size(self, node: Node) -> bool:
        """Whether an attribute depends on the size of the batch, and is more than a size of the result."""
        op = node.op
        if id(op) not in self._sized:
            others = tuple(value for name, value in op if name not in op.traits.result_sizes)
            self._sized[id(op)] = any(map(self._knows, _sizes_in(others)))
        return self._sized[id(op)]

    def _has_batch(self, value: Value) -> bool:
        """Whether dimension 0 holds the same number of rows for each place, one after another."""
        if id(value.type) not in self._rows:
            self._rows[id(value.type)] = self._has_rows(value)
        return self._rows[id(value.type)]

    def _has_rows(self, value: Value) -> bool:
        if not value.shape or any(map(self._knows, value.shape[1:])):
            return False
        try:
            rows = value.shape[0] // self.size
        except ShapeError:  # no multiple of it
            return False
        return rows != 0 and not self._knows(rows)

    def _is_free(self, value: Value) -> bool:
        return not any(map(self._knows, value.shape))

    def _knows(self, size: Dim) -> bool:
        return self.name in symbols_of(size)


def _read_in(body: Graph) -> Iterator[Value]:
    """The values that something reads, at every depth, or that are handed out."""
    for item in body.items:
        yield from item.inputs if isinstance(item, Call) else item.inputs.values()
        if isinstance(item, Call):
            yield from _read_in(item.body)
    yield from body.outputs.values()


def _sizes_in(attribute: object) -> Iterator[Size]:
    """The symbolic sizes in an attribute."""
    if isinstance(attribute, Size):
        yield attribute
    elif isinstance(attribute, tuple | list):
        for item in attribute:
            yield from _sizes_in(item)
