"""Files that appear whole or not at all: written beside their place, synchronised, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.recovery import absent_of, aside_of, give_name, nameless, temporary_name

_PIECE = 1 << 20
"""What is copied at a time: it stays in the processor's cache between reading and writing."""

_SHORTER = "the file of weights has become shorter"
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
"""What a system answers that cannot copy between two files by itself."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of an open file, which may be copied without being read."""

    handle: int
    begin: int
    size: int


class NewFile:
    """A file in the making. Its name is taken by `publish`; when the block ends without it, nothing remains.

    Where the system allows it, the file has no name at all until then, so that not even a killed process leaves one.
    """

    def __init__(self, path: Path, digested: bool = True):
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256() if digested else None
        self._temporary = path.with_name(temporary_name(path))
        self._piece = memoryview(bytearray(_PIECE))
        self._file: FileIO | None = None
        self._named = False

    def __enter__(self) -> Self:
        handle = nameless(self.path.parent)
        self._named = handle is None
        self._file = self._temporary.open("xb", buffering=0) if handle is None else FileIO(handle, "wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The digest of what was written; nothing where none was asked for."""
        return self._digest.hexdigest() if self._digest else ""

    def write(self, data: bytes | memoryview | Array) -> None:
        """Appends bytes, or the values of a contiguous array without copying them."""
        piece = data.reshape(-1).view("u1").data if isinstance(data, np.ndarray) else memoryview(data)
        self._put(piece)
        if self._digest:
            self._digest.update(piece)
        self.size += len(piece)

    def _put(self, piece: memoryview) -> None:
        assert self._file is not None
        while piece:
            piece = piece[self._file.write(piece) :]

    def copy(self, extent: ByteRange) -> None:
        """Appends bytes of another file. Raises OSError where that file has become shorter."""
        if not self._digest and self._copied_by_system(extent):
            self.size += extent.size
            return
        left = extent.size
        with FileIO(extent.handle, closefd=False) as source:
            source.seek(extent.begin)
            while left:
                size = source.readinto(self._piece[: min(left, _PIECE)])
                if not size:
                    raise OSError(errno.EIO, _SHORTER)
                self.write(self._piece[:size])
                left -= size

    def _copied_by_system(self, extent: ByteRange) -> bool:
        """Whether the system has copied the bytes, from file to file without a stop in our memory. Raises OSError."""
        copy_range = getattr(os, "copy_file_range", None)
        if copy_range is None or self._file is None:
            return False
        done = 0
        while done < extent.size:
            try:
                moved = copy_range(extent.handle, self._file.fileno(), extent.size - done, extent.begin + done)
            except OSError as error:
                if done or error.errno not in _NOT_BETWEEN_THESE:
                    raise
                return False
            if not moved:
                raise OSError(errno.EIO, _SHORTER)
            done += moved
        return True

    def fill(self, place: int) -> None:
        """Zeros up to a place."""
        if place > self.size:
            self.write(bytes(place - self.size))

    def finish(self) -> None:
        """What was written is on the disk."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        if self._named:
            self._close()

    def publish(self) -> None:
        """The file takes its name; what had it before is replaced."""
        if self._file is not None and not self._named:
            give_name(self._file.fileno(), self._temporary)
        os.replace(self._temporary, self.path)  # noqa: PTH105, Path.replace says the same
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


@contextlib.contextmanager
def set_aside(path: Path) -> Iterator[None]:
    """While two files are exchanged, the old ones are away, so that a model never meets the data of another version.

    They come back where the block fails; where there was none, which an empty file says until the end, there is none
    again; what a process that dies in between leaves, `leftovers.recover` puts in order.
    """
    aside, absent = aside_of(path), absent_of(path)
    if path.is_dir():  # somebody's folder is no older version
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    moved = path.exists()
    if moved:
        os.replace(path, aside)  # noqa: PTH105
    else:
        absent.touch()
    try:
        yield
    except BaseException:
        if moved:
            os.replace(aside, path)  # noqa: PTH105
        else:
            path.unlink(missing_ok=True)
            absent.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # the new ones are there: that an old one stays is no reason to bring it back
        (aside if moved else absent).unlink()


def sync_folder(folder: Path) -> None:
    """Renames in a folder are on the disk, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
