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
    return _transposed(at, op, [min(op.padding[i], op.output_padding[i]) for i in range(op.axes)])


@rule(ops.TransposedConvolution, CUDA)
def transposed_padded_alike(at: OnnxRuleContext, op: ops.TransposedConvolution) -> str:
    """CUDA's kernel takes the same padding at both ends only; the stride bounds what output_padding adds to it."""
    alike = all(op.output_padding[i] < op.stride[i] for i in range(op.axes))
    return _transposed(at, op, [0] * op.axes) if alike else transposed(at, op)


def _transposed(at: OnnxRuleContext, op: ops.TransposedConvolution, taken: Sequence[int]) -> str:
    """ConvTranspose, where output_padding has taken back that much of the padding at the end."""
    axes = range(op.axes)
    ends = [op.padding[i] - taken[i] for i in axes]
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
        pads=(*op.padding, *ends),
        output_padding=(0,) * op.axes if beyond else extra,
        dilations=op.dilation,
        group=op.groups,
    )
    if not beyond:
        return result
    result = padded(at, result, ((0, 0), (0, 0), *((0, more) for more in extra)), "constant")
    return at.emit("Add", result, at.weight("bias", (op.out_channels, *(1,) * op.axes))) if op.bias else result
