"""The drawers of all families, and the parameter of tests that run once for each of them."""

from __future__ import annotations

import pytest
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`drawn` runs a test once for each operation that has a drawer; it holds the name and the function."""
    if "drawn" in metafunc.fixturenames:
        metafunc.parametrize("drawn", sorted(DRAWERS.items()), ids=sorted(DRAWERS))
