"""Tables, sinusoids and counting."""

from __future__ import annotations

import math

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim, Size
from archgraph.errors import ExportError
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import embedding as ops

_LARGEST_STORED_RANGE = 1 << 16


@rule(ops.Embedding)
def embedding(at: OnnxRuleContext, op: ops.Embedding) -> str:
    return at.emit("Gather", at.weight("weight"), at["input"], axis=0)


@rule(ops.SinusoidalEmbedding)
def sinusoidal_embedding(at: OnnxRuleContext, op: ops.SinusoidalEmbedding) -> str:
    """In float32 whatever the type of the timestep; the frequencies are constants."""
    times = at["input"] if at.type.dtype == "float32" else at.emit("Cast", at["input"], to=1)
    column = at.emit("Unsqueeze", times, at.constant([1]))
    angles = at.emit("Mul", column, at.constant(frequencies(op)[None]))
    waves = (at.emit("Sin", angles), at.emit("Cos", angles))
    return at.emit("Concat", *(waves[::-1] if op.flip_sin_to_cos else waves), axis=1)


def frequencies(op: ops.SinusoidalEmbedding) -> Array:
    """max_period ** (-k / (dim / 2 - freq_shift)), its exponent rounded to float32 as everywhere these are computed.

    At t = 1000 that rounding moves an angle by up to 5e-4, more than all else in a network.
    """
    half = op.dim // 2
    exponents = np.float32(-math.log(op.max_period)) * np.arange(half, dtype=np.float32)
    return np.exp((exponents / np.float32(half - op.freq_shift)).astype(np.float64)).astype(np.float32)


@rule(ops.Arange)
def arange(at: OnnxRuleContext, op: ops.Arange) -> str:
    """Fractions are computed as torch does, in float64."""
    (count,) = at.result.shape
    if isinstance(count, int) and not isinstance(op.start, Size) and count <= _LARGEST_STORED_RANGE:
        made = np.arange(count) * op.step + op.start
        return at.constant(made.astype(at.result.dtype))
    if isinstance(op.start, float) or isinstance(op.step, float):
        raise ExportError("a range of so many fractions cannot be stored", received=f"{count} numbers")
    found = counting(at, count)
    if op.step != 1:
        found = at.emit("Mul", found, at.scalar(op.step, "int64"))
    return found if op.start == 0 else at.emit("Add", found, at.sizes.scalar(op.start))


def counting(at: OnnxRuleContext, end: Dim) -> str:
    """0, 1, … end - 1 as int64, once for each size."""
    if isinstance(end, int) and end <= _LARGEST_STORED_RANGE:
        return at.constant(np.arange(end, dtype=np.int64))
    return at.emission.shared(("range", end), lambda: _range(at, end))


def _range(at: OnnxRuleContext, end: Dim) -> str:
    wish = f"ranges/{end}"
    last = at.emission.add("Squeeze", [at.sizes.scalar(end)], wish)
    return at.emission.add("Range", [at.scalar(0, "int64"), last, at.scalar(1, "int64")], wish)
