"""Which cases of a long list every run takes, and which are slow: `pytest -m slow` runs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def with_slow(names: Iterable[str], slow: Collection[str]) -> list[Any]:
    """A parameter for each name; those of a kind that another stands for are slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in slow)) for name in names]
