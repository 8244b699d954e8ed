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
    Between inputs and outputs the places may stand in another dimension: for as long as contracts say where it went.
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
        self._dims: dict[int, int | None] = {}
        self._sized: dict[int, bool] = {}
        self._keeping: dict[tuple[int, ...], bool] = {}
        """What was found of types, of operations, and of both: copies of a block share them, so identities tell."""

    def apart(self, graph: Graph) -> bool:
        """Whether the outermost graph keeps the places apart."""
        self.read = set(_read_in(graph))
        self.batched = {value for value in graph.inputs if value.shape and value.shape[0] == self.size}
        clear = all(self._dim(value) == 0 if value in self.batched else self._is_free(value) for value in graph.inputs)
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
        first = not any(self._dim(value) for value in call.inputs)
        return alike and first and not along_first

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
        read = [value for value in node.outputs if value in self.read]
        key = (id(node.op), *(id(value.type) for value in (*node.inputs.values(), *read)))
        if key not in self._keeping:
            self._keeping[key] = self._keeps(node, {self._dim(value) for value in read})
        return self._keeping[key]

    def _keeps(self, node: Node, leaving: set[int | None]) -> bool:
        """Whether each place of the results that are read, where they have it, is computed of that of the inputs."""
        entering = {port: dim for port, value in node.inputs.items() if (dim := self._dim(value)) is not None}
        if None in leaving:
            return False
        if not {*entering.values(), *leaving} - {0}:
            return not node.op.mixes_batch(node.types)
        return not leaving or leaving == {node.op.kept_dim(node.types, port, dim) for port, dim in entering.items()}

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
        return self._dim(value) is not None

    def _dim(self, value: Value) -> int | None:
        """The dimension that holds the same number of rows for each place, one after another, where no other dimension
        knows of the size; None without such a one."""
        if id(value.type) not in self._dims:
            self._dims[id(value.type)] = self._found_dim(value)
        return self._dims[id(value.type)]

    def _found_dim(self, value: Value) -> int | None:
        knowing = [dim for dim, size in enumerate(value.shape) if self._knows(size)]
        if len(knowing) != 1:
            return None
        try:
            rows = value.shape[knowing[0]] // self.size
        except ShapeError:  # no multiple of it
            return None
        return None if rows == 0 or self._knows(rows) else knowing[0]

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
