"""How an input is described: its sizes, fixed or free, and its element type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch

from archgraph.errors import ImportingError

Sizes: TypeAlias = tuple[str | int, ...]
_NAME = re.compile(r"[^\W\d]\w*(\.\w+)*\Z")
"""A parameter of the forward, and what leads to the tensor inside: `x`, `features.0`, `batch.image`."""
_VALUES = frozenset({"true", "false", "none", "null"})
"""Words that are values of arguments and name no size."""
_SIZE = re.compile(r"(?:(\d+)\*)?([A-Za-z_]\w*)\Z")


@dataclass(frozen=True, slots=True)
class InputDescription:
    """`N,3,H,W:int64`: numbers are fixed sizes, names free ones, `8*H` a multiple of one."""

    sizes: Sizes
    dtype: str = "float32"

    @property
    def names(self) -> list[str]:
        """The names of its free sizes."""
        return [_parts(size)[1] for size in self.sizes if isinstance(size, str)]

    def shape(self, numbers: Mapping[str, int]) -> list[int]:
        """The shape with numbers for the names."""
        return [_number(size, numbers) if isinstance(size, str) else size for size in self.sizes]


def described(text: str) -> tuple[str, InputDescription]:
    """`x=N,3,H,W` or `ids=N,L:int64`. Raises ImportingError."""
    name, equals, rest = text.partition("=")
    shape, _, dtype = rest.partition(":")
    sizes = [size.strip() for size in shape.split(",")] if shape.strip() else []
    numbers = [int(size) for size in sizes if size.isdecimal()]
    named = all(size.isdecimal() or _SIZE.match(size) for size in sizes)
    if not equals or not _NAME.match(name) or not named or 0 in numbers:
        raise ImportingError("an input is NAME=SIZES", expected="x=N,3,H,W or ids=N,L:int64", received=text)
    if len(sizes) == 1 and sizes[0].lower() in _VALUES:
        raise ImportingError(
            f"{name} is given a value: an input is a tensor, told by its sizes",
            expected=f"{name}=N,3,H,W or {name}=N,L:int64",
            received=text,
            hint="what is no tensor keeps its default; a module around it may call it with another value",
        )
    if not isinstance(getattr(torch, dtype or "float32", None), torch.dtype):
        raise ImportingError(f"'{dtype}' is no element type", expected="float32, int64, bool, …")
    return name, InputDescription(tuple(int(s) if s.isdecimal() else s for s in sizes), dtype or "float32")


def _parts(size: str) -> tuple[int, str]:
    match = _SIZE.match(size)
    assert match is not None
    return int(match[1] or 1), match[2]


def _number(size: str, numbers: Mapping[str, int]) -> int:
    factor, name = _parts(size)
    return factor * numbers[name]
