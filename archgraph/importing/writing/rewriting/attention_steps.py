"""Attention that is written step by step as the operation that it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, Protocol

from archgraph.dims import Dim
from archgraph.graph.types import Node, Value
from archgraph.ops.contract import Operation, TensorType, lookup

ATTENTION = "scaled_dot_product_attention"
ATTEND = "attend"
PARTS = ("reshape", "unflatten", "unsqueeze")
MERGES = ("reshape", "flatten", "squeeze")


class AttentionBody(Protocol):
    """The steps of a body."""

    def maker(self, value: Value, *operations: str) -> Node | None:
        """The step that makes a value, if it is one of these operations."""

    def only(self, value: Value, *operations: str) -> Node | None:
        """The same, if nobody else reads the value."""

    def shape(self, value: Value) -> tuple[Dim, ...]:
        """Its sizes in the simplest form."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """Batch elements in groups, [G · W, …] as [G, W, …]: how many groups, how many elements, and the steps there."""

    count: Dim
    batch: Dim
    parted: Node
    merged: Node


@dataclass(slots=True)
class _Scores:
    """softmax(scale · Q·Kᵀ + masks) on its way from the softmax to the product."""

    steps: AttentionBody
    scale: float = 1.0
    mask: Value | None = None
    factor: Value | None = None
    """What all scores of a head are multiplied by: [heads, 1, 1]."""
    groups: _Groups | None = None
    """How a mask [1, W, heads, L, S] is one of all batch elements."""
    made: list[Node] = field(default_factory=list)
    """Steps that make the mask."""

    def add(self, mask: Value, like: Node) -> bool:
        """Whether another mask could be added to those so far."""
        alike = self.groups is None or mask.type.rank < 4 or mask.shape[0] == 1
        if self.scale != 1 or self.factor is not None or not alike or mask.dtype != like.output.dtype:
            return False
        if self.mask is not None:
            both = {"input": self.mask, "other": mask}
            mask = self.step("add", both, _broadcast(self.mask, mask), like)
        self.mask = mask
        return True

    def multiply(self, factor: Value) -> bool:
        """Whether all scores of a head could be multiplied by a number, as its queries are instead."""
        if self.factor is not None or factor.type.rank < 2 or factor.shape[-2:] != (1, 1):
            return False
        self.factor = factor
        return True

    def queries(self, query: Value, like: Node) -> Value:
        """The queries, multiplied by what their scores are."""
        if self.factor is None:
            return query
        return self.step("mul", {"input": query, "other": self.factor}, query.type, like)

    def whole_mask(self) -> Value | None:
        """The mask of all batch elements."""
        if self.mask is None or self.groups is None:
            return self.mask
        groups, (_, *sizes) = self.groups, self.mask.shape
        spread = TensorType((groups.count, *sizes), self.mask.dtype)
        shape = (groups.count, *[-1] * 4)
        expanded = self.step("expand", {"input": self.mask}, spread, groups.parted, shape=shape)
        flat = TensorType((groups.batch, *sizes[1:]), self.mask.dtype)
        return self.step("flatten", {"input": expanded}, flat, groups.merged, start_dim=0, end_dim=1)

    def step(self, name: str, inputs: Mapping[str, Value], kind: TensorType, like: Node, **attributes: Any) -> Value:
        """The result of one more step of the mask."""
        made = Value("mask", kind, like.output.origin)
        op: Operation = lookup(name).model_validate(attributes)
        node = replace(like, name=f"{like.name}_{name}", op=op, inputs=dict(inputs), outputs=(made,), weights=())
        self.made.append(node)
        return made


def written_attention(node: Node, body: AttentionBody) -> list[Node] | None:
    """softmax(Q·Kᵀ · scale + masks)·V, heads apart; a mask of groups of batch elements is one of all."""
    softmax = body.only(node.inputs["input"], "softmax") if node.op.name == "matmul" else None
    if softmax is None or softmax.op.dim not in (-1, softmax.output.type.rank - 1):  # type: ignore[attr-defined]
        return None
    scores = _Scores(body)
    product = _product(softmax.inputs["input"], scores)
    if product is None:
        return None
    query, key = _scaled(product.inputs["input"], scores), _turned_back(product.inputs["other"], scores)
    value = node.inputs["other"]
    if key is None or not _fit(query, key, value, body):
        return None
    mask = scores.whole_mask()
    if mask is not None and (not 2 <= mask.type.rank <= 4 or mask.dtype != query.dtype):
        return None
    width = query.shape[-1]
    usual = isinstance(width, int) and math.isclose(scores.scale, width**-0.5, rel_tol=1e-9)
    op = lookup(ATTENTION).model_validate({} if usual else {"scale": scores.scale})
    query = scores.queries(query, product)
    inputs = {"query": query, "key": key, "value": value} | ({} if mask is None else {"mask": mask})
    return [*scores.made, replace(node, name=ATTEND, op=op, inputs=inputs)]


def _product(value: Value, scores: _Scores) -> Node | None:
    """The product of queries and keys behind scores that were scaled and masked."""
    while True:
        product = scores.steps.only(value, "matmul")
        if product is not None:
            return product
        step = scores.steps.only(value, "add", "mul", "div", *MERGES)
        if step is None:
            return None
        if step.op.name in MERGES:
            before = _masked_in_groups(step, scores)
        elif len(step.inputs) == 1:
            before = _rescaled(step, scores)
        elif step.op.name == "mul":
            before = _multiplied(step, scores)
        else:
            before = _masked(step, scores) if step.op.name == "add" else None
        if before is None:
            return None
        value = before


def _rescaled(step: Node, scores: _Scores) -> Value | None:
    number = step.op.value  # type: ignore[attr-defined]
    if step.op.name == "add" or not isinstance(number, (int, float)) or not number:
        return None
    scores.scale *= number if step.op.name == "mul" else 1 / number
    return step.inputs["input"]


def _multiplied(step: Node, scores: _Scores) -> Value | None:
    """The scores that are multiplied by one number for each head."""
    for value, factor in permutations(step.inputs.values()):
        if scores.steps.shape(value) == scores.steps.shape(step.output) and _leads_to_product(value, scores.steps):
            return value if factor.dtype == value.dtype and scores.multiply(factor) else None
    return None


def _masked(step: Node, scores: _Scores) -> Value | None:
    """The scores of two values that are added: the one that has the sum's shape and follows from a product."""
    first, second = step.inputs.values()
    for value, mask in ((first, second), (second, first)):
        if scores.steps.shape(value) == scores.steps.shape(step.output) and _leads_to_product(value, scores.steps):
            return value if scores.add(mask, step) else None
    return None


def _leads_to_product(value: Value, steps: AttentionBody) -> bool:
    for _ in range(8):
        if steps.only(value, "matmul"):
            return True
        step = steps.only(value, "add", "mul", "div", *PARTS, *MERGES)
        if step is None:
            return False
        value = step.inputs["input"]
    return False


def _masked_in_groups(merge: Node, scores: _Scores) -> Value | None:
    """Scores [G · W, heads, L, S] to which [1, W, heads, L, S] is added for G groups of W."""
    total = scores.steps.only(merge.inputs["input"], "add")
    if total is None or len(total.inputs) != 2 or total.output.type.rank != 5 or merge.output.type.rank != 4:
        return None
    parted, mask = total.inputs.values()
    step = scores.steps.only(parted, "unflatten", "reshape")
    before = step.inputs["input"] if step is not None else None
    shape = scores.steps.shape
    fits = before is not None and shape(before) == shape(merge.output) and shape(before)[1:] == shape(parted)[2:]
    if not fits or shape(parted) != shape(total.output) or mask.type.rank != 5 or mask.shape[0] != 1:
        return None
    if scores.groups is not None or not scores.add(mask, total):
        return None
    scores.groups = _Groups(parted.shape[0], merge.output.shape[0], total, merge)
    return before


def _scaled(value: Value, scores: _Scores) -> Value:
    """Queries or keys before a number that they are multiplied by."""
    step = scores.steps.only(value, "mul", "div")
    if step is None or len(step.inputs) != 1:
        return value
    before = _rescaled(step, scores)
    return value if before is None else before


def _turned_back(value: Value, scores: _Scores) -> Value | None:
    """Keys whose last dimensions were exchanged for the product."""
    value = _scaled(value, scores)
    step = scores.steps.only(value, "transpose", "permute")
    rank = value.type.rank
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    if step is None or permuted_axes(step) != swapped:
        return None
    return _scaled(step.inputs["input"], scores)


def permuted_axes(step: Node) -> list[int]:
    """Which dimension of its input each dimension of a permutation's result is."""
    op, rank = step.op, step.output.type.rank
    if op.name == "permute":
        return [axis % rank for axis in op.dims]  # type: ignore[attr-defined]
    order = list(range(rank))
    first, second = op.dim0 % rank, op.dim1 % rank  # type: ignore[attr-defined]
    order[first], order[second] = second, first
    return order


def _fit(query: Value, key: Value, value: Value, body: AttentionBody) -> bool:
    """Whether queries, keys and values have heads and batches of their own: nothing is broadcast."""
    rank = query.type.rank
    shapes = [body.shape(one) for one in (query, key, value)]
    leading = {shape[: rank - 2] for shape in shapes}
    alike = {one.dtype for one in (query, key, value)}
    widths = (query.shape[-1], value.shape[-1])
    if not all(isinstance(width, int) for width in widths):  # channels that are places of a free number
        return False
    return rank == 4 and len(leading) == 1 and len(alike) == 1 and shapes[1][2] == shapes[2][2]


def _broadcast(first: Value, second: Value) -> TensorType:
    """The type of a sum of two masks."""
    rank = max(first.type.rank, second.type.rank)
    padded = ((*[1] * (rank - one.type.rank), *one.shape) for one in (first, second))
    return TensorType(tuple(b if a == 1 else a for a, b in zip(*padded, strict=True)), first.dtype)
