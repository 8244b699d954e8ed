"""Reads safetensors files without copying them: the header is checked whole before a tensor is touched."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.errors import WeightsError

LARGEST_HEADER = 100_000_000
MOST_DIMENSIONS = 16
_DROP = getattr(mmap, "MADV_DONTNEED", None)
_BRING = 22 if sys.platform == "linux" else None
"""MADV_POPULATE_READ, which Python has no name for: all pages of a tensor at once, not one fault after the other."""
DTYPES = {
    "F64": ("float64", "<f8"),
    "F32": ("float32", "<f4"),
    "F16": ("float16", "<f2"),
    "BF16": ("bfloat16", "<u2"),  # numpy has none of these three: their bits are read
    "F8_E4M3": ("float8_e4m3fn", "<u1"),
    "F8_E5M2": ("float8_e5m2", "<u1"),
    "I64": ("int64", "<i8"),
    "I32": ("int32", "<i4"),
    "I16": ("int16", "<i2"),
    "I8": ("int8", "<i1"),
    "U8": ("uint8", "<u1"),
    "BOOL": ("bool", "<u1"),
}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor of the file: element type, shape and the bytes it takes, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    stored: str


_NOTHING = TensorEntry("", (), 0, 0, "")


class SafetensorsFile:
    """A memory-mapped file. Raises WeightsError where it is not a whole and consistent safetensors file.

    Only the tensor that was asked for last stays in memory: the pages of the one before are given back, and are read
    again where somebody still looks at it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._handle = self._opened()
        weakref.finalize(self, os.close, self._handle)
        header = self._header()
        self._entries = {key: self._entry(key, value) for key, value in header.items() if key != "__metadata__"}
        self._require_gapless()
        self._map = mmap.mmap(self._handle, self._start + self._length, access=mmap.ACCESS_READ)
        self._shown = _NOTHING

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, key: str) -> TensorEntry:
        """What the header says of a tensor."""
        return self._entries[key]

    def raw(self, key: str) -> Array:
        """A tensor as it is stored, backed by the file; of a type that numpy lacks, its bits."""
        found = self._entries[key]
        if found != self._shown:
            self.give_back()
            self._advise(found, _BRING)
            self._shown = found
        piece = np.frombuffer(self._map, np.uint8, found.end - found.begin, self._start + found.begin)
        return piece.view(found.stored).reshape(found.shape)

    def extent(self, key: str) -> ByteRange:
        """Where the bytes of a tensor lie."""
        found = self._entries[key]
        return ByteRange(self._handle, self._start + found.begin, found.end - found.begin)

    def give_back(self) -> None:
        """The tensor that was asked for last leaves the memory."""
        self._advise(self._shown, _DROP)
        self._shown = _NOTHING

    def _advise(self, entry: TensorEntry, advice: int | None) -> None:
        begin = (self._start + entry.begin) // mmap.PAGESIZE * mmap.PAGESIZE
        if entry.end > entry.begin and advice is not None:
            with contextlib.suppress(OSError):  # systems that do not know it do without
                self._map.madvise(advice, begin, self._start + entry.end - begin)

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._refuse(error.strerror or str(error)) from None

    def _refuse(self, problem: str, expected: str = "", received: str = "") -> WeightsError:
        return WeightsError(f"{self.path} cannot be read: {problem}", expected=expected, received=received)

    def _header(self) -> Mapping[str, Any]:
        try:
            size = os.fstat(self._handle).st_size
            with os.fdopen(self._handle, "rb", closefd=False) as file:
                length = int.from_bytes(file.read(8), "little")
                if size < 8 or length > min(size - 8, LARGEST_HEADER):
                    raise self._refuse("the header is longer than the file", "a safetensors file", f"{size} bytes")
                text = file.read(length)
        except OSError as error:
            raise self._refuse(error.strerror or str(error)) from None
        self._start, self._length = 8 + length, size - 8 - length
        return self._parsed(text)

    def _parsed(self, text: bytes) -> Mapping[str, Any]:
        try:
            header = json.loads(text.decode("utf-8"), object_pairs_hook=self._distinct)
        except (ValueError, RecursionError):
            raise self._refuse("the header is not JSON", "a safetensors file") from None
        if not isinstance(header, dict):
            raise self._refuse("the header is not a JSON object", "a safetensors file")
        return header

    def _distinct(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise self._refuse("the header names a tensor twice")
        return found

    def _entry(self, key: str, value: Any) -> TensorEntry:
        if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= value.keys():
            raise self._refuse(f"'{key}' lacks its dtype, shape or data_offsets")
        shape, offsets = value["shape"], value["data_offsets"]
        if not isinstance(value["dtype"], str) or value["dtype"] not in DTYPES:
            raise self._refuse(f"the element type of '{key}' is not known", ", ".join(DTYPES), str(value["dtype"])[:40])
        if not _naturals(shape) or len(shape) > MOST_DIMENSIONS or not _naturals(offsets) or len(offsets) != 2:
            raise self._refuse(f"the shape or the offsets of '{key}' are not lists of whole numbers")
        dtype, stored = DTYPES[value["dtype"]]
        needed = prod(shape) * np.dtype(stored).itemsize
        if offsets[1] - offsets[0] != needed or offsets[1] > self._length:
            raise self._refuse(
                f"the bytes of '{key}' do not match its shape or lie outside of the file",
                f"{needed} bytes within the {self._length} of the data",
                f"bytes {offsets[0]} to {offsets[1]}",
            )
        return TensorEntry(dtype, tuple(shape), offsets[0], offsets[1], stored)

    def _require_gapless(self) -> None:
        """Every byte of the data belongs to exactly one tensor."""
        place = 0
        for key, entry in sorted(self._entries.items(), key=lambda item: (item[1].begin, item[1].end)):
            if entry.begin != place:
                kind = "overlaps the tensor before it" if entry.begin < place else "leaves a gap before it"
                raise self._refuse(f"'{key}' {kind}", f"byte {place}", f"byte {entry.begin}")
            place = entry.end
        if place != self._length:
            raise self._refuse("the data is longer or shorter than its tensors", f"{place} bytes", f"{self._length}")


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
