"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.resize import padded
from archgraph.ops import convolution as ops


@rule(ops.Conv1d)
@rule(ops.Conv2d)
def convolution(at: OnnxRuleContext, op: ops.Convolution) -> str:
    """Conv pads with zeros itself; other paddings come before it."""
    x, pads = at["input"], op.padding
    if op.padding_mode != "zeros" and any(pads):
        sides = ((0, 0), (0, 0), *((pad, pad) for pad in pads))
        x, pads = padded(at, x, sides, op.padding_mode), (0,) * len(pads)
    kernel = at.weight("weight")
    bias = (at.weight("bias"),) if op.bias else ()
    return at.emit(
        "Conv",
        x,
        kernel,
        *bias,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*pads, *pads),
        dilations=op.dilation,
        group=op.groups,
    )


@rule(ops.ConvTranspose2d)
def conv_transpose2d(at: OnnxRuleContext, op: ops.ConvTranspose2d) -> str:
    """output_padding first takes back padding at the end; ONNX Runtime wants what remains below the stride."""
    return _transposed(at, op, [min(op.padding[i], op.output_padding[i]) for i in range(2)])


@rule(ops.ConvTranspose2d, CUDA)
def conv_transpose2d_padded_alike(at: OnnxRuleContext, op: ops.ConvTranspose2d) -> str:
    """CUDA's kernel takes the same padding at both ends only; the stride bounds what output_padding adds to it."""
    alike = all(op.output_padding[i] < op.stride[i] for i in range(2))
    return _transposed(at, op, [0, 0]) if alike else conv_transpose2d(at, op)


def _transposed(at: OnnxRuleContext, op: ops.ConvTranspose2d, taken: Sequence[int]) -> str:
    """ConvTranspose, where output_padding has taken back that much of the padding at the end."""
    ends = [op.padding[i] - taken[i] for i in range(2)]
    extra = tuple(op.output_padding[i] - taken[i] for i in range(2))
    beyond = any(extra[i] >= op.stride[i] for i in range(2))
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
        output_padding=(0, 0) if beyond else extra,
        dilations=op.dilation,
        group=op.groups,
    )
    if not beyond:
        return result
    result = padded(at, result, ((0, 0), (0, 0), (0, extra[0]), (0, extra[1])), "constant")
    return at.emit("Add", result, at.weight("bias", (op.out_channels, 1, 1))) if op.bias else result
