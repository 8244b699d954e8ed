"""The profile of a file, read before ONNX Runtime opens it: some of its options are for one profile only.

A model is a sequence of fields: a key, and for all that matters here a length and as many bytes. The graph, which is
nearly all of it, is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

NHWC_PROFILES = frozenset({"cuda"})
"""Files whose group norms want the channels last; with `prefer_nhwc` the convolutions between them do so too."""

_PROFILE, _DTYPE = b"archgraph.profile", b"archgraph.dtype"
_METADATA = 14 << 3 | 2  # ModelProto.metadata_props, which has a length
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LARGEST_ENTRY = 64


def layout_options(path: Path) -> dict[str, str]:
    """The options of the CUDA provider that suit the profile and the type of a file.

    ONNX Runtime has no bfloat16 convolutions with the channels last: with the option such a file is no valid one.
    """
    told = _notes_of(path)
    wanted = told.get(_PROFILE) in NHWC_PROFILES and told.get(_DTYPE) != "bfloat16"
    return {"prefer_nhwc": "1"} if wanted else {}


def other_device(path: Path) -> str:
    """What to do with a file that has no kernels on the CPU since it was made for CUDA; '' for any other."""
    for_cuda = profile_of(path) in NHWC_PROFILES
    return "it was exported for CUDA: run it there, or export it with --profile cpu" if for_cuda else ""


def profile_of(path: Path) -> str:
    """The profile that a file was exported under; '' where it names none, or is no ONNX file. Raises OSError."""
    return _notes_of(path).get(_PROFILE, "")


def _notes_of(path: Path) -> dict[bytes, str]:
    """The short notes of a file that say what it is for; none where it is no ONNX file. Raises OSError."""
    with path.open("rb") as file:
        try:
            return {key: value.decode() for key, value in _entries(file) if key in (_PROFILE, _DTYPE)}
        except (EOFError, UnicodeDecodeError):
            return {}


def _entries(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The short ones among the notes of a model."""
    end = file.seek(0, 2)
    file.seek(0)
    while file.tell() < end:
        key = _varint(file)
        kind = key & 7
        if kind == _VARINT:
            _varint(file)
            continue
        if kind not in (_FIXED64, _LENGTH, _FIXED32):
            raise EOFError
        length = _varint(file) if kind == _LENGTH else 8 if kind == _FIXED64 else 4
        if key == _METADATA and length <= _LARGEST_ENTRY:
            yield _entry(file.read(length))
        else:
            file.seek(length, 1)


def _entry(data: bytes) -> tuple[bytes, bytes]:
    """Name and value of a note; both are shorter than 128 bytes here, so that each length is one byte."""
    size = data[1] if len(data) > 1 else 0
    return data[2 : 2 + size], data[4 + size :]


def _varint(file: BinaryIO) -> int:
    """A whole number in seven bits a byte, the lowest first. Raises EOFError."""
    number = 0
    for place in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 127) << place
        if byte[0] < 128:
            return number
    raise EOFError
