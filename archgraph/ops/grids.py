"""Images read at the places of a grid."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Cause, Facts
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Dims
from archgraph.ops.contract import Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import require_rank
from archgraph.ops.traits import Traits

_PLANE, _VOLUME = 4, 5
_IMAGE, _GRID = TensorType((2, 3, 4, 5)), TensorType((2, 3, 2, 2))
_PAPER = "Jaderberg et al. 2015, Spatial Transformer Networks"


@operation("grid_sample", Traits(keeps_float32=True))
class GridSample(Operation):
    meaning: ClassVar[str] = (
        "The image at the places of the grid, whose x and y go from -1 to 1: [N, C, H, W], [N, H', W', 2] → "
        "[N, C, H', W'], or the volume at those of x, y and z"
    )
    paper: ClassVar[str] = _PAPER
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("grid"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": _IMAGE, "grid": _GRID}),
        Example({}, {"input": TensorType((2, 3, 2, 4, 5)), "grid": TensorType((2, 2, 1, 3, 3))}),
        Example({"mode": "nearest", "padding_mode": "border"}, {"input": _IMAGE, "grid": _GRID}),
        Example({"padding_mode": "reflection", "align_corners": True}, {"input": _IMAGE, "grid": _GRID}),
    )

    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, grid = inputs["input"], inputs["grid"]
        if kind.rank != _VOLUME or self.mode == "bicubic":
            require_rank(kind, _PLANE)
        require_rank(grid, kind.rank, "grid")
        if grid.shape[-1] != kind.rank - 2:
            raise ShapeError(
                f"a place of the grid has {kind.rank - 2} coordinates",
                subject="grid",
                expected=f"[N, ..., {kind.rank - 2}]",
                received=str(grid),
            )
        if kind.dtype != grid.dtype:
            raise ShapeError("the element types differ", expected=kind.dtype, received=grid.dtype, subject="grid")
        facts.require_equal(kind.shape[0], grid.shape[0], Cause("each image has its grid", subject="grid"))
        return (TensorType((*kind.shape[:2], *grid.shape[1:-1]), kind.dtype),)


@operation("affine_grid", Traits(keeps_float32=True, result_sizes=("size",)))
class AffineGrid(Operation):
    meaning: ClassVar[str] = (
        "The grid of an affine map for images of a size: [N, 2, 3] → [N, H, W, 2], size = [N, C, H, W], or "
        "[N, 3, 4] → [N, D, H, W, 3], size = [N, C, D, H, W]"
    )
    paper: ClassVar[str] = _PAPER
    ports: ClassVar[tuple[Port, ...]] = (Port("theta"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": [2, 3, 4, 5]}, {"theta": TensorType((2, 2, 3))}),
        Example({"size": [2, 3, 2, 4, 5], "align_corners": True}, {"theta": TensorType((2, 3, 4))}),
    )

    size: Dims
    align_corners: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["theta"]
        axes = len(self.size) - 2
        if len(self.size) not in (_PLANE, _VOLUME):
            raise ShapeError(
                "affine_grid needs the size of an image or of a volume",
                subject="size",
                expected="4 or 5 sizes",
                received=str(TensorType(self.size)),
            )
        if kind.rank != 3 or kind.shape[1:] != (axes, axes + 1):
            raise ShapeError(
                "theta must be an affine map for each image",
                subject="theta",
                expected=f"[N, {axes}, {axes + 1}]",
                received=str(kind),
            )
        facts.require_equal(self.size[0], kind.shape[0], Cause("each image has its map", subject="size"))
        for size in self.size:
            facts.require_at_least(size, 1, Cause("an image must not be empty", subject="size"))
        return (TensorType((kind.shape[0], *self.size[2:], axes), kind.dtype),)
