"""Safetensors files: the header is checked whole before a tensor is touched, and no tensor is read before it is asked
for."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from archgraph.errors import WeightsError
from archgraph.weights.element_types import SAFETENSORS_NAMES, numpy_type
from archgraph.weights.open_files import FileRange, OpenFile
from archgraph.weights.tensors import LazyTensor, of_bytes

LARGEST_HEADER = 100_000_000
MOST_DIMENSIONS = 16
_START = 64
"""As many bytes tell a text."""
METADATA = "__metadata__"
PACKED = {"F4": "4 bits", "F6_E2M3": "6 bits", "F6_E3M2": "6 bits", "F8_E8M0": "scales of 8 bits"}
"""Element types of quantised weights, of which a tensor does not hold the numbers itself."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tensor of the header: its type, its shape and its bytes, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile:
    """A file and its header. Raises WeightsError where it is not a whole and consistent safetensors file."""

    def __init__(self, path: str | Path):
        self.file = OpenFile(path)
        header = self._header()
        noted = header.get(METADATA)
        self.metadata = {str(key): str(value) for key, value in noted.items()} if isinstance(noted, dict) else {}
        self._entries = {key: self._entry(key, value) for key, value in header.items() if key != METADATA}
        self._require_gapless()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.file.path

    def tensors(self) -> dict[str, LazyTensor]:
        """Its tensors by key, in the order of its header."""
        return {key: self._tensor(key, entry) for key, entry in self._entries.items()}

    def _tensor(self, key: str, entry: _Entry) -> LazyTensor:
        extent = FileRange(self.file.handle, self._start + entry.begin, entry.end - entry.begin, self.file)
        return of_bytes(entry.dtype, entry.shape, extent, f"{self.path.name}: {key}")

    def _refuse(self, problem: str, expected: str = "", received: str = "") -> WeightsError:
        message = f"'{self.path}' is not a whole safetensors file: {problem}"
        return WeightsError(message, expected=expected, received=received)

    def _header(self) -> Mapping[str, Any]:
        size = self.file.size
        if not size:
            raise self._refuse("it is empty", "a safetensors file")
        length = int.from_bytes(self.file.read(0, min(size, 8)).tobytes(), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            if self._is_text():
                raise WeightsError(f"'{self.path}' holds text and no tensors", expected="a safetensors file")
            raise self._refuse("the header is longer than the file", "a safetensors file", f"{size} bytes")
        text = self.file.read(8, length).tobytes()
        self._start, self._length = 8 + length, size - 8 - length
        try:
            header = json.loads(text.decode("utf-8"), object_pairs_hook=self._distinct)
        except (ValueError, RecursionError):
            raise self._refuse("the header is not JSON", "a safetensors file") from None
        if not isinstance(header, dict):
            raise self._refuse("the header is not a JSON object", "a safetensors file")
        return header

    def _is_text(self) -> bool:
        """Whether it begins as a text does: with nothing but characters in UTF-8, none of them a control."""
        start = self.file.read(0, min(self.file.size, _START)).tobytes()
        read = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(start)  # the last may be cut
        return all(each.isprintable() or each.isspace() for each in read) and "\ufffd" not in read

    def _distinct(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise self._refuse("the header names a tensor twice")
        return found

    def _entry(self, key: str, value: Any) -> _Entry:
        if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= value.keys():
            raise self._refuse(f"'{key}' lacks its dtype, shape or data_offsets")
        shape, offsets, kind = value["shape"], value["data_offsets"], value["dtype"]
        if not isinstance(kind, str) or kind not in SAFETENSORS_NAMES:
            raise self._unknown_type(key, kind)
        if not _naturals(shape) or len(shape) > MOST_DIMENSIONS or not _naturals(offsets) or len(offsets) != 2:
            raise self._refuse(f"the shape or the offsets of '{key}' are not lists of whole numbers")
        dtype = SAFETENSORS_NAMES[kind]
        needed = prod(shape) * numpy_type(dtype).itemsize
        if offsets[1] - offsets[0] != needed or offsets[1] > self._length:
            raise self._refuse(
                f"the bytes of '{key}' do not match its shape or lie outside of the file",
                f"{needed} bytes within the {self._length} of the data",
                f"bytes {offsets[0]} to {offsets[1]}",
            )
        return _Entry(dtype, tuple(shape), offsets[0], offsets[1])

    def _unknown_type(self, key: str, kind: Any) -> WeightsError:
        if isinstance(kind, str) and kind in PACKED:
            return WeightsError(
                f"'{self.path}' is quantised: '{key}' holds {PACKED[kind]} a number ({kind}), not its numbers",
                expected="weights in float32, bfloat16, float16 or float8",
            )
        known = ", ".join(SAFETENSORS_NAMES)
        return self._refuse(f"the element type of '{key}' is not known", known, str(kind)[:40])

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
