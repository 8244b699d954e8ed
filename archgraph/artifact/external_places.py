"""Where the weights of an ONNX file lie that are not in it, read without onnx; the weights in it are stepped over.

Each message that may hold a tensor is read through, in node attributes, functions and graphs within graphs too.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from archgraph.errors import ModelFileError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}

# What leads to a tensor, by message and field; the numbers are those of onnx.proto.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _SPARSE, _TENSOR, _ENTRY = range(8)
_WITHIN: Mapping[int, Mapping[int, int]] = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
}
_KEY, _VALUE = 1, 2


def external_places(path: Path) -> tuple[str, ...]:
    """The names of the files that a model has its weights in, as it writes them. Raises ModelFileError for what is no
    ONNX file."""
    try:
        if not path.stat().st_size:  # nothing that could be mapped
            return ()
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return tuple(dict.fromkeys(_places(content, _MODEL, 0, len(content))))
    except (OSError, IndexError, UnicodeDecodeError, RecursionError) as error:
        hint = "export or copy it again"
        received = "it ends too early" if isinstance(error, IndexError) else str(error)
        raise ModelFileError(f"{path} is damaged, or not an ONNX file", received=received, hint=hint) from None


def _places(content: mmap.mmap, kind: int, start: int, end: int) -> Iterator[str]:
    if kind == _ENTRY:
        found = {field: content[first:last] for field, first, last in _fields(content, start, end)}
        if found.get(_KEY) == b"location":
            yield found.get(_VALUE, b"").decode()
        return
    for field, first, last in _fields(content, start, end):
        within = _WITHIN[kind].get(field)
        if within is not None:
            yield from _places(content, within, first, last)


def _fields(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field that has a length, with where it begins and ends. Raises IndexError for other bytes."""
    while at < end:
        key, at = _varint(content, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(content, at)
            continue
        if kind == _LENGTH:
            length, at = _varint(content, at)
        elif kind in _SIZES:
            length = _SIZES[kind]
        else:
            raise IndexError
        if length > end - at:
            raise IndexError
        if kind == _LENGTH:
            yield key >> 3, at, at + length
        at += length


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    """A whole number in seven bits a byte, the lowest first, and where it ends."""
    number = shift = 0
    while shift < 70:
        byte = content[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & (1 << 64) - 1, at
        shift += 7
    raise IndexError
