"""Free sizes that a module's code reads as plain numbers, as `len(x)` and `int(x.shape[1])` do, with the line."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from archgraph.importing.sources.input_descriptions import Sizes
from archgraph.importing.tracing.free_sizes import FreeDimensions
from archgraph.importing.tracing.source_places import caller, names_at

_AXIS = re.compile(r"\['(\w+)'\]\.size\(\)\[(\d+)\]\Z")
"""The end of torch's name for a size of an input."""
_ASKS = re.compile(r"\b(len|int)\(")


@dataclass
class NotedNumbers:
    """Sizes that a module's code read as numbers. `lines` are those of the source that asked, for an input and a
    dimension; `names` are the global names there."""

    lines: dict[tuple[str, int], str] = field(default_factory=dict)
    names: list[dict[str, Any]] = field(default_factory=list)

    def note(self, key: tuple[str, int], line: str, names: dict[str, Any]) -> None:
        """A line that asked."""
        if key not in self.lines:
            self.lines[key] = line
            self.names.append(names)

    @property
    def can_be_free(self) -> bool:
        """Whether Python's `len(x)` or `int(size)` asked, which take numbers of what torch would keep free."""
        return any(map(_ASKS.search, self.lines.values()))


@contextmanager
def noted_numbers(module: torch.nn.Module) -> Iterator[NotedNumbers]:
    """Inside, each size of an input that becomes a number is noted."""
    noted = NotedNumbers()
    paths = {id(inner): path for path, inner in module.named_modules()}
    plain = ShapeEnv._set_replacement

    def settled(environment: ShapeEnv, symbol: Any, form: Any, *args: Any, **options: Any) -> None:
        if getattr(form, "is_Integer", False):
            for source in environment.var_to_sources.get(symbol, []):
                found = _AXIS.search(source.name)
                if found:
                    frame = sys._getframe(1)
                    noted.note((found[1], int(found[2])), caller(frame, paths)[1], names_at(frame))
        plain(environment, symbol, form, *args, **options)

    with patch.object(ShapeEnv, "_set_replacement", settled):
        yield noted


class _WholeNumbers(type):
    """`int` in the place of Python's, under its name in a source that tests for it too."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if args and isinstance(args[0], (torch.SymInt, torch.SymFloat)):
            return torch.sym_int(args[0])  # type: ignore[no-untyped-call]
        return int(*args, **options)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, int)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, int)


class _FreeInt(int, metaclass=_WholeNumbers):
    pass


@contextmanager
def free_numbers(noted: NotedNumbers) -> Iterator[None]:
    """Inside, `len(x)` of a tensor is `x.shape[0]` and `int(h / 2)` a size, in the sources that asked for the latter:
    Python would make numbers of them."""
    plain = builtins.len

    def length(value: Any) -> Any:
        return value.shape[0] if isinstance(value, torch.Tensor) and value.ndim else plain(value)

    with ExitStack() as stack:
        stack.enter_context(patch.object(builtins, "len", length))
        for names in noted.names:
            if names.get("int", int) is int:
                stack.enter_context(patch.dict(names, {"int": _FreeInt}))
        yield


def notes_on_numbers(
    nodes: Mapping[str, fx.Node], declared: Mapping[str, Sizes], free: FreeDimensions, noted: NotedNumbers
) -> Iterator[str]:
    """A note for each size that is called by a name, was left free, and is a number in the program all the same."""
    told: set[str] = set()
    for name, node in nodes.items():
        shape = node.meta["val"].shape
        for axis, (size, word) in enumerate(zip(shape, declared.get(name, ()), strict=False)):
            left = isinstance(word, str) and word.isidentifier() and axis in free(len(shape))
            if not left or not str(size).isdecimal() or word in told:
                continue
            told.add(str(word))
            line = noted.lines.get((name, axis), "")
            yield f"sizes are fixed: {word} = {size}, which is read as a number here: {line or name}"
