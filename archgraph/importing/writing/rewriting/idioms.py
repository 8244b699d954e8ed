"""Steps of a body that together are one operation of the language become that operation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from archgraph.dims import Dim
from archgraph.graph.types import Call, Item, Node, Value
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.rewriting.added_dimensions import added_at_once, expanded, kept
from archgraph.importing.writing.rewriting.attention_heads import merged_heads
from archgraph.importing.writing.rewriting.attention_steps import permuted_axes, written_attention
from archgraph.importing.writing.rewriting.composed_operations import time_embedding, turned_time_embedding
from archgraph.importing.writing.rewriting.joined_parts import stacked
from archgraph.importing.writing.rewriting.table_lookups import lookup_in_places, without_leading_ones
from archgraph.importing.writing.rewriting.vector_steps import normalized
from archgraph.importing.writing.rewriting.written_activations import written_activation
from archgraph.ops.contract import Inputs, TensorType, lookup

_GELU = (0.5, 3.0, 0.044715, math.sqrt(2 / math.pi), 1.0)
"""The numbers of x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), in the order of the text."""
_SPREAD = frozenset({"slice", "gather", "expand", "reshape", "unsqueeze", "squeeze", "select", "flatten"})
"""What takes parts of its input, or repeats it: of equal numbers it makes equal numbers."""
_RESHAPES = ("reshape", "unflatten", "flatten")
LONG_RANGE = 16
"""A shorter list of the numbers 0, 1, 2 … is written as it is."""


def with_idioms(items: Sequence[Item], outputs: Sequence[Value], sizes: SettledSizes) -> list[Item]:
    """A body's items, with operations in place of the steps that they are made of; what nobody reads then is gone."""
    body = _Body(items, outputs, sizes)
    for item in items:
        if isinstance(item, Node) and item.shares is None:
            found = next(filter(None, (idiom(item, body) for idiom in _IDIOMS)), None)
            if found is not None:
                body.replace(item, found)
    return body.kept_items()


class _Body:
    """The items of a body, by what they make. What takes the place of steps makes the value of the last one."""

    def __init__(self, items: Sequence[Item], outputs: Sequence[Value], sizes: SettledSizes):
        self._sizes = sizes
        self._items = list(items)
        self._gone: set[int] = set()
        self._shared = {id(item.shares) for item in items if isinstance(item, Node)}
        self._makers = {id(value): item for item in items if isinstance(item, Node) for value in item.outputs}
        self._readers = Counter(id(value) for item in items for value in read_by(item))
        self._readers.update(map(id, outputs))

    def maker(self, value: Value, *operations: str) -> Node | None:
        """The step that makes a value, if it is one of these operations."""
        found = self._makers.get(id(value))
        return found if found is not None and found.op.name in operations and id(found) not in self._shared else None

    def only(self, value: Value, *operations: str) -> Node | None:
        """The same, if nobody else reads the value."""
        return self.maker(value, *operations) if self._readers[id(value)] == 1 else None

    def shape(self, value: Value) -> tuple[Dim, ...]:
        """Its sizes in the simplest form."""
        return self._sizes.shape(value.shape)

    def replace(self, last: Node, made: Sequence[Item]) -> None:
        """Puts nodes in the place of the last of several steps."""
        place = next(number for number, item in enumerate(self._items) if item is last)
        self._items[place : place + 1] = made
        self._readers.subtract(id(value) for value in read_by(last))
        for item in made:
            self._readers.update(id(value) for value in read_by(item))
            if isinstance(item, Node):
                self._makers.update((id(value), item) for value in item.outputs)
        self._forget(last)

    def _forget(self, reader: Node) -> None:
        """Steps without readers read nothing any more."""
        for value in reader.inputs.values():
            step = self._makers.get(id(value))
            if step is not None and len(step.outputs) == 1 and self._readers[id(value)] == 0:
                self._readers.subtract(id(read) for read in read_by(step))
                self._gone.add(id(step))
                self._forget(step)

    def kept_items(self) -> list[Item]:
        """The items, without steps that were replaced."""
        return [item for item in self._items if id(item) not in self._gone]


def read_by(item: Item) -> Iterator[Value]:
    """The values that an item reads, each as often as it does."""
    yield from item.inputs if isinstance(item, Call) else item.inputs.values()


def _operation(last: Node, name: str, inputs: Mapping[str, Value], **attributes: Any) -> Node:
    """An operation without weights that makes the value of a last step."""
    op = lookup(name).model_validate(attributes)
    return replace(last, op=op, inputs=dict(inputs), weights=(), ties={})


def _gelu(node: Node, body: _Body) -> Sequence[Node] | None:
    """x/2 · (1 + tanh(…)) as it is written where torch has no name for it."""
    if node.op.name != "mul" or len(node.inputs) != 2:
        return None
    half, above = (body.only(value, name) for value, name in zip(node.inputs.values(), ("mul", "add"), strict=True))
    if half is None or above is None or len(half.inputs) != 1:
        return None
    source, chain = half.inputs["input"], [above]
    for name in ("tanh", "mul", "add", "mul", "pow"):
        value = chain[-1].inputs.get("other", chain[-1].inputs["input"])
        step = body.only(value, name)
        if step is None:
            return None
        chain.append(step)
    above, _, scaled, both, small, cube = chain
    numbers = [step.op.value for step in (half, cube, small, scaled, above)]  # type: ignore[attr-defined]
    known = all(one is not None and math.isclose(one, other) for one, other in zip(numbers, _GELU, strict=True))
    if not known or both.inputs["input"] is not source or cube.inputs["input"] is not source:
        return None
    return [_operation(node, "gelu", {"input": source}, approximate="tanh")]


def _number_after_dimension(node: Node, body: _Body) -> Sequence[Node] | None:
    """A number that is added before a dimension is, as 1 to the scale of an adaptive norm: in one order everywhere."""
    total = body.only(node.inputs["input"], "add") if node.op.name == "unsqueeze" else None
    if total is None or len(total.inputs) != 1:
        return None
    source = total.inputs["input"]
    longer = Value(total.name, TensorType(node.output.shape, source.dtype), total.output.origin)
    if node.output.dtype != source.dtype:
        return None
    apart = replace(node, name=node.name, inputs={"input": source}, outputs=(longer,))
    return [apart, replace(total, inputs={"input": longer}, outputs=node.outputs)]


def _rms_norm(node: Node, body: _Body) -> Sequence[Node] | None:
    """weight · x · (mean(x²) + eps)^(-1/2), its weight in the module that does it."""
    if node.op.name != "mul" or len(node.inputs) != 2:
        return None
    for first, second in permutations(node.inputs.values()):
        weight, product = body.only(first, "parameter"), body.only(second, "mul")
        if weight is None or product is None or weight.name.rpartition(".")[2] != "weight":
            continue
        found = _root_mean_square(product, body)
        if found is None:
            continue
        source, eps = found
        op = lookup("rms_norm").model_validate({"eps": eps})
        tensors = op.weights(Inputs({"input": source.type}))
        if tensors[0].shape == weight.weights[0].shape:
            around = weight.name.rpartition(".")[0]
            return [
                replace(
                    node, name=around or node.name, op=op, inputs={"input": source}, weights=tensors, hidden=not around
                )
            ]
    return None


def _root_mean_square(product: Node, body: _Body) -> tuple[Value, float] | None:
    """What is divided by the root of its mean square, and the number that is added to that."""
    for source, factor in permutations(product.inputs.values()) if len(product.inputs) == 2 else ():
        root = body.only(factor, "rsqrt")
        total = body.only(root.inputs["input"], "add") if root else None
        mean = body.only(total.inputs["input"], "mean") if total and len(total.inputs) == 1 else None
        square = body.only(mean.inputs["input"], "pow") if mean else None
        if total is None or mean is None or square is None or square.inputs["input"] is not source:
            continue
        op: Any = mean.op
        last = op.dim in (-1, (-1,), source.type.rank - 1, (source.type.rank - 1,))
        if last and op.keepdim and square.op.value == 2:  # type: ignore[attr-defined]
            return source, float(total.op.value)  # type: ignore[attr-defined]
    return None


def _range(node: Node, body: _Body) -> Sequence[Node] | None:
    """The numbers from 0 on, as a list that stands in the file or as the first of one."""
    whole = node if node.op.name == "constant" else None
    if node.op.name == "slice":
        op: Any = node.op
        whole = body.maker(node.inputs["input"], "constant") if not op.start and op.step == 1 else None
    if whole is None:
        return None
    value: Any = whole.op.value  # type: ignore[attr-defined]
    shape, numbers = node.output.shape, list(_numbers(value))
    if numbers != list(range(len(numbers))) or len(numbers) <= LONG_RANGE or node.output.dtype != "int64":
        return None
    if (
        len(shape) > 2
        or (len(shape) == 2 and shape[0] != 1)
        or (node is not whole and shape[:-1] != whole.output.shape[:-1])
    ):
        return None
    row = Value("arange", TensorType(shape[-1:], "int64"), node.output.origin)
    counted = _operation(node, "arange", {}, end=shape[-1])
    if len(shape) == 1:
        return [counted]
    return [
        replace(counted, name=f"{node.name}_row", outputs=(row,)),
        _operation(node, "unsqueeze", {"input": row}, dim=0),
    ]


def _distances(node: Node, body: _Body) -> Sequence[Node] | None:
    """A table of the distances of places, of which every second or third asks: its size is a number of the class."""
    kind = node.output.type
    if node.op.name != "constant" or kind.dtype != "int64" or kind.rank != 2 or min(kind.shape) < 2:
        return None
    table: Any = node.op.value  # type: ignore[attr-defined]
    step, count = table[1][0], len(table[0])
    if step < 1 or table != tuple(tuple(abs(step * i - j) for j in range(count)) for i in range(-(-count // step))):
        return None
    origin, name = node.output.origin, node.name
    to, asking = (Value(name, TensorType((size,), kind.dtype), origin) for size in (count, len(table)))
    column = Value(name, TensorType((len(table), 1), kind.dtype), origin)
    offset = Value(name, kind, origin)
    return [
        replace(_operation(node, "arange", {}, end=count), name=f"{name}_places", outputs=(to,)),
        replace(_operation(node, "arange", {}, end=count, step=step), name=f"{name}_asking", outputs=(asking,)),
        replace(_operation(node, "unsqueeze", {"input": asking}, dim=1), name=f"{name}_column", outputs=(column,)),
        replace(_operation(node, "sub", {"input": column, "other": to}), name=f"{name}_offset", outputs=(offset,)),
        _operation(node, "abs", {"input": offset}),
    ]


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for part in value:
            yield from _numbers(part)
    else:
        yield value


def _uniform(node: Node, body: _Body) -> Sequence[Node] | None:
    """Parts and repetitions of one number."""
    source = next(iter(node.inputs.values()), None) if node.op.name in _SPREAD else None
    whole = body.maker(source, "constant", "full", "zeros") if source is not None else None
    if whole is None:
        return None
    op: Any = whole.op
    numbers = {*_numbers(op.value)} if op.name == "constant" else {op.number}
    if len(numbers) != 1 or whole.output.dtype != node.output.dtype or not node.output.shape:
        return None
    number, dtype = numbers.pop(), node.output.dtype
    about = {"shape": node.output.shape, **({} if dtype == "float32" else {"dtype": dtype})}
    if number == 0:
        return [_operation(node, "zeros", {}, **about)]
    return [_operation(node, "full", {}, fill_value=number, **about)]


def _channel_shuffle(node: Node, body: _Body) -> Sequence[Node] | None:
    """Channels in groups [N, g, C / g, …], exchanged with the places in their groups, and in a row again."""
    turned = body.only(node.inputs["input"], "transpose", "permute") if node.op.name in _RESHAPES else None
    parted = body.only(turned.inputs["input"], *_RESHAPES) if turned is not None else None
    if turned is None or parted is None:
        return None
    source = parted.inputs["input"]
    shape, whole = body.shape(parted.output), body.shape(source)
    if len(shape) != len(whole) + 1 or len(whole) < 3 or body.shape(node.output) != whole:
        return None
    groups, apart = shape[1], list(range(len(shape)))
    apart[1:3] = [2, 1]
    if (
        not isinstance(groups, int)
        or permuted_axes(turned) != apart
        or (shape[0], *shape[3:]) != (whole[0], *whole[2:])
    ):
        return None
    made = _operation(node, "channel_shuffle", {"input": source}, groups=groups)
    return [replace(made, name=made.op.name)]


def _time_embedding(node: Node, body: _Body) -> Sequence[Node] | None:
    found = time_embedding(node, body) or turned_time_embedding(node, body)
    return None if found is None else [_operation(node, "sinusoidal_embedding", {"input": found[0]}, **found[1])]


_IDIOMS: Sequence[Callable[[Node, _Body], Sequence[Item] | None]] = (
    _gelu,
    written_activation,
    added_at_once,
    _number_after_dimension,
    _rms_norm,
    _uniform,
    _range,
    _distances,
    _time_embedding,
    _channel_shuffle,
    stacked,
    expanded,
    kept,
    lookup_in_places,
    without_leading_ones,
    normalized,
    written_attention,
    merged_heads,
)
