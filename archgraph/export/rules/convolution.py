"""Convolutions."""

from __future__ import annotations

from archgraph.export.emission import Site
from archgraph.export.profiles import rule
from archgraph.export.rules.resize import padded
from archgraph.ops import convolution as ops


@rule(ops.Conv1d)
@rule(ops.Conv2d)
def convolution(at: Site, op: ops.Convolution) -> str:
    """Conv pads with zeros itself; other paddings come before it."""
    x, pads = at["input"], op.padding
    if op.padding_mode != "zeros" and any(pads):
        sides = ((0, 0), (0, 0), *((pad, pad) for pad in pads))
        x, pads = padded(at, x, sides, op.padding_mode), (0,) * len(pads)
    bias = (at.weight("bias"),) if op.bias else ()
    return at.emit(
        "Conv",
        x,
        at.weight("weight"),
        *bias,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*pads, *pads),
        dilations=op.dilation,
        group=op.groups,
    )


@rule(ops.ConvTranspose2d)
def conv_transpose2d(at: Site, op: ops.ConvTranspose2d) -> str:
    bias = (at.weight("bias"),) if op.bias else ()
    return at.emit(
        "ConvTranspose",
        at["input"],
        at.weight("weight"),
        *bias,
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        output_padding=op.output_padding,
        dilations=op.dilation,
        group=op.groups,
    )
