"""The drawers of all families, by operation."""

from __future__ import annotations

from operation_drawers import (
    algebra,
    convolution,
    elementwise,
    normalization,
    pooling,
    rearranging,
    recurrence,
    reduction,
    resampling,
    shape,
)
from operation_drawers.sampling import Drawer

FAMILIES = (
    *(algebra, convolution, elementwise, normalization, pooling),
    *(rearranging, recurrence, reduction, resampling, shape),
)
DRAWERS: dict[str, Drawer] = {name: drawer for family in FAMILIES for name, drawer in family.DRAWERS.items()}
assert len(DRAWERS) == sum(len(family.DRAWERS) for family in FAMILIES), "two families draw one operation"
