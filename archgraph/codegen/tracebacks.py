"""Where an exception came from: the node's path and its line in the spec, found from the traceback."""

from __future__ import annotations

from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from archgraph.codegen.printing.spans import Span, WrittenSource


def add_note(error: Exception, root: nn.Module, written: WrittenSource) -> None:
    """Adds `at layer2.1.conv2 (bottleneck.yaml:6)` to an exception that left the forward of a generated module."""
    note = _note(error.__traceback__, root, written)
    if note and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _note(traceback: TracebackType | None, root: nn.Module, written: WrittenSource) -> str:
    names = {id(module): name for name, module in root.named_modules()}
    address = ""
    while traceback is not None:
        local: dict[str, Any] = traceback.tb_frame.f_locals
        module = local.get("self")
        if isinstance(module, nn.Module) and id(module) in names:
            address = _address(traceback, module, names, written) or names[id(module)] or address
        traceback = traceback.tb_next
    if not address:
        return ""
    origin = written.nodes.origins.get(address)
    mark = origin.mark if origin is not None else None
    return f"at {address} ({PurePath(mark.file).name}:{mark.line})" if mark else f"at {address}"


def _address(traceback: TracebackType, module: nn.Module, names: dict[int, str], written: WrittenSource) -> str:
    """The node at the failing place of a generated forward, or '' in any other frame."""
    frame = traceback.tb_frame
    if not frame.f_code.co_filename.startswith("<archgraph "):
        return ""
    found = _span(traceback, type(module).__name__, written)
    if found is None:
        return ""
    path, occurrence = _of_this_turn(found, frame.f_locals, names)
    return written.nodes.places.get((found.owner, names[id(module)], path, occurrence), "")


def _span(traceback: TracebackType, owner: str, written: WrittenSource) -> Span | None:
    """The smallest span around the failing instruction."""
    positions = list(traceback.tb_frame.f_code.co_positions())
    _, _, start, end = positions[traceback.tb_lasti // 2]
    here = [span for span in written.spans if span.line == traceback.tb_lineno and span.owner == owner]
    around = [
        span for span in here if start is not None and end is not None and span.start <= start and end <= span.end
    ]
    return min(around or here, key=lambda span: span.end - span.start, default=None)


def _of_this_turn(span: Span, local: dict[str, Any], names: dict[int, str]) -> tuple[str, int]:
    """In a loop, the module at hand says which copy it is."""
    if not span.each:
        return span.path, span.occurrence
    name = names.get(id(local.get(span.each)), "")
    number = name.rpartition(".")[2]
    if not number.isdigit():
        return span.path, span.occurrence
    if span.copied:
        return span.path, span.occurrence + int(number) * span.copied
    stem = span.path.rpartition(".")[0]
    return f"{stem}.{number}", span.occurrence
