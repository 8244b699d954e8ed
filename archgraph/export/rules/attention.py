"""Attention."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.finite_values import is_finite
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.profiles import CPU, CUDA, rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import attention as ops

_LARGEST_STORED_MASK = 1 << 14
_WIDE = 8
"""Numbers in a head from which on the flash kernel is as fast on a CPU."""


@rule(ops.ScaledDotProductAttention)
def scaled_dot_product_attention(at: OnnxRuleContext, op: ops.ScaledDotProductAttention) -> str:
    """softmax(Q·Kᵀ) · V per head. The scale is on Q, which is smaller than the scores; one head needs no split."""
    apart = len(at.shape) == 4
    split = not apart and (op.num_heads > 1 or ("mask" in at.inputs and at.types["mask"].rank > 3))
    width = int(at.shape[-1]) // op.num_heads  # type: ignore[arg-type]
    scale = op.scale if op.scale is not None else width**-0.5
    query, key, value = (_heads(at, port, op.num_heads, split) for port in ("query", "key", "value"))
    scores = at.emit("MatMul", _scaled(at, at.transpose(*query), scale), at.transpose(*_turned(key)))
    addend = _addend(at, op)
    weights = _softmax(at, at.emit("Add", scores, addend) if addend else scores)
    mixed = at.emit("MatMul", weights, at.transpose(*value))
    if "mask" in at.inputs and _may_hide_all(at):
        mixed = at.emit("Where", _empty_rows(at, addend), at.scalar(0.0), mixed)
    return _merged(at, mixed, op.num_heads) if split else mixed


def _addend(at: OnnxRuleContext, op: ops.ScaledDotProductAttention) -> str:
    """What is added to the scores, '' for nothing. A bool mask becomes 0 and -inf, once for all that read it."""
    if "mask" not in at.inputs:
        return causal_mask(at, at.shape[-2], at.types["key"].shape[-2]) if op.is_causal else ""
    mask, dtype = at["mask"], at.type.dtype
    if at.types["mask"].dtype != "bool":
        return mask
    return at.emission.shared(
        ("mask", mask, dtype),
        lambda: at.emission.add("Where", [mask, at.scalar(0.0), at.scalar(-np.inf)], f"masks/{mask}/{dtype}"),
    )


def _may_hide_all(at: OnnxRuleContext) -> bool:
    """Whether a row of the mask may leave no token: not where numbers in the spec say it, or where it is computed of
    finite values, as a bias of relative positions is."""
    program = at.emission.program
    mask = program.constants.get(at["mask"])
    if mask is None:
        return at.types["mask"].dtype == "bool" or not is_finite(program, at["mask"])
    seen = mask if mask.dtype == bool else mask != -np.inf
    return not seen.any(axis=-1).all()


def _empty_rows(at: OnnxRuleContext, mask: str) -> str:
    """Where a mask leaves no token: torch's result is 0 there, and a softmax over -inf alone is not a number.

    It is found on the mask, which is mostly smaller than the scores, once for all that read it.
    """

    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"masks/{mask}/empty", **how)

    def found() -> str:
        low = at.type.dtype in ("float16", "bfloat16")  # CUDA lacks kernels that compare bfloat16
        wide = add("Cast", mask, to=ELEMENT_TYPES["float32"]) if low else mask
        minus_infinity = at.scalar(-np.inf, "float32" if low else "")
        hidden = add("Cast", add("Equal", wide, minus_infinity), to=ELEMENT_TYPES["int32"])
        return add("Cast", add("ReduceMin", hidden, at.constant([-1]), keepdims=1), to=ELEMENT_TYPES["bool"])

    return at.emission.shared(("empty rows", mask), found)


def _softmax(at: OnnxRuleContext, scores: str) -> str:
    return at.in_single(lambda wide: at.emit("Softmax", wide, axis=-1), scores)


@rule(ops.ScaledDotProductAttention, CUDA)
def attention_to_tokens(at: OnnxRuleContext, op: ops.ScaledDotProductAttention) -> str:
    """Of a single token all queries see its value. cuBLAS fails to multiply by such keys in float32."""
    if "mask" in at.inputs or at.types["key"].shape[-2] != 1:
        return fused_attention(at, op)
    return at.emit("Expand", at["value"], at.dims(at.result.shape))


@rule(ops.ScaledDotProductAttention, CPU)
def attention_of_wide_heads(at: OnnxRuleContext, op: ops.ScaledDotProductAttention) -> str:
    """The plain form for heads of few numbers: the flash kernel takes 1.1 to 1.6 times as long for 4 to 6 of them."""
    narrow = int(at.shape[-1]) // op.num_heads < _WIDE  # type: ignore[arg-type]
    return scaled_dot_product_attention(at, op) if narrow else fused_attention(at, op)


def fused_attention(at: OnnxRuleContext, op: ops.ScaledDotProductAttention) -> str:
    """ONNX Runtime's flash kernel: no scores are stored. With a mask it is slower than the plain form, and over keys of
    another number it counts the causal part from the end."""
    if len(at.shape) == 4 or "mask" in at.inputs or (op.is_causal and at.shape[1] != at.types["key"].shape[1]):
        return scaled_dot_product_attention(at, op)
    scale = {} if op.scale is None else {"scale": float(op.scale)}
    return at.emit(
        "MultiHeadAttention",
        *(at[port] for port in ("query", "key", "value")),
        num_heads=op.num_heads,
        unidirectional=int(op.is_causal),
        domain="com.microsoft",
        **scale,
    )


def _heads(at: OnnxRuleContext, port: str, heads: int, split: bool) -> tuple[str, tuple[int, ...]]:
    """The tokens at a port with their heads apart, and the order of dimensions that puts heads before tokens."""
    if not split:
        return at[port], tuple(range(at.types[port].rank))
    batch, tokens, channels = at.types[port].shape
    parted = at.reshape(at[port], at.types[port].shape, (batch, tokens, heads, channels // heads))
    return parted, (0, 2, 1, 3)


def _turned(heads: tuple[str, tuple[int, ...]]) -> tuple[str, tuple[int, ...]]:
    """The same with tokens and channels exchanged."""
    name, order = heads
    return name, (*order[:-2], order[-1], order[-2])


def _scaled(at: OnnxRuleContext, query: str, scale: float) -> str:
    return query if scale == 1 else at.emit("Mul", query, at.scalar(scale))


def _merged(at: OnnxRuleContext, mixed: str, heads: int) -> str:
    batch, tokens, channels = at.result.shape
    return at.reshape(at.transpose(mixed, (0, 2, 1, 3)), (batch, tokens, heads, channels // heads), at.result.shape)


def causal_mask(at: OnnxRuleContext, rows: Dim, columns: Dim) -> str:
    """0 where a token may look, -inf where it may not: [L, S], once for each pair of sizes."""
    dtype = at.type.dtype
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns <= _LARGEST_STORED_MASK:
        lower = np.tri(rows, columns, dtype=bool)
        return at.constant(np.where(lower, 0.0, -np.inf).astype(dtype))
    return at.emission.shared(("causal", rows, columns, dtype), lambda: _computed_mask(at, rows, columns))


def _computed_mask(at: OnnxRuleContext, rows: Dim, columns: Dim) -> str:
    def add(kind: str, *inputs: str) -> str:
        return at.emission.add(kind, inputs, f"masks/{rows}x{columns}")

    below = add("Unsqueeze", counting(at, rows), at.constant([1]))
    seen = add("LessOrEqual", counting(at, columns), below)
    return add("Where", seen, at.scalar(0.0), at.scalar(-np.inf))
