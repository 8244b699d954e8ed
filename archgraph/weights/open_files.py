"""An open file whose bytes are read in pieces, and that must not change while it is read."""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Lock

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.errors import WeightsError

_LARGE = 1 << 22
"""From here on numpy asks for huge pages. Each is filled with zeros as a whole before anything is read into it, and is
out of the processor's cache by then: a large file took 1.5 times as long."""


def _room(size: int) -> Array:
    """Memory for bytes that will be read."""
    if size < _LARGE or not hasattr(mmap, "MAP_PRIVATE"):
        return np.empty(size, np.uint8)
    return np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)


class OpenFile:
    """A file that is open for reading as long as somebody holds it. Raises WeightsError where it cannot be opened.

    Bytes are copied, never mapped: a file that becomes shorter while it is mapped ends the process.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise WeightsError(f"'{self.path}' cannot be read", received=error.strerror or str(error)) from None
        weakref.finalize(self, os.close, self.handle)
        self._lock = Lock()
        self._stamp = self._state()

    @property
    def size(self) -> int:
        """Its bytes when it was opened."""
        return self._stamp[0]

    def read(self, begin: int, size: int) -> Array:
        """Bytes of it, in memory of their own. Raises WeightsError where it has changed since it was opened."""
        made = _room(size)
        room, done = made.data, 0
        while done < size and (count := self._read_into(room[done:], begin + done)):
            done += count
        self.require_unchanged()
        if done < size:
            raise self._changed()
        return made

    def _read_into(self, room: memoryview, begin: int) -> int:
        """Several threads may read at a time where the system reads at a place without moving to it."""
        if hasattr(os, "preadv"):
            return os.preadv(self.handle, [room], begin)
        with self._lock, FileIO(self.handle, closefd=False) as file:
            file.seek(begin)
            return file.readinto(room) or 0

    def require_unchanged(self) -> None:
        """Raises WeightsError where somebody has written to it since it was opened."""
        if self._state() != self._stamp:
            raise self._changed()

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self.handle)
        return found.st_size, found.st_mtime_ns

    def _changed(self) -> WeightsError:
        return WeightsError(
            f"'{self.path}' has changed while it was read",
            hint="wait until whoever writes it has finished, and start the command anew",
        )


@dataclass(frozen=True, slots=True)
class FileRange(ByteRange):
    """Bytes of a file that stays open as long as somebody holds them."""

    file: OpenFile

    def read(self) -> Array:
        """The bytes. Raises WeightsError where the file has changed."""
        return self.file.read(self.begin, self.size)

    def piece(self, begin: int, size: int) -> FileRange:
        """`size` of these bytes, from `begin`."""
        return FileRange(self.handle, self.begin + begin, size, self.file)
