"""What a body computes, in a form in which bodies that were written differently are equal.

Names of what owns no weights, groups, the order of independent work and of operands that commute do not count; chains
of reshapes or of permutations are one, nested concatenations are flat, what does nothing is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from archgraph.codegen.analysis.size_expressions import ReadableSize, express
from archgraph.dims import Dim, Size
from archgraph.graph.keys import weights
from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Node, Value, is_module, joined

_RESHAPES = frozenset({"reshape", "flatten", "unflatten", "unsqueeze", "squeeze"})
_COMMUTE = frozenset({"add", "mul"})
_STARTS = frozenset({"init", "std", "value"})
"""How a parameter starts: what a module held is not known without its numbers."""
_ENDS = frozenset({"ceil_mode"})
_RANDOM = frozenset({"dropout", "stochastic_depth"})

Form = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class BodyForm:
    """Equal forms are equal functions of equal keys. `outputs` are numbers that a `FormNumbers` gave; `work` counts the
    operations without what they read, and says how far two forms differ."""

    outputs: tuple[int, ...]
    weights: tuple[tuple[str, tuple[str, ...], bool], ...]
    work: Counter[Form] = field(compare=False)

    def distance(self, other: BodyForm) -> int:
        """How many weights and operations one has that the other lacks."""
        work = (self.work - other.work).total() + (other.work - self.work).total()
        return work + len({*self.weights} ^ {*other.weights}) + (self != other)


class IncomparableError(Exception):
    """A body that holds what has no form by itself: modules applied again, ties, steps, training only."""


class FormNumbers:
    """One number for each form of a value, over all bodies that are compared with one another."""

    def __init__(self) -> None:
        self._numbers: dict[Form, int] = {}
        self._forms: list[Form] = []
        self._shapes: list[Form] = []

    def number(self, form: Form, shape: Form) -> int:
        """The number of a form of that shape; two are equal where their numbers are."""
        found = self._numbers.setdefault((form, shape), len(self._forms))
        if found == len(self._forms):
            self._forms.append(form)
            self._shapes.append(shape)
        return found

    def form(self, number: int) -> Form:
        return self._forms[number]

    def shape(self, number: int) -> Form:
        return self._shapes[number]


def body_form(graph: Graph, numbers: FormNumbers) -> BodyForm:
    """The form of a body. Raises IncomparableError."""
    reader = _BodyReader(graph, numbers)
    outputs = reader.outputs()
    tensors = tuple((one.key, tuple(map(str, one.weight.shape)), one.weight.trainable) for one in weights(graph))
    return BodyForm(outputs, tensors, reader.work)


class _BodyReader:
    def __init__(self, graph: Graph, numbers: FormNumbers):
        self._graph = graph
        self._numbers = numbers
        self._known: dict[int, int] = {}
        self.work: Counter[Form] = Counter()
        self._sizes: dict[Size, str] = {}
        self._sources = [
            ReadableSize(size, place, axis)
            for place, value in enumerate(graph.inputs)
            for axis, size in enumerate(value.shape)
        ]

    def outputs(self) -> tuple[int, ...]:
        if self._graph.training_outputs:
            raise IncomparableError
        for place, value in enumerate(self._graph.inputs):
            self._known[id(value)] = self._numbers.number(("input", place, value.dtype), self._shape(value))
        self._read(self._graph, "")
        return tuple(self._known[id(value)] for value in self._graph.outputs.values())

    def _read(self, graph: Graph, module: str) -> None:
        for item in graph.items:
            if isinstance(item, Node):
                self._node(item, module)
                continue
            if item.shares is not None or item.scan is not None or item.training:
                raise IncomparableError
            for inside, outside in zip(item.body.inputs, item.inputs, strict=True):
                self._known[id(inside)] = self._known[id(outside)]
            self._read(item.body, module if item.hidden else joined(module, item.name))
            for outside, inside in zip(item.outputs, item.body.outputs.values(), strict=True):
                self._known[id(outside)] = self._known[id(inside)]

    def _node(self, node: Node, module: str) -> None:
        if node.shares is not None or node.ties or node.training:
            raise IncomparableError
        read = [self._known[id(value)] for value in node.inputs.values()]
        if len(node.outputs) == 1:
            self._known[id(node.output)] = self._result(node, module, read)
            return
        whole = self._plain(node, module, read)
        for place, value in enumerate(node.outputs):
            self._known[id(value)] = self._numbers.number(("part", place, whole), self._shape(value))

    def _result(self, node: Node, module: str, read: list[int]) -> int:
        name, shape = node.op.name, self._shape(node.output)
        if name in _RANDOM and node.op.p == 0:  # type: ignore[attr-defined]
            return read[0]
        if name in _RESHAPES:
            return self._reshaped(read[0], shape)
        if name in ("permute", "transpose"):
            return self._permuted(read[0], _order(node), shape)
        if name == "concat":
            rank = node.output.type.rank
            axis = node.op.dim % rank  # type: ignore[attr-defined]
            return self._numbers.number(("concat", axis, *self._joined(read, axis)), shape)
        if name.startswith("adaptive_avg_pool") and _is_whole(node):
            axes = tuple(range(2, node.output.type.rank))
            return self._numbers.number(("mean", axes, read[0]), shape)
        if name == "group_norm" and self._numbers.form(read[0])[0] == "reshape":
            return self._normed(node, module, read, shape)
        if name == "mean" and node.op.dim is not None:  # type: ignore[attr-defined]
            return self._mean(node, read[0], shape)
        return self._plain(node, module, read)

    def _plain(self, node: Node, module: str, read: list[int], shape: Form | None = None) -> int:
        shape = self._shape(node.outputs[0]) if shape is None else shape
        ports = [port.partition(".")[0] for port in node.inputs]
        if node.op.name in _COMMUTE and len(read) == 2:
            return self._numbers.number((node.op.name, *sorted(self._operands(node.op.name, read))), shape)
        left_out = _without_effect(node)
        ranks = [value.type.rank for value in node.inputs.values()]
        about = tuple(
            (name, value % ranks[0] if name == "dim" and type(value) is int and ranks else self._attribute(value))
            for name, value in attributes(node.op).items()
            if name not in left_out
        )
        key = self._key(node, module) if node.weights else ""
        self.work[node.op.name, about, key] += 1
        form = (node.op.name, about, key, tuple(ports), tuple(read))
        return self._numbers.number(form, shape)

    def _normed(self, node: Node, module: str, read: list[int], shape: Form) -> int:
        """A group norm of an image whose places were put in a row, as one of the image."""
        base = self._numbers.form(read[0])[1]
        whole = self._numbers.shape(base)  # type: ignore[arg-type]
        if whole[:2] != shape[:2]:
            return self._plain(node, module, read)
        return self._reshaped(self._plain(node, module, [base, *read[1:]], whole), shape)  # type: ignore[list-item]

    def _operands(self, name: str, read: list[int]) -> Iterator[int]:
        """The operands of a sum or product of any number of values."""
        ranks = [len(self._numbers.shape(number)) for number in read]
        for number, others in zip(read, reversed(ranks), strict=True):
            number = self._broadcast(number, others)
            form = self._numbers.form(number)
            if form[0] == name and len(form) > 1 and isinstance(form[1], int):
                yield from form[1:]  # type: ignore[misc]
            else:
                yield number

    def _broadcast(self, number: int, rank: int) -> int:
        """An operand without leading dimensions of size 1, which the other operand of that rank gives it."""
        form, shape = self._numbers.form(number), self._numbers.shape(number)
        if form[0] != "reshape" or rank < len(shape) or shape[:1] != ("1",):
            return number
        kept = shape[next((axis for axis, size in enumerate(shape) if size != "1"), len(shape)) :]
        return self._reshaped(number, kept)

    def _key(self, node: Node, module: str) -> str:
        return joined(module, node.name) if is_module(node) else module

    def _reshaped(self, read: int, shape: Form) -> int:
        form = self._numbers.form(read)
        base = form[1] if form[0] == "reshape" else read
        assert isinstance(base, int)
        return base if self._numbers.shape(base) == shape else self._numbers.number(("reshape", base, shape), shape)

    def _permuted(self, read: int, order: tuple[int, ...], shape: Form) -> int:
        form: tuple[Any, ...] = self._numbers.form(read)
        base = read
        if form[0] == "permute":
            base, before = form[1], form[2]
            order = tuple(before[axis] for axis in order)
        if form[0] == "reshape":
            inner = order_before(order, self._numbers.shape(form[1]), self._numbers.shape(read))
            if inner is not None:
                turned = tuple(self._numbers.shape(form[1])[axis] for axis in inner)
                return self._reshaped(self._permuted(form[1], inner, turned), shape)
        return base if order == tuple(range(len(order))) else self._numbers.number(("permute", base, order), shape)

    def _joined(self, read: list[int], axis: int) -> Iterator[int]:
        for number in read:
            form = self._numbers.form(number)
            if form[0] == "concat" and form[1] == axis:
                yield from form[2:]  # type: ignore[misc]
            else:
                yield number

    def _mean(self, node: Node, read: int, shape: Form) -> int:
        dims: Any = node.op.dim  # type: ignore[attr-defined]
        whole = self._numbers.shape(read)
        axes = tuple(sorted(axis % len(whole) for axis in as_tuple(dims)))
        kept = tuple(repr(1) if axis in axes else size for axis, size in enumerate(whole))
        return self._reshaped(self._numbers.number(("mean", axes, read), kept), shape)

    def _attribute(self, value: Any) -> Hashable:
        if isinstance(value, tuple):
            return tuple(map(self._attribute, value))
        if isinstance(value, Size):
            return self._size(value)
        return (type(value).__name__, value) if not isinstance(value, (int, float)) else value

    def _shape(self, value: Value) -> Form:
        return tuple(map(self._size, value.shape))

    def _size(self, size: Dim) -> str:
        """A size through those of the inputs; what does not follow from them is equal to nothing else."""
        if not isinstance(size, Size):
            return repr(size)
        if size not in self._sizes:
            found = express(size, self._sources)
            self._sizes[size] = f"{id(self)} {size}" if found is None else repr(found)
        return self._sizes[size]


def order_before(order: tuple[int, ...], base: Form, shape: Form) -> tuple[int, ...] | None:
    """The permutation of a base that, reshaped afterwards, is that permutation of the reshaped base.

    There is one where the reshape joins neighbouring dimensions into one, or parts one into some that stay neighbours.
    """
    pairs = list(zip(base, shape, strict=False))
    first = next((place for place, (a, b) in enumerate(pairs) if a != b), len(pairs))
    rest = list(zip(base[first:][::-1], shape[first:][::-1], strict=False))
    last = next((place for place, (a, b) in enumerate(rest) if a != b), len(rest))
    joined_from, parted_into = len(base) - first - last, len(shape) - first - last
    if parted_into == 1 and joined_from > 1:
        more = joined_from - 1
        spread = {axis: [axis if axis < first else axis + more] for axis in order}
        spread[first] = list(range(first, first + joined_from))
        return tuple(inner for axis in order for inner in spread[axis])
    if joined_from == 1 and parted_into > 1:
        inside = list(range(first, first + parted_into))
        place = order.index(first)
        if list(order[place : place + parted_into]) != inside:
            return None
        kept = [axis for axis in order if axis not in inside[1:]]
        return tuple(axis if axis <= first else axis - parted_into + 1 for axis in kept)
    return None


def _order(node: Node) -> tuple[int, ...]:
    """Which dimension of its input each dimension of a permutation's result is."""
    rank = node.output.type.rank
    if node.op.name == "permute":
        return tuple(axis % rank for axis in node.op.dims)  # type: ignore[attr-defined]
    order = list(range(rank))
    first, second = node.op.dim0 % rank, node.op.dim1 % rank  # type: ignore[attr-defined]
    order[first], order[second] = second, first
    return tuple(order)


def _without_effect(node: Node) -> frozenset[str]:
    """Attributes that say nothing of the result: how a parameter starts, how a window of step 1 ends."""
    if node.op.name == "parameter":
        return _STARTS
    steps = getattr(node.op, "stride", None)
    return _ENDS if steps is not None and set(as_tuple(steps)) == {1} else frozenset()


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A number for all dimensions, or one for each, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def _is_whole(node: Node) -> bool:
    return all(one == 1 for one in as_tuple(node.op.output_size))  # type: ignore[attr-defined]


def random_work(graph: Graph) -> list[tuple[str, Any]]:
    """What draws random numbers in training, in a fixed order: name and probability."""
    found = []
    for item in graph.items:
        if isinstance(item, Call):
            found += random_work(item.body)
        elif item.op.name in _RANDOM and item.op.p != 0:  # type: ignore[attr-defined]
            found.append((item.op.name, item.op.p))  # type: ignore[attr-defined]
    return sorted(found)
