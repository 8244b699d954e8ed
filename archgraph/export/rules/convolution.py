"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.resize import padded
from archgraph.ops import convolution as ops


@rule(ops.Convolution)
def convolution(at: OnnxRuleContext, op: ops.Convolution) -> str:
    """Conv pads with zeros itself; other paddings come before it."""
    x, sides = at["input"], op.sides
    if op.padding_mode != "zeros" and any(map(any, sides)):
        x, sides = padded(at, x, ((0, 0), (0, 0), *sides), op.padding_mode), ((0, 0),) * op.axes
    kernel = at.weight("weight")
    bias = (at.weight("bias"),) if op.bias else ()
    return at.emit(
        "Conv",
        x,
        kernel,
        *bias,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*(before for before, _ in sides), *(after for _, after in sides)),
        dilations=op.dilation,
        group=op.groups,
    )


@rule(ops.TransposedConvolution)
def transposed(at: OnnxRuleContext, op: ops.TransposedConvolution) -> str:
    """output_padding first takes back padding at the end; ONNX Runtime wants what remains below the stride."""
    taken = _taken_back(op)
    beyond = any(op.output_padding[i] - taken[i] >= op.stride[i] for i in range(op.axes))
    starts = [0] * op.axes if beyond else op.padding  # nothing may be left before what is added behind
    return _transposed(at, op, taken, starts)


@rule(ops.TransposedConvolution, CUDA)
def transposed_padded_alike(at: OnnxRuleContext, op: ops.TransposedConvolution) -> str:
    """CUDA's kernel takes the same padding at both ends only; the stride bounds what output_padding adds to it. Beyond,
    the smaller padding stands at both ends, and what it leaves too much at the beginning is cut off."""
    if all(op.output_padding[i] < op.stride[i] for i in range(op.axes)):
        return _transposed(at, op, [0] * op.axes, op.padding)
    taken = _taken_back(op)
    return _transposed(at, op, taken, [op.padding[i] - taken[i] for i in range(op.axes)])


def _taken_back(op: ops.TransposedConvolution) -> list[int]:
    return [min(op.padding[i], op.output_padding[i]) for i in range(op.axes)]


def _transposed(at: OnnxRuleContext, op: ops.TransposedConvolution, taken: Sequence[int], starts: Sequence[int]) -> str:
    """ConvTranspose, where output_padding has taken back that much of the padding at the end. What `starts` pads less
    than the operation does is cut off."""
    axes = range(op.axes)
    ends = [op.padding[i] - taken[i] for i in axes]
    cut = [starts[i] - op.padding[i] for i in axes]
    extra = tuple(op.output_padding[i] - taken[i] for i in axes)
    beyond = any(extra[i] >= op.stride[i] for i in axes)
    kernel = at.weight("weight")
    bias = (at.weight("bias"),) if op.bias and not beyond else ()
    result = at.emit(
        "ConvTranspose",
        at["input"],
        kernel,
        *bias,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*starts, *ends),
        output_padding=(0,) * op.axes if beyond else extra,
        dilations=op.dilation,
        group=op.groups,
    )
    if not beyond:
        return padded(at, result, ((0, 0), (0, 0), *((start, 0) for start in cut)), "constant")
    result = padded(at, result, ((0, 0), (0, 0), *zip(cut, extra, strict=True)), "constant")
    return at.emit("Add", result, at.weight("bias", (op.out_channels, *(1,) * op.axes))) if op.bias else result
