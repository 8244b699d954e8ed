"""Which numbers an argument may stand for, told by its name: a stride is no dimension, and a depth no size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

DIMENSIONS = frozenset({"dim", "dim0", "dim1", "start_dim", "end_dim"})
"""Roles of dimensions."""
PLACES = DIMENSIONS | {"start", "end", "step", "index"}
"""Roles of dimensions and places. Of the few instances that have a part, each may equal an argument by accident."""
AXES = frozenset({"shape", "sizes", "size", "output_size", "split_size", "pad"})
"""Roles of the sizes that shapes are made of: where some instances lack the part, so may those of the others."""
_OF_DIMENSIONS = frozenset({"dim", "dims", "dimension", "axis", "axes"})
_OF_COUNTS = frozenset(
    {"depth", "depths", "layer", "layers", "blocks", "dilation", "groups", "padding", "stride", "strides"}
)
_RATIOS = frozenset({"ratio", "ratios", "factor", "expansion", "multiplier"})
_WORD = re.compile(r"[A-Za-z]+")


@lru_cache(1 << 10)
def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(name.replace("_", " ")))


def may_stand_for(name: str, role: str) -> bool:
    """Whether a number of this role may be an argument of this name; equal numbers of other kinds are accidents."""
    words = _words(name)
    if role in DIMENSIONS:
        return not words.isdisjoint(_OF_DIMENSIONS)
    if role == "step":
        return words.isdisjoint(_OF_COUNTS - {"stride", "strides"})
    return role not in PLACES | AXES or words.isdisjoint(_OF_COUNTS)


def whole_ratio(name: str, values: Sequence[Any]) -> list[Any]:
    """The values of an argument of this name; ratios that are whole everywhere as whole numbers (4.0 → 4)."""
    plain = all(type(value) in (int, float) and value > 0 and value == int(value) for value in values)
    return [int(value) for value in values] if plain and not _words(name).isdisjoint(_RATIOS) else list(values)
