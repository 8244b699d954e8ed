"""The branch that depends on the time (and the class) alone, split off: over a sampling run its values are few, so that
they are computed once for all steps.

A program becomes two. The branch maps times and labels [N] to features [N, D], a row for each; the main program takes
these rows in the place of times and labels. Values, weights and nodes keep their names, so that both together are the
program that there was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from archgraph.dims import Dim, Size
from archgraph.export.lowering.program import LOW_TYPES, OnnxNode, Program, UniqueNames, constant_text
from archgraph.ops.contract import TensorType

FEATURES = "time_features"
FREE, TIME, IMAGE = "free", "time", "image"
"""What a value depends on: nothing (weights, constants, sizes that both parts know), times and labels, or
more."""


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Both parts; the results of the branch are inputs of the main program under the same names."""

    main: Program
    branch: Program


def split(program: Program) -> TimeSplit | None:
    """Splits off the branch; None where there is none."""
    sorting = _Sorting(program)
    border = sorting.border() if sorting.times else []
    if not border:
        return None
    names = UniqueNames(_all_names(program))
    groups: dict[str, list[str]] = {}
    for value in border:
        groups.setdefault(sorting.type_of(value).dtype, []).append(value)
    main, branch = sorting.part(IMAGE), sorting.part(TIME)
    for dtype, values in groups.items():
        features = names.take(FEATURES if dtype == "float32" else f"{FEATURES}.{dtype}")
        _joined(branch, features, {value: sorting.type_of(value) for value in values}, names)
        _parted(main, features, {value: sorting.type_of(value) for value in values}, names)
        size = sum(_width(sorting.type_of(value)) for value in values)
        main.inputs[features] = branch.outputs[features] = TensorType((sorting.batch, size), dtype)
    main.drop_unread()
    branch.drop_unread()
    return TimeSplit(_without_idle_inputs(main), _without_idle_inputs(branch))


def _all_names(program: Program) -> Iterator[str]:
    for known in (program.inputs, program.outputs, program.initializers, program.constants):
        yield from known
    for node in program.nodes:
        yield from node.outputs


def _row(kind: TensorType) -> tuple[int, ...]:
    """The shape of one row, which is no symbol."""
    return tuple(size for size in kind.shape[1:] if isinstance(size, int))


def _width(kind: TensorType) -> int:
    """How many numbers a row has."""
    return prod(_row(kind))


def _joined(branch: Program, features: str, values: Mapping[str, TensorType], names: UniqueNames) -> None:
    """The values side by side, each flattened to rows, as one result of the branch."""
    rows = []
    for value, kind in values.items():
        if len(kind.shape) != 2:
            row, flat = names.take(f"{value}/flat"), _constant(branch, (0, _width(kind)), names)
            branch.nodes.append(OnnxNode("Reshape", (value, flat), (row,), name=row, path=value))
            value = row
        rows.append(value)
    branch.nodes.append(OnnxNode("Concat", tuple(rows), (features,), {"axis": 1}, name=features, path=features))


def _parted(main: Program, features: str, values: Mapping[str, TensorType], names: UniqueNames) -> None:
    """The values again, in their own shapes, before all else of the main program."""
    sizes = _constant(main, tuple(map(_width, values.values())), names)
    rows = [value if len(kind.shape) == 2 else names.take(f"{value}/row") for value, kind in values.items()]
    first = [OnnxNode("Split", (features, sizes), tuple(rows), {"axis": 1}, name=f"{features}/Split", path=features)]
    for row, (value, kind) in zip(rows, values.items(), strict=True):
        if row != value:
            shape = _constant(main, (0, *_row(kind)), names)
            first.append(OnnxNode("Reshape", (row, shape), (value,), name=f"{value}/Reshape", path=value))
    main.nodes[:0] = first


def _constant(program: Program, numbers: tuple[int, ...], names: UniqueNames) -> str:
    array = np.array(numbers, dtype=np.int64)
    for name, known in program.constants.items():
        if known.dtype == array.dtype and np.array_equal(known, array):
            return name
    name = names.take(constant_text(array))
    program.constants[name] = array
    return name


def _without_idle_inputs(program: Program) -> Program:
    read = {name for node in program.nodes for name in node.reads}
    program.inputs = {name: kind for name, kind in program.inputs.items() if name in read}
    return program


@dataclass(slots=True)
class _Sorting:
    """Which node belongs to which part. `forced` are those of the main program that depend on times alone: they are
    cheap there, or cannot be handed over row by row."""

    program: Program
    batch: Dim = 0
    times: frozenset[str] = frozenset()
    forced: set[int] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        images = [kind for kind in self.program.inputs.values() if len(kind.shape) > 1]
        if images:
            self.batch = images[0].shape[0]
            self.times = frozenset(name for name, kind in self.program.inputs.items() if kind.shape == (self.batch,))

    def border(self) -> list[str]:
        """The values of the branch that the main program reads, in order of their making."""
        while True:
            self._sort()
            border = self._read_across()
            wrong = {value for value in border if not self._is_row(value)}
            forced = {id(node) for node in self._nodes(TIME) if wrong.intersection(node.outputs)} | self._sharing()
            if not forced:
                return [value for value in border if value not in self.times]
            self.forced |= forced

    def part(self, kind: str) -> Program:
        """A part as a program of its own, still with all that it might need."""
        ours, program = (TIME, FREE) if kind == TIME else (IMAGE, FREE), self.program
        inputs = {name: of for name, of in program.inputs.items() if kind == IMAGE or name in self.times}
        return Program(
            nodes=[self._at_home(node, inputs, kind) for node in self._nodes(*ours)],
            initializers=dict(program.initializers),
            constants=dict(program.constants),
            inputs=inputs,
            outputs=dict(program.outputs) if kind == IMAGE else {},
            results=dict(program.results),
            types=dict(program.types),
            folded=dict(program.folded) if kind == IMAGE else {},
            dtype=program.dtype,
            kept=program.kept,
            layout=program.layout,
            opset=program.opset,
        )

    def type_of(self, value: str) -> TensorType:
        """The type of a value of the border."""
        return self.program.types.get(value) or self.program.outputs[value]

    def _sort(self) -> None:
        program = self.program
        self.kinds = dict.fromkeys((*program.initializers, *program.constants, ""), FREE)
        self.kinds |= {name: TIME if name in self.times else IMAGE for name in program.inputs}
        for node in program.nodes:
            met = {self.kinds[name] for name in node.reads}
            narrowed = node.kind == "Cast" and node.attributes["to"] in LOW_TYPES  # features are handed over in float32
            apart = IMAGE in met or id(node) in self.forced or (narrowed and TIME in met)
            kind = IMAGE if apart else TIME if TIME in met else FREE
            if self._is_known_size(node):
                kind = FREE
            self.kinds.update(dict.fromkeys(node.outputs, kind))

    def _nodes(self, *kinds: str) -> list[OnnxNode]:
        return [node for node in self.program.nodes if self.kinds[node.outputs[0]] in kinds]

    def _read_across(self) -> list[str]:
        read = {name for node in self._nodes(IMAGE) for name in node.reads} | set(self.program.outputs)
        made = [name for node in self._nodes(TIME) for name in node.outputs]
        return [name for name in (*self.program.inputs, *made) if name in read and self.kinds[name] == TIME]

    def _is_row(self, value: str) -> bool:
        """Whether a value has a row of its own for each time. An input is handed over as it is."""
        if value in self.times:
            return True
        kind = self.program.types.get(value) or self.program.outputs.get(value)
        if kind is None or not kind.shape or kind.shape[0] != self.batch:
            return False
        return kind.dtype.startswith(("float", "bfloat")) and all(isinstance(size, int) for size in kind.shape[1:])

    def _sharing(self) -> set[int]:
        """Nodes of the branch with a weight that the main program has too: it is stored once, so they stay there."""
        held = {key for node in self._nodes(IMAGE) for key in self._keys(node)}
        return {id(node) for node in self._nodes(TIME) if held.intersection(self._keys(node))}

    def _keys(self, node: OnnxNode) -> Iterator[str]:
        """The state dict's keys of its weights."""
        for name in node.reads:
            if name in self.program.initializers:
                yield from self.program.initializers[name].keys

    def _is_known_size(self, node: OnnxNode) -> bool:
        """A size of an input that both parts can see: each reads it from its own input."""
        both = (self.times, self._images())
        return node.kind == "Shape" and all(self._place(node, inputs) is not None for inputs in both)

    def _images(self) -> Collection[str]:
        return self.program.inputs.keys() - self.times

    def _place(self, node: OnnxNode, inputs: Collection[str]) -> tuple[str, int] | None:
        """The input, among these, and the axis that have the very size which a Shape node reads."""
        kind = self.program.inputs.get(node.inputs[0])
        axis = node.attributes.get("start")
        if kind is None or not isinstance(axis, int) or not isinstance(kind.shape[axis], Size):
            return None
        places = ((name, i) for name in self.program.inputs if name in inputs for i in range(self._rank(name)))
        return next(((name, i) for name, i in places if self._size(name, i) == kind.shape[axis]), None)

    def _rank(self, name: str) -> int:
        return len(self.program.inputs[name].shape)

    def _size(self, name: str, axis: int) -> Dim:
        return self.program.inputs[name].shape[axis]

    def _at_home(self, node: OnnxNode, inputs: Collection[str], kind: str) -> OnnxNode:
        """The node, reading sizes from an input of its own part."""
        if node.kind != "Shape" or self.kinds[node.outputs[0]] != FREE:
            return node
        place = self._place(node, self.times if kind == TIME else self._images())
        assert place is not None, node.name
        return replace(node, inputs=(place[0],), attributes={"start": place[1], "end": place[1] + 1})
