"""What torch.export says of a module that it cannot trace, in a sentence, with the place in the module's source."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

import torch
from torch import fx

from archgraph.errors import ImportingError
from archgraph.importing.tracing.places import place_of

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_FRAMES = re.compile(r'File "([^"]+)", line (\d+), in (\S+)\n\s*([^\n]*)')
_DEPENDS_ON_DATA = ("data-dependent", "GuardOnDataDependentSymNode", "Could not extract specialized integer")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_RANK_OF_PICTURES = 4
DATA_HINT = "write it with torch.where, or give the value that decides as an argument of the constructor"


class UntraceableError(ImportingError):
    """A module that cannot be traced with inputs of any sizes."""


class SizesAsValuesError(ImportingError):
    """A module that reads a number from a tensor of sizes, which is a number where these are fixed."""


_REMEDIES: tuple[tuple[str, type[ImportingError], str], ...] = (
    (".numpy() is not supported", UntraceableError, "compute it with torch's functions"),
    ("not linked with support for cuda", UntraceableError, "leave out .cuda(), or make tensors on x.device"),
    ("Torch not compiled with CUDA", UntraceableError, "leave out .cuda(), or make tensors on x.device"),
    (
        "found a fake tensor in the exported program",
        UntraceableError,
        "leave gradients out of the forward, and read weights by x.detach() in the place of x.data",
    ),
    ("scalar types: Long", ImportingError, "whole numbers are described with their type: --input ids=N,L:int64"),
)
"""For words of torch's message: whether any sizes can help, and what to do."""


def tracing_error(module: torch.nn.Module, error: Exception) -> ImportingError:
    """The error to raise in the place of torch's."""
    text, first = _ESCAPES.sub("", str(error)), first_line(error)
    place = _place(module, error, text)
    name = type(module).__name__
    if isinstance(error, RecursionError):
        return UntraceableError(f"torch.export cannot trace {name}: it calls itself without an end", received=place)
    if any(_is_packed(value) for frame, _ in traceback.walk_tb(error.__traceback__) for value in _locals(frame)):
        return UntraceableError(
            f"torch.export cannot trace {name}: a layer reads a packed sequence, whose steps depend on lengths",
            expected="the padded sequence",
            received=place,
            hint="leave out pack_padded_sequence; the last state of each sequence is gathered at its length - 1",
        )
    if any(words in text for words in _DEPENDS_ON_DATA):
        return UntraceableError(
            f"torch.export cannot trace {name}: what it computes depends on the values of its inputs",
            expected="the same operations for all inputs of a size",
            received=place or first,
            hint=DATA_HINT,
        )
    received = f"{first}; {place}" if place and place not in first else first
    found = next((made for made in _REMEDIES if made[0] in text), None)
    if found is not None:
        _, kind, remedy = found
        return kind(f"torch.export cannot trace {name}", received=received, hint=remedy)
    return ImportingError(f"torch.export cannot trace {name}", received=received)


def _locals(frame: FrameType) -> list[object]:
    """What a frame of torch's recurrent layers holds."""
    return list(frame.f_locals.values()) if frame.f_code.co_filename.endswith("/nn/modules/rnn.py") else []


def _is_packed(value: object) -> bool:
    return isinstance(value, torch.nn.utils.rnn.PackedSequence)


def with_tried_sizes(error: ImportingError, inputs: Mapping[str, Any]) -> ImportingError:
    """The error with the sizes of the inputs that it came for, where it has no remedy of its own."""
    (problem,) = error.problems
    shapes = {name: list(value.shape) for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    if problem.hint or not shapes:
        return error
    (name, first), *_ = shapes.items()
    described = f"N,{first[1]},224,224" if len(first) == _RANK_OF_PICTURES else ",".join(["N", *map(str, first[1:])])
    sizes = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    tried = f"tried with {sizes}; other sizes are described as numbers: --input {name}={described}"
    return ImportingError(replace(problem, hint=tried))


def first_line(error: BaseException) -> str:
    """The first line of a message that holds a word."""
    lines = _ESCAPES.sub("", str(error)).splitlines()
    return next((line.strip() for line in lines if line.strip()), type(error).__name__)


def require_no_values(module: torch.nn.Module, graph: fx.Graph) -> None:
    """Raises UntraceableError where an operation takes a number that the module reads from a tensor, SizesAsValuesError
    where that is made of sizes."""
    for node in graph.nodes:
        if node.op == "call_function" and node.target is torch.ops.aten.item.default and any(map(_counts, node.users)):
            raise (SizesAsValuesError if _is_made_of_sizes(node) else UntraceableError)(
                f"{type(module).__name__} computes with a number that it reads from a tensor",
                expected="tensors all the way",
                received=place_of(node),
                hint=f"leave out .item(); {DATA_HINT}",
            )


def _is_made_of_sizes(node: fx.Node) -> bool:
    """Whether nothing but sizes and constants is in a value."""
    if node.target is torch.ops.aten.sym_size.int:
        return True
    return node.op == "call_function" and all(map(_is_made_of_sizes, node.all_input_nodes))


def _counts(reader: fx.Node) -> bool:
    """Whether a reader of a number makes something of it, and does not only compare it for an assertion."""
    if "assert" in str(reader.target) or "constrain" in str(reader.target):
        return False
    return not _is_comparison(reader) or any(map(_counts, reader.users))


def _is_comparison(node: fx.Node) -> bool:
    """What torch adds for assertions on sizes."""
    return getattr(node.target, "__module__", "") == "_operator" and not isinstance(node.meta.get("val"), torch.Tensor)


def source_line(error: BaseException) -> str:
    """`net.py:12: raise ValueError(width)`: the innermost line of a traceback outside of torch and Python itself."""
    return _shown(
        [(one.filename, one.lineno or 0, one.line or "") for one in traceback.extract_tb(error.__traceback__)]
    )


def _place(module: torch.nn.Module, error: Exception, text: str) -> str:
    """The module and the line of its source; the line comes from torch's message where the traceback has none."""
    line = source_line(error) or _shown([(file, int(at), code) for file, at, _, code in _FRAMES.findall(text)])
    paths = {id(inner): path for path, inner in module.named_modules()}
    selves = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))
    path = next((paths[id(one)] for one in reversed(list(selves)) if id(one) in paths), "")
    return ", ".join(filter(None, (path, line)))


def _shown(frames: list[tuple[str, int, str]]) -> str:
    outside = [frame for frame in frames if not _is_machinery(frame[0])]
    if not outside:
        return ""
    file, line, code = outside[-1]
    return f"{file.rpartition('/')[2]}:{line}: {code.strip()}"


def _is_machinery(file: str) -> bool:
    own = ("/torch/", "/sympy/", "/archgraph/importing/", "/archgraph/cli/", "/archgraph/verbs/")
    standard = file.startswith(_STANDARD_LIBRARY) and "site-packages" not in file
    return any(part in file for part in own) or standard or file.startswith("<")
