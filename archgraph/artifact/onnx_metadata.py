"""The metadata of an ONNX file, read without onnx and without its graph and weights.

A model is a sequence of fields: a key, and for all that matters here a length and as many bytes. The graph, which is
nearly all of it, is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from archgraph.errors import ModelFileError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_PRODUCER, _PRODUCER_VERSION, _METADATA = (field << 3 | _LENGTH for field in (2, 3, 14))  # of ModelProto
_KEY, _VALUE = (field << 3 | _LENGTH for field in (1, 2))  # of StringStringEntryProto
_LARGEST_ENTRY = 64 << 20


def metadata_entries(path: Path) -> dict[str, str]:
    """The entries by key. Raises ModelFileError for what is no ONNX file."""
    try:
        with path.open("rb") as file:
            return dict(_entry(data) for key, data in fields(file, _LARGEST_ENTRY) if key == _METADATA)
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
        hint = "export or copy it again"
        raise ModelFileError(f"{path} is damaged, or not an ONNX file", received=str(error), hint=hint) from None


def producer(path: Path) -> str:
    """The producer that a file names: `pytorch 2.13.0`; '' where it names none."""
    try:
        with path.open("rb") as file:
            found = {key: data.decode() for key, data in fields(file, 200) if key in (_PRODUCER, _PRODUCER_VERSION)}
    except (OSError, EOFError, UnicodeDecodeError):
        return ""
    return " ".join(filter(str.isprintable, filter(None, (found.get(_PRODUCER), found.get(_PRODUCER_VERSION)))))


def fields(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes]]:
    """Key and bytes of the fields that have a length, where they are not longer. Raises EOFError for other files."""
    end = file.seek(0, 2)
    file.seek(0)
    while file.tell() < end:
        key = varint(file)
        kind = key & 7
        if kind == _VARINT:
            varint(file)
            continue
        if kind not in (_FIXED64, _LENGTH, _FIXED32):
            raise EOFError("a field of an unknown kind")
        length = varint(file) if kind == _LENGTH else 8 if kind == _FIXED64 else 4
        if length > end - file.tell():
            raise EOFError("it ends too early")
        if kind == _LENGTH and length <= longest:
            yield key, file.read(length)
        else:
            file.seek(length, 1)


def varint(file: BinaryIO) -> int:
    """A whole number in seven bits a byte, the lowest first. Raises EOFError."""
    number = 0
    for place in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 127) << place
        if byte[0] < 128:
            return number
    raise EOFError("it ends too early")


def _entry(data: bytes) -> tuple[str, str]:
    found = {key: value.decode() for key, value in fields(BytesIO(data), len(data))}
    return found.get(_KEY, ""), found.get(_VALUE, "")
