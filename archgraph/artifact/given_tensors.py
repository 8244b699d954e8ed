"""Whether a mapping that stands for weights holds tensors; without torch, which need not be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archgraph.errors import Problem, WeightsError

_MOST_PROBLEMS = 8


def require_tensors(given: Mapping[Any, Any]) -> None:
    """Raises WeightsError for what is no tensor and no array of numbers, and for tensors without values to take."""
    problems = [problem for key, value in given.items() if (problem := _unusable(key, value))]
    if problems:
        rest = len(problems) - _MOST_PROBLEMS
        more = [Problem(f"and {rest} more like these")] if rest > 0 else []
        raise WeightsError(*problems[:_MOST_PROBLEMS], *more)


def _unusable(key: object, value: Any) -> Problem | None:
    if not isinstance(key, str):
        return Problem("the weights must have names", expected="tensors by name", received=repr(key)[:80])
    if isinstance(value, Mapping):
        hint = f"hand over what it holds under {key!r}"
        return Problem(f"'{key}' is a mapping, and no tensor", expected="tensors by name", hint=hint)
    if isinstance(value, (np.ndarray, np.generic)):
        kind = value.dtype
        usable = kind.kind in "biuf" and kind.itemsize <= 8 and kind.isnative
        return None if usable else _no_tensor(key, f"an array of {kind}")
    if not hasattr(value, "layout"):
        return _no_tensor(key, type(value).__name__)
    if value.is_meta:
        return Problem(f"'{key}' lies on the meta device and has no values", hint="load weights first")
    if value.is_quantized or str(value.layout) != "torch.strided":
        kind, dense = ("quantised", "dequantize") if value.is_quantized else ("sparse", "to_dense")
        return Problem(f"'{key}' is {kind}", expected="a tensor that holds every number", hint=f"call its {dense}()")
    return None


def _no_tensor(key: str, received: str) -> Problem:
    return Problem(f"'{key}' is no tensor", expected="a tensor, or an array of numbers", received=received)
