"""Standard output and error of a command: what cannot be written there is one line, never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

BROKEN_PIPE = 141
"""The exit status for a closed pipe, as shells give it to a program that SIGPIPE ends."""


class OutputError(Exception):
    """Standard output cannot be written. No OSError, which typer and rich end in ways of their own."""

    def __init__(self, error: OSError):
        super().__init__(error.strerror or str(error))
        self.broken_pipe = isinstance(error, BrokenPipeError)


class _Descriptor(io.FileIO):
    """A stream's file descriptor. `lenient` loses what cannot be written; otherwise that is an OutputError."""

    def __init__(self, number: int, *, lenient: bool):
        super().__init__(number, "wb", closefd=False)
        self.lenient = lenient

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if self.lenient:
                return len(memoryview(data).cast("B"))
            self.lenient = True  # what is left in the buffer cannot be written either
            raise OutputError(error) from error


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Runs a command. Output that cannot be written is one error line and status 1; a reader that has gone away
    (`| head -1`) ends it without a word."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guarded(sys.stdout, 1, lenient=False), _guarded(sys.stderr, 2, lenient=True)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:
        _end(error)
    finally:
        sys.stdout, sys.stderr = before


def _end(error: OutputError) -> NoReturn:
    if error.broken_pipe:
        sys.exit(BROKEN_PIPE)
    print(f"error: the output cannot be written: {error}", file=sys.stderr)
    sys.exit(1)


def _guarded(stream: TextIO | None, number: int, *, lenient: bool) -> TextIO:
    """The stream of this process as one that is watched; any other, such as one of a test, as it is."""
    if stream is None:  # closed by the shell: `>&-`
        return _missing(number, lenient)
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # `python -u` has no buffer between
    if type(raw) is not io.FileIO or raw.fileno() != number or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(number, lenient=lenient)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _missing(number: int, lenient: bool) -> TextIO:
    """A stream where there is none. Its number is taken, so that no file which is opened later gets it."""
    if not _is_open(number):
        _occupy(number)
    return io.TextIOWrapper(io.BufferedWriter(_Descriptor(number, lenient=lenient)), encoding="utf-8")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _occupy(number: int) -> None:
    """Opens the null device for reading under this number: writing to it fails, as it does to a closed one."""
    found = os.open(os.devnull, os.O_RDONLY)
    if found != number:
        os.dup2(found, number)
        os.close(found)
