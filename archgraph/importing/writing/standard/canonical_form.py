"""What a body computes, in a form in which bodies that were written differently are equal.

Names of what owns no weights, groups, the order of independent work and of operands that commute do not count; chains
of reshapes or of permutations are one, nested concatenations are flat, what does nothing is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from archgraph.codegen.analysis.size_expressions import ReadableSize
from archgraph.dims import Dim, Size
from archgraph.errors import ArchgraphError
from archgraph.graph.keys import weights
from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Node, Value, is_module, joined
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.rewriting.attention_steps import ATTENTION
from archgraph.importing.writing.standard.canonical_steps import as_tuple, simpler_form
from archgraph.importing.writing.standard.constant_values import ConstantSteps, ConstantTensor, constant_steps
from archgraph.importing.writing.standard.form_numbers import Form, FormNumbers, behind_ones

_COMMUTE = frozenset({"add", "mul"})
_STARTS = frozenset({"init", "std", "value"})
"""How a parameter starts: what a module held is not known without its numbers."""
_ENDS = frozenset({"ceil_mode"})
_STORED = frozenset({"buffer", "register_buffer"})
_RANDOM = frozenset({"dropout", "stochastic_depth"})


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
    """A body that holds what has no form by itself: modules applied again, steps, training only."""


def body_form(graph: Graph, numbers: FormNumbers, sizes: SettledSizes | None = None) -> BodyForm:
    """The form of a body; `sizes` are those of the network around it. Raises IncomparableError."""
    reader = _BodyReader(graph, numbers, sizes or SettledSizes(graph.constraints))
    outputs = reader.outputs()
    tensors = tuple((one.key, tuple(map(str, one.weight.shape)), one.weight.trainable) for one in weights(graph))
    return BodyForm(outputs, tensors, reader.work)


class _BodyReader:
    def __init__(self, graph: Graph, numbers: FormNumbers, sizes: SettledSizes):
        self._graph = graph
        self._settled = sizes
        self._numbers = numbers
        self._known: dict[int, int | ConstantSteps] = {}
        self._computed: dict[int, int] = {}
        """The numbers of constants, by the ids of their steps."""
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
        return tuple(map(self._number, self._graph.outputs.values()))

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
        if node.shares is not None or node.training:
            raise IncomparableError
        before = [self._known[id(value)] for value in node.inputs.values()]
        steps = [one for one in before if isinstance(one, ConstantSteps)]
        constants = constant_steps(node, steps) if len(steps) == len(before) else None
        if constants is not None:
            self._known.update(zip(map(id, node.outputs), constants, strict=True))
            return
        read = [self._number(value) for value in node.inputs.values()]
        if len(node.outputs) == 1:
            self._known[id(node.output)] = self._result(node, module, read)
            return
        whole = self._plain(node, module, read)
        for place, value in enumerate(node.outputs):
            self._known[id(value)] = self._numbers.number(("part", place, whole), self._shape(value))

    def _number(self, value: Value) -> int:
        """The number of a value; a constant is computed the first time that somebody reads it."""
        found = self._known[id(value)]
        if isinstance(found, ConstantSteps):
            if id(found) not in self._computed:
                self._computed[id(found)] = self._numbers.constant(_computed(found))
            return self._computed[id(found)]
        return found

    def _result(self, node: Node, module: str, read: list[int]) -> int:
        name, shape = node.op.name, self._shape(node.output)
        if name in _RANDOM and node.op.p == 0:  # type: ignore[attr-defined]
            return read[0]
        if name in _STORED:  # a state dict says what it holds
            return self._numbers.number(("buffer", self._key(node, module)), shape)
        found = simpler_form(node, read, self._numbers, shape)
        if found is not None:
            return found
        if name == "group_norm" and self._numbers.form(read[0])[0] == "reshape":
            return self._normed(node, module, read, shape)
        if name == "mean" and node.op.dim is not None:  # type: ignore[attr-defined]
            return self._mean(node, read[0], shape)
        if name == ATTENTION:
            read = [*map(self._mask, node.inputs, read)]
        return self._plain(node, module, read)

    def _mask(self, port: str, number: int) -> int:
        """A mask without leading dimensions of size 1, which broadcasting gives it."""
        return self._numbers.without_leading_ones(number) if port == "mask" else number

    def _plain(self, node: Node, module: str, read: list[int], shape: Form | None = None) -> int:
        shape = self._shape(node.outputs[0]) if shape is None else shape
        ports = [port.partition(".")[0] for port in node.inputs]
        if node.op.name in _COMMUTE and len(read) == 2:
            found = self._numbers.number(
                (node.op.name, *sorted(self._operands(node.op.name, read))), behind_ones(shape)
            )
            return self._numbers.reshaped(found, shape)
        left_out = _without_effect(node)
        ranks = [value.type.rank for value in node.inputs.values()]
        about = tuple(
            (name, value % ranks[0] if name == "dim" and type(value) is int and ranks else self._attribute(value))
            for name, value in attributes(node.op).items()
            if name not in left_out
        )
        key = self._key(node, module) if node.weights else ""
        if node.ties:
            about = (*about, ("tie", tuple(sorted(node.ties.items()))))
        self.work[node.op.name, about, key] += 1
        form = (node.op.name, about, key, tuple(ports), tuple(read))
        return self._numbers.number(form, shape)

    def _normed(self, node: Node, module: str, read: list[int], shape: Form) -> int:
        """A group norm of an image whose places were put in a row, as one of the image."""
        base = self._numbers.form(read[0])[1]
        whole = self._numbers.shape(base)  # type: ignore[arg-type]
        if whole[:2] != shape[:2]:
            return self._plain(node, module, read)
        return self._numbers.reshaped(self._plain(node, module, [base, *read[1:]], whole), shape)  # type: ignore[list-item]

    def _operands(self, name: str, read: list[int]) -> Iterator[int]:
        """The operands of a sum or product of any number of values."""
        for number in map(self._numbers.without_leading_ones, read):
            form = self._numbers.form(number)
            if form[0] == name and len(form) > 1 and isinstance(form[1], int):
                yield from form[1:]  # type: ignore[misc]
            else:
                yield number

    def _key(self, node: Node, module: str) -> str:
        return joined(module, node.name) if is_module(node) else module

    def _mean(self, node: Node, read: int, shape: Form) -> int:
        dims: Any = node.op.dim  # type: ignore[attr-defined]
        whole = self._numbers.shape(read)
        axes = tuple(sorted(axis % len(whole) for axis in as_tuple(dims)))
        kept = tuple(repr(1) if axis in axes else size for axis, size in enumerate(whole))
        return self._numbers.reshaped(self._numbers.number(("mean", axes, read), kept), shape)

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
            found = self._settled.expressed(size, self._sources)
            self._sizes[size] = f"{id(self)} {size}" if found is None else repr(found)
        return self._sizes[size]


def _computed(steps: ConstantSteps) -> ConstantTensor:
    """The numbers of a constant. Raises IncomparableError for steps that torch cannot run by themselves."""
    try:
        return steps.computed()
    except (ArchgraphError, RuntimeError) as error:
        raise IncomparableError from error


def _without_effect(node: Node) -> frozenset[str]:
    """Attributes that say nothing of the result: how a parameter starts, how a window of step 1 ends."""
    if node.op.name == "parameter":
        return _STARTS
    steps = getattr(node.op, "stride", None)
    return _ENDS if steps is not None and set(as_tuple(steps)) == {1} else frozenset()


def random_work(graph: Graph) -> list[tuple[str, Any]]:
    """What draws random numbers in training, in a fixed order: name and probability."""
    found = []
    for item in graph.items:
        if isinstance(item, Call):
            found += random_work(item.body)
        elif item.op.name in _RANDOM and item.op.p != 0:  # type: ignore[attr-defined]
            found.append((item.op.name, item.op.p))  # type: ignore[attr-defined]
    return sorted(found)
