"""Streams the model to the disk: a serialised message is a concatenation of fields, so each weight is written straight
from the file or the module that holds it, behind the graph. One file up to 1.5 GB; above, the weights lie next to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import NewFile
from archgraph.artifact.file_names import data_of
from archgraph.artifact.staging import Stage
from archgraph.export.lowering.program import Initializer
from archgraph.export.serialization.weights import MatchedWeights

LARGEST_SINGLE_FILE = 1_500_000_000
"""Protobuf ends at 2 GiB; the rest is left for readers that add shapes and layouts."""

_SMALLEST_OUTSIDE = 1024
_PAGE = 4096
_SQUARE = 64
_GRAPH_FIELD = b"\x3a"  # ModelProto.graph = 7, length-delimited
_INITIALIZER_FIELD = b"\x2a"  # GraphProto.initializer = 5
_RAW_DATA_FIELD = b"\x4a"  # TensorProto.raw_data = 9


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """What was written: the model's file, the digest of it, and the weights' file if there is one."""

    path: Path
    size: int
    sha256: str
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a weight goes: within the model, or at an offset of the file next to it."""

    item: Initializer
    size: int
    offset: int | None = None


def write_model(
    stage: Stage, path: Path, parts: tuple[bytes, bytes], items: Iterable[Initializer], weights: MatchedWeights
) -> WrittenFiles:
    """Stages a model, serialised as its head and its body, and its weights. Raises OSError."""
    sizes = [(item, prod(item.shape) * np.dtype(item.dtype).itemsize) for item in items]
    inside = sum(map(len, parts)) + sum(size for _, size in sizes) <= LARGEST_SINGLE_FILE
    layouts = [Layout(item, size) for item, size in sizes] if inside else list(_placed(sizes))
    data = None if inside else stage.new(data_of(path), digested=False)
    if data:
        _write_outside(data, layouts, weights)
    model = stage.new(path)
    _write_inside(model, *parts, layouts, weights, data.path.name if data else "")
    size = model.size + (data.size if data else 0)
    return WrittenFiles(path, size, model.sha256, data.path if data else None)


def _placed(sizes: Iterable[tuple[Initializer, int]]) -> Iterator[Layout]:
    """Offsets on page borders, so that the file can be mapped; small weights stay in the model."""
    place = 0
    for item, size in sizes:
        if size < _SMALLEST_OUTSIDE:
            yield Layout(item, size)
            continue
        place = -(-place // _PAGE) * _PAGE
        yield Layout(item, size, place)
        place += size


def _write_outside(data: NewFile, layouts: Iterable[Layout], weights: MatchedWeights) -> None:
    for layout in layouts:
        if layout.offset is not None:
            data.fill(layout.offset)
            _put(data, layout.item, weights)
    data.finish()


def _write_inside(
    model: NewFile, head: bytes, body: bytes, layouts: list[Layout], weights: MatchedWeights, data_name: str
) -> None:
    from archgraph.export.serialization.protobuf import tensor_head  # onnx loads when a file is written

    heads = []
    for layout in layouts:
        where = {"location": data_name, "offset": str(layout.offset), "length": str(layout.size)}
        raw = _RAW_DATA_FIELD + varint(layout.size) if layout.offset is None else b""
        heads.append(tensor_head(layout.item, None if layout.offset is None else where) + raw)
    lengths = [
        len(text) + (layout.size if layout.offset is None else 0) for text, layout in zip(heads, layouts, strict=True)
    ]
    fields = [_INITIALIZER_FIELD + varint(length) for length in lengths]
    total = len(body) + sum(len(field) + length for field, length in zip(fields, lengths, strict=True))
    model.write(head + _GRAPH_FIELD + varint(total) + body)
    for field, text, layout in zip(fields, heads, layouts, strict=True):
        model.write(field + text)
        if layout.offset is None:
            _put(model, layout.item, weights)
    model.finish()


def _put(file: NewFile, item: Initializer, weights: MatchedWeights) -> None:
    """Appends a weight: copied from the file that holds the very bytes, or made."""
    extent = weights.extent(item.keys[0], item.dtype) if item.transform == "same" else None
    if extent is not None:
        file.copy(extent)
    elif item.transform == "transpose":
        for piece in transposed(weights.array(item.keys[0], item.dtype)):
            file.write(little_endian(piece))
    else:
        file.write(little_endian(stored(item, weights)))


def varint(number: int) -> bytes:
    """A whole number in protobuf's variable length: seven bits a byte, the lowest first."""
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def stored(item: Initializer, weights: MatchedWeights) -> Array:
    """The values of a weight in the file's element type and shape."""
    if item.gates is not None:
        found = item.gates.joined(lambda key: weights.array(key, item.dtype))
    elif item.parametrized is not None:
        found = weights.stored(item.keys[0], item.parametrized.computed(weights.array), item.dtype)
    elif item.fold is None:
        found = weights.array(item.keys[0], item.dtype)
    else:
        made = item.fold.folded_weight if len(item.shape) > 1 else item.fold.folded_bias
        found = weights.stored(item.fold.weight, made(weights.array), item.dtype)
    return found.reshape(item.shape)


def little_endian(array: Array) -> Array:
    """The values as ONNX stores them: contiguous, the lowest byte first."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def transposed(matrix: Array) -> Iterator[Array]:
    """A matrix with its dimensions exchanged, some rows at a time; each piece holds until the next is asked for.

    Small squares, read and written in the processor's cache, cost a fraction of one large exchange.
    """
    rows, columns = matrix.shape
    made = np.empty((_SQUARE, rows), matrix.dtype)
    for left in range(0, columns, _SQUARE):
        piece = made[: min(_SQUARE, columns - left)]
        for top in range(0, rows, _SQUARE):
            piece[:, top : top + _SQUARE] = matrix[top : top + _SQUARE, left : left + _SQUARE].T
        yield piece
