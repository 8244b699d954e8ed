"""Values that are put together part by part, as by assignments to the places of a tensor: what is read of such a value
is read of its parts, and parts that each get the dimension along which they are joined are stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from archgraph.graph.types import Item, Node, Value
from archgraph.importing.writing.rewriting.added_dimensions import new_axes
from archgraph.importing.writing.rewriting.attention_steps import AttentionBody
from archgraph.ops.contract import TensorType, lookup

_JOIN = "concat"


def read_parts(node: Node, inputs: Mapping[str, Value], makers: Mapping[int, Node]) -> list[Value] | None:
    """The parts that a slice takes whole of a value that is joined along the same dimension; None where it takes
    something else, or where their sizes are no numbers."""
    joined = makers.get(id(inputs["input"])) if node.op.name == "slice" else None
    if joined is None or joined.op.name != _JOIN:
        return None
    op: Any = node.op
    axis, parts = op.dim % node.output.type.rank, list(joined.inputs.values())
    sizes = [part.shape[axis] for part in parts]
    numbers = [size for size in sizes if isinstance(size, int)]
    if _axis(joined) != axis or op.step != 1 or len(numbers) < len(sizes):
        return None
    ends = list(accumulate(numbers, initial=0))
    start, end = (_place(at, ends[-1]) for at in (op.start, ends[-1] if op.end is None else op.end))
    if start not in ends or end not in ends:
        return None
    return parts[ends.index(start) : ends.index(end)]


def flat_parts(node: Node, makers: Mapping[int, Node], readers: Mapping[int, int]) -> list[Value] | None:
    """What a value is joined of, with the parts of what is joined along the same dimension for it alone; None where
    nothing is."""
    found: list[Value] = []
    for value in node.inputs.values():
        made = makers.get(id(value))
        inner = made is not None and made.op.name == _JOIN and _axis(made) == _axis(node) and readers[id(value)] == 1
        found += made.inputs.values() if made is not None and inner else [value]
    return found if len(found) > len(node.inputs) else None


def joined(node: Node, parts: Sequence[Value]) -> Node:
    """The value of a node, joined of these parts along the dimension of the node."""
    op = node.op if node.op.name == _JOIN else lookup(_JOIN).model_validate({"dim": _axis(node)})
    name = node.name if node.op.name == _JOIN else _JOIN
    return replace(node, op=op, name=name, inputs={f"tensors.{place}": part for place, part in enumerate(parts)})


def stacked(node: Node, body: AttentionBody) -> Sequence[Item] | None:
    """Parts that all get the dimension along which they are joined, and the same others."""
    if node.op.name != _JOIN or len(node.inputs) < 2:
        return None
    added = [body.only(value, "unsqueeze") for value in node.inputs.values()]
    first = added[0]
    if first is None or any(one is None or new_axes(one) != new_axes(first) for one in added):
        return None
    others, axis = [place for place in new_axes(first) if place != _axis(node)], _axis(node)
    if axis not in new_axes(first):
        return None
    parts = [one.inputs["input"] for one in added if one is not None]
    dim, kind = axis - sum(place < axis for place in others), parts[0].type
    inputs = {f"tensors.{place}": part for place, part in enumerate(parts)}
    stack = replace(node, op=lookup("stack").model_validate({"dim": dim}), name="stack", inputs=inputs)
    if not others:
        return [stack]
    shape = (*kind.shape[:dim], len(parts), *kind.shape[dim:])
    whole = Value("stack", TensorType(shape, kind.dtype), node.output.origin)
    added_after = lookup("unsqueeze").model_validate({"dim": others})
    return [
        replace(stack, outputs=(whole,)),
        replace(first, name=node.name, op=added_after, inputs={"input": whole}, outputs=node.outputs),
    ]


def _axis(node: Node) -> int:
    return node.op.dim % node.output.type.rank  # type: ignore[attr-defined, no-any-return]


def _place(at: Any, size: int) -> Any:
    return size + at if isinstance(at, int) and at < 0 else at
