"""The element types of weights, under torch's names; numpy has those that it lacks from ml_dtypes.

A network's fractions take fractions of any type, its whole numbers whole numbers. Widening (bfloat16, float16 and the
four forms of float8 to float32) is exact; narrowing rounds to the nearest, ties to even.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from archgraph.artifact.arrays import Array

SAFETENSORS_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""What a safetensors file calls each type."""

FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
FLOATS = ("float16", "bfloat16", "float32", "float64", *FLOAT8)
FROM_ML_DTYPES = ("bfloat16", *FLOAT8)
"""Types that numpy lacks."""


@cache
def numpy_type(name: str) -> np.dtype[Any]:
    """The element type of an array that holds exactly these numbers."""
    return np.dtype(getattr(ml_dtypes, name) if name in FROM_ML_DTYPES else name)


def type_name(array: Array) -> str:
    """The element type of an array, under torch's name."""
    return str(array.dtype)


def same_kind(one: str, other: str) -> bool:
    """Whether numbers of one type may stand for those of another: fractions, whole numbers, or truth values."""
    return _kind(one) == _kind(other)


def _kind(name: str) -> str:
    return "fraction" if name in FLOATS else "truth value" if name == "bool" else "whole number"


def without_ml_dtypes(array: Array) -> Array:
    """The numbers in a type that numpy has itself: float32 for those that it lacks."""
    return array.astype(np.float32) if type_name(array) in FROM_ML_DTYPES else array
