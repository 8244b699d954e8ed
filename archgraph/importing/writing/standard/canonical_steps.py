"""Steps that have a simpler form than their operation: what rearranges, cuts, shifts, chooses or looks up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from archgraph.dims import Size
from archgraph.graph.types import Node
from archgraph.importing.writing.standard.form_numbers import Form, FormNumbers, Sides

Step = Callable[[Node, Sequence[int], FormNumbers, Form], "int | None"]
"""The number of a step's result, from those of what it reads and its shape; None where it has no simpler form."""


def simpler_form(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    """The number of what a step makes; None where its operation says it best."""
    step = _STEPS.get(node.op.name)
    return step(node, read, numbers, shape) if step is not None else None


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A number for all dimensions, or one for each, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def _reshape(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int:
    return numbers.reshaped(read[0], shape)


def _permute(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int:
    rank, op = len(shape), node.op
    if op.name == "permute":
        return numbers.permuted(read[0], tuple(axis % rank for axis in op.dims), shape)  # type: ignore[attr-defined]
    order = list(range(rank))
    first, second = op.dim0 % rank, op.dim1 % rank  # type: ignore[attr-defined]
    order[first], order[second] = second, first
    return numbers.permuted(read[0], tuple(order), shape)


def _concat(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int:
    axis = node.op.dim % len(shape)  # type: ignore[attr-defined]
    return numbers.number(("concat", axis, *numbers.joined(read, axis)), shape)


def _average(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    """One place of all is the mean over them."""
    whole = all(one == 1 for one in as_tuple(node.op.output_size))  # type: ignore[attr-defined]
    return numbers.number(("mean", tuple(range(2, len(shape))), read[0]), shape) if whole else None


def _pad(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    op: Any = node.op
    sides = tuple(op.sides(len(shape)))
    known = op.mode == "constant" and all(isinstance(side, int) for pair in sides for side in pair)
    return numbers.padded(read[0], sides, op.value, shape) if known else None


def _slice(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    """A cut: less on the sides of one dimension; of every second or third place, the first one and their number."""
    op: Any = node.op
    axis = op.dim % len(shape)
    size = node.inputs["input"].shape[axis]
    if any(isinstance(one, Size) for one in (size, op.start, op.end)):
        return None
    start, stop, _ = slice(op.start, op.end).indices(size)
    if op.step != 1:
        return numbers.number(("places", axis, start, len(range(start, stop, op.step)), op.step, read[0]), shape)
    sides: Sides = tuple((-start, stop - size) if place == axis else (0, 0) for place in range(len(shape)))
    return numbers.padded(read[0], sides, None, shape)


def _roll(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    op: Any = node.op
    shifts: dict[int, int] = {}
    for axis, shift in zip(op.dims, op.shifts, strict=True):
        if isinstance(shift, Size) or isinstance(node.output.shape[axis], Size):
            return None
        shifts[axis % len(shape)] = shifts.get(axis % len(shape), 0) + shift
    return numbers.rolled(read[0], shifts, shape)


def _places(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    """Places of a dimension in a known order that is a shift of all of them."""
    by_port = dict(zip(node.inputs, read, strict=True))
    base = by_port["input"]
    order: tuple[Any, ...] = numbers.form(by_port["index"])
    axis = node.op.dim % len(shape)  # type: ignore[attr-defined]
    if order[0] != "constant" or numbers.shape(base) != shape:
        return None
    found = np.frombuffer(order[2], order[1].removeprefix("torch."))
    first = int(found[0])
    if not np.array_equal(found, np.roll(np.arange(len(found)), -first)):
        return None
    return numbers.rolled(base, {axis: -first}, shape)


def _where(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    """A choice that is the same everywhere."""
    form: tuple[Any, ...] = numbers.form(read[0])
    chosen = set(form[2]) if form[0] == "constant" else set()
    if len(chosen) != 1 or len(read) != 3:
        return None
    place = 1 if chosen.pop() else 2
    fits = [*node.inputs.values()][place].dtype == node.output.dtype and numbers.shape(read[place]) == shape
    return read[place] if fits else None


def _rows(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int | None:
    by_port = dict(zip(node.inputs, read, strict=True))
    if node.op.name == "embedding":
        return numbers.rows(by_port["weight"], by_port["input"], shape) if "weight" in by_port else None
    rank = node.inputs["input"].type.rank
    return numbers.rows(by_port["input"], by_port["index"], shape) if not node.op.dim % rank else None  # type: ignore


def _expand(node: Node, read: Sequence[int], numbers: FormNumbers, shape: Form) -> int:
    return read[0] if numbers.shape(read[0]) == shape else numbers.number(("expand", read[0]), shape)


_STEPS: Mapping[str, Step] = {
    **dict.fromkeys(("reshape", "flatten", "unflatten", "unsqueeze", "squeeze"), _reshape),
    **dict.fromkeys(("permute", "transpose"), _permute),
    **dict.fromkeys((f"adaptive_avg_pool{rank}d" for rank in (1, 2, 3)), _average),
    **dict.fromkeys(("index", "embedding"), _rows),
    "concat": _concat,
    "pad": _pad,
    "slice": _slice,
    "roll": _roll,
    "index_select": _places,
    "where": _where,
    "expand": _expand,
}
