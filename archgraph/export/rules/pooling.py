"""Pooling over windows in one, two and three dimensions; adaptive pooling: adaptive_pooling.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext, Results
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.adaptive_pooling import averaged_areas, largest_of_areas
from archgraph.export.rules.means import AveragedWindows, means_of_windows
from archgraph.export.rules.resize import padded
from archgraph.ops import pooling as ops


def _overhang(op: ops.WindowPool, padding: Sequence[int], reach: Sequence[int]) -> tuple[int, ...]:
    """What ceil_mode adds after the input, so that rounding down gives torch's windows for every size.

    torch rounds up, but drops a window that would start in the padding behind the input. Both rules are rounding down
    with a constant padding: padding + stride - 1 and reach - 1; the smaller one decides.
    """
    return tuple(min(padding[i] + op.strides[i] - 1, reach[i] - 1) for i in range(op.axes))


@rule(ops.MaxPool)
def max_pool(at: OnnxRuleContext, op: ops.MaxPool) -> Results:
    reach = tuple(op.dilation[i] * (op.kernel_size[i] - 1) + 1 for i in range(op.axes))
    after = _overhang(op, op.padding, reach) if op.ceil_mode else op.padding
    x, pads, more = at["input"], (*op.padding, *after), (0,) * op.axes
    if not all(after[i] < op.kernel_size[i] for i in range(op.axes)):  # ONNX Runtime refuses wider padding
        more = tuple(wide - usual for wide, usual in zip(after, op.padding, strict=True))
        x = padded(at, x, ((0, 0), (0, 0), *((0, wide) for wide in more)), "constant", -math.inf)
        pads = (*op.padding, *op.padding)
    made = at.emit_many(
        "MaxPool",
        len(op.results),
        x,
        kernel_shape=op.kernel_size,
        strides=op.strides,
        pads=pads,
        dilations=op.dilation,
    )
    return (made[0], _places(at, made[1], at.shape[2:], more)) if op.return_indices else made[0]


def _places(at: OnnxRuleContext, found: str, sizes: Sequence[Dim], more: Sequence[int]) -> str:
    """Places in an image without the padding of our own behind each dimension. ONNX counts through all samples and
    channels."""
    if not any(more):
        return at.emit("Mod", found, at.sizes.scalar(product(sizes)))
    terms = []
    for axis in reversed(range(len(sizes))):
        wide = at.sizes.scalar(sizes[axis] + more[axis])
        terms.append(at.emit("Mul", at.emit("Mod", found, wide), at.sizes.scalar(product(sizes[axis + 1 :]))))
        found = at.emit("Div", found, wide)
    return reduce(lambda one, other: at.emit("Add", one, other), terms)


@rule(ops.AvgPool)
def avg_pool(at: OnnxRuleContext, op: ops.AvgPool, at_once: bool = False) -> str:
    return _averaged(at, at["input"], op, (op.padding, op.ceil_mode, op.count_include_pad), at_once)


rule(ops.AvgPool, CUDA)(partial(avg_pool, at_once=True))


def _averaged(
    at: OnnxRuleContext, x: str, op: ops.WindowPool, edges: tuple[tuple[int, ...], bool, bool], at_once: bool
) -> str:
    """With ceil_mode the part of a window beyond the padding never counts, and the padding only where it is asked."""
    padding, ceil_mode, count_pads = edges
    windows = AveragedWindows(op.kernel_size, op.strides, (*padding, *padding), count_pads)
    if not ceil_mode:
        return means_of_windows(at, x, windows, at_once)
    after = _overhang(op, padding, op.kernel_size)
    if not count_pads or not any(padding):
        return means_of_windows(at, x, replace(windows, pads=(*padding, *after), count_pads=False), at_once)
    sides = ((0, 0), (0, 0), *((pad, pad) for pad in padding))
    rest = tuple(after[i] - padding[i] for i in range(op.axes))
    wide = replace(windows, pads=(*(0,) * op.axes, *rest), count_pads=False)
    return means_of_windows(at, padded(at, x, sides, "constant"), wide, at_once)


@rule(ops.PowerPool)
def lp_pool(at: OnnxRuleContext, op: ops.PowerPool, at_once: bool = False) -> str:
    """torch's own way, by a mean: ONNX's LpPool takes magnitudes, and counts a window that sticks out otherwise."""
    x = at["input"] if op.norm_type == 1 else at.emit("Pow", at["input"], at.scalar(op.norm_type))
    mean = _averaged(at, x, op, ((0,) * op.axes, op.ceil_mode, True), at_once)
    total = at.emit("Mul", mean, at.scalar(float(product(op.kernel_size))))  # type: ignore[arg-type]
    return total if op.norm_type == 1 else at.emit("Pow", total, at.scalar(1 / op.norm_type))


rule(ops.PowerPool, CUDA)(partial(lp_pool, at_once=True))


@rule(ops.MaxUnpool)
def max_unpool(at: OnnxRuleContext, op: ops.MaxUnpool) -> str:
    """The values of a channel put in their places in a row of zeros."""
    rows = (*at.shape[:2], product(at.shape[2:]))
    made = (*at.shape[:2], product(at.result.shape[2:]))
    values = at.reshape(at["input"], at.shape, rows)
    places = at.reshape(at["indices"], at.shape, rows)
    zeros = at.emit("Expand", at.scalar(0.0), at.dims(made))
    return at.reshape(at.emit("ScatterElements", zeros, places, values, axis=2), made, at.result.shape)


@rule(ops.AdaptiveAvgPool)
def adaptive_avg_pool(at: OnnxRuleContext, op: ops.AdaptiveAvgPool, at_once: bool = False) -> str:
    return averaged_areas(at, at["input"], op.output_size, at_once)


rule(ops.AdaptiveAvgPool, CUDA)(partial(adaptive_avg_pool, at_once=True))


@rule(ops.AdaptiveMaxPool)
def adaptive_max_pool(at: OnnxRuleContext, op: ops.AdaptiveMaxPool) -> str:
    return largest_of_areas(at, at["input"], op.output_size)
