"""Normalisation layers."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import (
    Example,
    Init,
    Inputs,
    Operation,
    Positive,
    TensorType,
    Weight,
    channels_of,
    operation,
)


def scale_and_shift(size: int) -> tuple[Weight, Weight]:
    """The affine weights of a norm over that many channels: ones and zeros."""
    return Weight("weight", (size,), Init("ones")), Weight("bias", (size,), Init("zeros"))


@operation("group_norm")
class GroupNorm(Operation):
    meaning: ClassVar[str] = "Normalises each group of channels of each sample: [N, C, ...] → [N, C, ...]"
    paper: ClassVar[str] = "Wu and He 2018, Group Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_groups": 2}, {"input": TensorType((2, 6, 4, 5))}),
        Example({"num_groups": 1, "eps": 1e-3, "affine": False}, {"input": TensorType((2, 6, 4, 5))}),
    )

    num_groups: Positive
    eps: float = 1e-5
    affine: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if kind.rank < 2:
            raise ShapeError("group_norm needs at least 2 dimensions", expected="[N, C, ...]", received=str(kind))
        channels = channels_of(kind)
        if channels % self.num_groups:
            raise ShapeError(
                "num_groups must divide the channels",
                expected=f"a multiple of {self.num_groups} channels",
                received=f"{channels} channels in {kind}",
            )
        return (kind,)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        if not self.affine or inputs["input"].rank < 2:
            return ()
        return scale_and_shift(channels_of(inputs["input"]))
