"""What torch.export says of a module that it cannot trace, in a sentence, with the place in the module's source."""

from __future__ import annotations

import re
import traceback

import torch

from archgraph.errors import ImportingError

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_FRAMES = re.compile(r'File "([^"]+)", line (\d+), in (\S+)\n\s*([^\n]*)')
_DEPENDS_ON_DATA = ("data-dependent", "GuardOnDataDependentSymNode", "Could not extract specialized integer")


def tracing_error(module: torch.nn.Module, error: Exception) -> ImportingError:
    """The error to raise in the place of torch's."""
    text, first = _ESCAPES.sub("", str(error)), first_line(error)
    place = _place(error, text)
    received = f"{first}; {place}" if place and place not in first else first
    name = type(module).__name__
    if isinstance(error, RecursionError):
        return ImportingError(f"torch.export cannot trace {name}: it calls itself without an end", received=received)
    if any(words in text for words in _DEPENDS_ON_DATA):
        return ImportingError(
            f"torch.export cannot trace {name}: what it computes depends on the values of its inputs",
            expected="the same operations for all inputs of a size",
            received=received,
            hint="write it with torch.where, or give the value that decides as an argument of the constructor",
        )
    return ImportingError(f"torch.export cannot trace {name}", received=received)


def first_line(error: Exception) -> str:
    """The first line of a message that holds a word."""
    lines = _ESCAPES.sub("", str(error)).splitlines()
    return next((line.strip() for line in lines if line.strip()), type(error).__name__)


def _place(error: Exception, text: str) -> str:
    """The innermost line outside of torch: of the traceback, or else of torch's message."""
    frames = [(one.filename, one.lineno, one.line or "") for one in traceback.extract_tb(error.__traceback__)]
    frames += [(file, int(line), code) for file, line, _, code in _FRAMES.findall(text)]
    outside = [frame for frame in frames if not _is_machinery(frame[0])]
    if not outside:
        return ""
    file, line, code = outside[-1]
    return f"{file.rpartition('/')[2]}:{line}: {code.strip()}"


def _is_machinery(file: str) -> bool:
    return "/torch/" in file or "/archgraph/importing/" in file or file.startswith("<")
