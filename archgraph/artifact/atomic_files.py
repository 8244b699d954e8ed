"""Files that appear whole or not at all: written next to their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from archgraph.artifact.digests import running_digest
from archgraph.artifact.file_kinds import not_a_file, not_a_name
from archgraph.artifact.file_names import temporary_of
from archgraph.errors import RunError, no_folder

if TYPE_CHECKING:
    from archgraph.artifact.arrays import Array  # numpy: not for those that only write a text

_PIECE = 1 << 20
"""What is copied at a time: it stays in the processor's cache between reading and writing."""

_SHORTER = "the file of weights has become shorter"
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
"""What a system answers that cannot copy between two files by itself."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well. Raises RunError where it cannot.

    What is no file, such as a device, stays as it is.
    """
    target = Path(path)
    if reason := not_a_name(target):
        raise RunError(f"{str(target)!r} cannot be written", expected="the name of a file", received=reason)
    if odd := not_a_file(target):
        raise RunError(f"{target} cannot be written", expected="the name of a file", received=odd)
    try:
        with NewFile(target, digested=False) as file:
            yield file.opened()
            file.publish()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{target} cannot be written", received=reason, hint=no_folder(target)) from error


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a file whole or not at all, with these permissions but for the process's mask. Raises OSError."""
    with NewFile(path, digested=False, mode=mode) as file:
        file.write(data)
        file.publish()


def nameless(folder: Path, mode: int = 0o666) -> int | None:
    """A handle on a new file without a name in that folder; None where the system has none.

    Such a file (Linux, most file systems) vanishes with the process that writes it.
    """
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, kind | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError:  # no such folder, or a file system without: opening a named file tells which
        return None


def give_name(handle: int, path: Path) -> None:
    """Names a file that has none. Raises OSError."""
    os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle)  # with a handle, Python follows the link in /proc


def sync_folder(folder: Path) -> None:
    """Renames in a folder are on the disk, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of an open file, which may be copied without being read."""

    handle: int
    begin: int
    size: int


class NewFile:
    """An unfinished file. It takes its name by `publish`; when the block ends without it, nothing remains.

    Where the system allows it, the file has no name at all until then, so that not even a killed process leaves one.
    """

    def __init__(self, path: Path, digested: bool = True, mode: int = 0o666):
        self.path = path
        self.size = 0
        self.mode = mode
        self._digest = running_digest() if digested else None
        self._temporary = temporary_of(path)
        self._buffer: IO[bytes] | None = None
        self._file: FileIO | None = None
        self._named = False

    def __enter__(self) -> Self:
        handle = nameless(self.path.parent, self.mode)
        self._named = handle is None
        if handle is None:
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            handle = os.open(self._temporary, new, self.mode)
        self._file = FileIO(handle, "wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The digest of what was written; nothing where none is taken."""
        return self._digest.hexdigest() if self._digest else ""

    def opened(self) -> IO[bytes]:
        """The file for whom it takes an ordinary one; what is written so counts neither for size nor digest."""
        assert self._file is not None
        self._buffer = io.BufferedWriter(self._file)
        return self._buffer

    def write(self, data: bytes | memoryview | Array) -> None:
        """Appends bytes, or the values of a contiguous array without copying them."""
        piece = memoryview(data) if isinstance(data, (bytes, memoryview)) else data.reshape(-1).view("u1").data
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
        room = memoryview(bytearray(min(left, _PIECE)))
        with FileIO(extent.handle, closefd=False) as source:
            source.seek(extent.begin)
            while left:
                size = source.readinto(room[:left])
                if not size:
                    raise OSError(errno.EIO, _SHORTER)
                self.write(room[:size])
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

    def replace_start(self, data: bytes) -> None:
        """Writes over the first bytes. Only for a file of which no digest is taken."""
        assert self._file is not None
        assert self._digest is None
        self._file.seek(0)
        self._put(memoryview(data))
        self._file.seek(self.size)

    def sync(self) -> None:
        """What was written so far is on the disk."""
        assert self._file is not None
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """What was written is on the disk, and nothing follows."""
        self.sync()
        if self._named:
            self._close()

    def move(self, path: Path) -> None:
        """The finished file lies at another place, under a name by which it can be opened. Raises OSError."""
        if self._named:
            os.replace(self._temporary, path)  # noqa: PTH105, Path.replace says the same
        else:
            assert self._file is not None
            give_name(self._file.fileno(), path)
        self._named, self._temporary = True, path
        self._close()

    def publish(self) -> None:
        """The file takes its name; what had it before is replaced. Raises OSError."""
        if self._buffer is not None:
            self._buffer.flush()
        if not self._named:
            assert self._file is not None
            give_name(self._file.fileno(), self._temporary)
        self._close()
        os.replace(self._temporary, self.path)  # noqa: PTH105

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
