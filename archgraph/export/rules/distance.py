"""Lengths, distances and angles, by forms."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import FormWriter, Operand, computed_in, parsed
from archgraph.export.profiles import rule
from archgraph.ops import distance as ops
from archgraph.ops.contract import FLOAT_TYPES, Operation
from archgraph.ops.promotion import floating, result_type
from archgraph.ops.reduction import VECTOR_NORM

_NORM = VECTOR_NORM.replace("ord", "p").replace("keepdims=keep", "keepdims=1")
_ROOT = "Sqrt(ReduceSum({0} * {0}, axes, keepdims=1))"
_COSINE = (
    f"ReduceSum(x / Max({_ROOT.format('x')}, eps) * (y / Max({_ROOT.format('y')}, eps)), axes, keepdims=0)"  # as torch
)


def _written(at: OnnxRuleContext, op: Operation, form: str, values: Mapping[str, Operand], axis: int) -> str:
    """A form over values of the type in which the inputs meet, along an axis."""
    work = _work(at, form)
    made = FormWriter(at, op, {**values, "axes": at.constant([axis])}, work).value(parsed(form))
    return at.converted(made, work, at.result.dtype)


def _work(at: OnnxRuleContext, form: str = "") -> str:
    return computed_in(form, floating(result_type(tuple(at.types.values()))))


@rule(ops.Normalize)
def normalize(at: OnnxRuleContext, op: ops.Normalize) -> str:
    axis = op.dim % len(at.shape)
    return _written(at, op, f"x / Max({_NORM}, eps)", {"x": at.read("input", _work(at))}, axis)


def _both(at: OnnxRuleContext) -> tuple[str, str]:
    work = _work(at)
    return at.read("x1", work), at.read("x2", work)


@rule(ops.CosineSimilarity)
def cosine_similarity(at: OnnxRuleContext, op: ops.CosineSimilarity) -> str:
    """Along a dimension of the broadcast shape, counted from its end: one of both may lack it."""
    rank = max(kind.rank for kind in at.types.values())
    axis = op.dim % rank - rank
    x, y = (_stretched(at, port, axis) for port in ("x1", "x2"))
    return _written(at, op, _COSINE, {"x": x, "y": y}, axis)


def _stretched(at: OnnxRuleContext, port: str, axis: int) -> str:
    """A value with the whole size along a dimension, counted from the end, over which its length is taken."""
    kind, found = at.types[port], at.read(port, _work(at))
    sizes = [other.shape[axis] for other in at.types.values() if other.rank >= -axis and other.shape[axis] != 1]
    own = kind.shape[axis] if kind.rank >= -axis else 1
    if not sizes or own != 1:
        missing = max(0, -axis - kind.rank)
        return at.emit("Unsqueeze", found, at.constant(list(range(missing)))) if missing else found
    return at.emit("Expand", found, at.dims((sizes[0], *(1,) * (-axis - 1))))


@rule(ops.PairwiseDistance)
def pairwise_distance(at: OnnxRuleContext, op: ops.PairwiseDistance) -> str:
    """Whole numbers are subtracted as whole numbers, and wrap around as in torch."""
    work, dtype = _work(at), result_type(tuple(at.types.values()))
    meets = work if dtype in FLOAT_TYPES else dtype
    apart = at.converted(at.emit("Sub", at.read("x1", meets), at.read("x2", meets)), meets, work)
    away = at.emit("Add", apart, at.scalar(op.eps, work))
    found = _written(at, op, _NORM, {"x": away}, -1)
    return found if op.keepdim else at.emit("Squeeze", found, at.constant([-1]))


@rule(ops.Cdist)
def cdist(at: OnnxRuleContext, op: ops.Cdist) -> str:
    x, y = _both(at)
    if op.multiplies(at.types):
        return _multiplied(at, x, y)
    one = at.emit("Unsqueeze", x, at.constant([-2]))
    other = at.emit("Unsqueeze", y, at.constant([-3]))
    found = _written(at, op, _NORM, {"x": at.emit("Sub", one, other)}, -1)
    return at.emit("Squeeze", found, at.constant([-1]))


def _multiplied(at: OnnxRuleContext, x: str, y: str) -> str:
    """√(‖x‖² + ‖y‖² - 2 · x · y), as torch does where there are many rows."""
    work, last = _work(at), at.constant([-1])
    columns = list(range(at.types["x2"].rank))
    turned = [*columns[:-2], columns[-1], columns[-2]]
    squares = (at.emit("ReduceSum", at.emit("Mul", each, each), last, keepdims=1) for each in (x, y))
    own, theirs = squares
    total = at.emit("Add", own, at.transpose(theirs, turned))
    twice = at.emit("Mul", at.emit("MatMul", x, at.transpose(y, turned)), at.scalar(2, work))
    return at.emit("Sqrt", at.emit("Max", at.emit("Sub", total, twice), at.scalar(0, work)))
