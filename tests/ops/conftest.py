"""The parameter of tests that run once for each operation that has a drawer."""

from __future__ import annotations

import pytest
from operation_drawers.families import DRAWERS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`drawn` runs a test once for each operation that has a drawer; it holds the name and the function."""
    if "drawn" in metafunc.fixturenames:
        metafunc.parametrize("drawn", sorted(DRAWERS.items()), ids=sorted(DRAWERS))
