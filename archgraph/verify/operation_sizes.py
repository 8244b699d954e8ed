"""An operation at given sizes: numbers in the place of symbols among its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.dims import Size, evaluate
from archgraph.ops.contract import Operation


def at_sizes(op: Operation, sizes: Mapping[str, int]) -> Operation:
    """The operation with numbers for the sizes among its attributes."""
    return op.model_copy(update={name: _numbers(getattr(op, name), sizes) for name in type(op).model_fields})


def _numbers(value: Any, sizes: Mapping[str, int]) -> Any:
    if isinstance(value, Size):
        return evaluate(value, sizes)
    return tuple(_numbers(item, sizes) for item in value) if isinstance(value, tuple) else value
