"""Lines of a module's own source, by which a note says where something happens."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch


def failing_line(error: Exception) -> str:
    """The innermost line of a traceback that belongs to a module's source."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    lines = [number for _, number in traceback.walk_tb(error.__traceback__)]
    found = [pair for pair in zip(frames, lines, strict=True) if _is_source(pair[0])]
    return _shown(*found[-1]) if found else ""


def caller(frame: FrameType | None, paths: Mapping[int, str]) -> tuple[torch.nn.Module | None, str]:
    """The module whose forward calls, and the line outside of torch: `layers.0.attn, attention.py:41: x = q @ k`."""
    module = None
    while frame is not None:
        held = frame.f_locals.get("self") if module is None else None
        if isinstance(held, torch.nn.Module):
            module = held
        if _is_source(frame):
            break
        frame = frame.f_back
    path = paths.get(id(module), "")
    line = _shown(frame, frame.f_lineno) if frame is not None else ""
    return module, f"{path}, {line}" if path else line


def names_at(frame: FrameType | None) -> dict[str, Any]:
    """The global names of the source that calls."""
    while frame is not None and not _is_source(frame):
        frame = frame.f_back
    return frame.f_globals if frame is not None else {}


def _is_source(frame: FrameType) -> bool:
    """Whether a frame belongs to neither torch nor the importer."""
    file = frame.f_code.co_filename
    return not ("/torch/" in file or "/archgraph/importing/" in file or file.startswith("<"))


def _shown(frame: FrameType, number: int) -> str:
    file = frame.f_code.co_filename
    return f"{file.rpartition('/')[2]}:{number}: {linecache.getline(file, number).strip()}"
