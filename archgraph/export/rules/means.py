"""Means and sums of many numbers, a dimension after another where there are very many.

ONNX Runtime's kernels on the CPU add the numbers of a window one after another, and those of whole dimensions in a few
lanes, so that roundings grow with their number. A mean of means is the same mean, adds few numbers at a time, and is no
slower where there are many. docs/profiles.md has the errors that were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archgraph.dims import product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import Attribute

_MOST_IN_A_WINDOW = 64
"""Numbers of a window that are added at once."""
_MANY = 64 * 64
"""Of more numbers, two reductions take no longer than one."""
_IN_PARTS = ("float32", "float64")
"""Types in which a result may be rounded between two operators: low ones would lose what their sums hold."""


@dataclass(frozen=True, slots=True)
class AveragedWindows:
    """Windows of an image, by dimension; `pads` are those in front of each dimension, then those behind each."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...] = ()
    count_pads: bool = False

    def along(self, axis: int) -> AveragedWindows:
        """The windows of one dimension, which leave the others as they are."""
        rank = len(self.sizes)

        def only(values: Sequence[int], other: int) -> tuple[int, ...]:
            return tuple(value if i % rank == axis else other for i, value in enumerate(values))

        return replace(self, sizes=only(self.sizes, 1), strides=only(self.strides, 1), pads=only(self.pads, 0))


def means_of_windows(at: OnnxRuleContext, x: str, windows: AveragedWindows, at_once: bool = False) -> str:
    """The mean of each window; a dimension after another where the windows are large, unless `at_once`. The numbers of
    a window that count are a box, so that this is the same."""
    rank = len(windows.sizes)
    if at_once or rank == 1 or few_numbers(windows.sizes) or at.type.dtype not in _IN_PARTS:
        return _pooled(at, x, windows)
    for axis in range(rank):
        if windows.sizes[axis] > 1 or windows.strides[axis] > 1:
            x = _pooled(at, x, windows.along(axis))
    return x


def few_numbers(sizes: Sequence[int]) -> bool:
    """Whether a window of these sizes holds so few numbers that their order matters little; 0 is a size that is not
    known."""
    return 0 < product(sizes) <= _MOST_IN_A_WINDOW


def _pooled(at: OnnxRuleContext, x: str, windows: AveragedWindows) -> str:
    how: dict[str, Attribute] = {"kernel_shape": windows.sizes, "strides": windows.strides}
    if windows.pads:
        how |= {"pads": windows.pads, "count_include_pad": int(windows.count_pads)}
    return at.emit("AveragePool", x, **how)


def mean_of_image(at: OnnxRuleContext, x: str) -> str:
    """[N, C, 1, …] of [N, C, …]. Volumes slice by slice first."""
    rank = len(at.shape)
    every = tuple(range(2, rank))
    if len(every) > 2 and at.type.dtype in _IN_PARTS:
        x = at.emit("ReduceMean", x, at.constant(every[1:]), keepdims=1)
        return reduced_at_once(at, "ReduceMean", x, every, True)
    if not _in_two(at, every) and _is_transposed(at, x):
        return at.emit("GlobalAveragePool", x)
    return reduced(at, "ReduceMean", x, every, True)


def _is_transposed(at: OnnxRuleContext, x: str) -> bool:
    """Whether a Transpose makes it. ONNX Runtime moves that behind a reduction, whose kernel then adds row by row: 40
    roundings for 2,720 tokens where the pool is off by 10. It moves none behind a pool."""
    made = next((node for node in reversed(at.emission.program.nodes) if x in node.outputs), None)
    return made is not None and made.kind == "Transpose"


def reduced(at: OnnxRuleContext, kind: str, x: str, axes: Sequence[int], keep: bool) -> str:
    """ReduceMean or ReduceSum over dimensions; over the last of them behind the others where they are known to
    hold very many numbers."""
    if _in_two(at, axes):
        x = at.emit(kind, x, at.constant(axes[:-1]), keepdims=1)
    return reduced_at_once(at, kind, x, axes, keep)


def _in_two(at: OnnxRuleContext, axes: Sequence[int]) -> bool:
    count = product(at.shape[axis] for axis in axes)
    return len(axes) > 1 and at.type.dtype in _IN_PARTS and isinstance(count, int) and count > _MANY


def reduced_at_once(at: OnnxRuleContext, kind: str, x: str, axes: Sequence[int], keep: bool) -> str:
    """Any reduction over dimensions, by one operator."""
    return at.emit(kind, x, at.constant(axes), keepdims=int(keep))
