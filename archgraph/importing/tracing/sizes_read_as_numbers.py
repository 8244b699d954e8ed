"""Free sizes that a module's code reads as plain numbers, as `range(len(x))` does, with the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from archgraph.importing.sources.input_descriptions import Sizes
from archgraph.importing.tracing.free_sizes import FreeDimensions
from archgraph.importing.tracing.source_places import caller

_AXIS = re.compile(r"\['(\w+)'\]\.size\(\)\[(\d+)\]\Z")
"""The end of torch's name for a size of an input."""

Lines = dict[tuple[str, int], str]
"""For an input and a dimension the line of the source that asked for its number."""


@contextmanager
def noted_numbers(module: torch.nn.Module) -> Iterator[Lines]:
    """Inside, each size of an input that becomes a number is noted."""
    lines: Lines = {}
    paths = {id(inner): path for path, inner in module.named_modules()}
    plain = ShapeEnv._set_replacement

    def settled(environment: ShapeEnv, symbol: Any, form: Any, *args: Any, **options: Any) -> None:
        if getattr(form, "is_Integer", False):
            for source in environment.var_to_sources.get(symbol, []):
                found = _AXIS.search(source.name)
                if found:
                    lines.setdefault((found[1], int(found[2])), caller(sys._getframe(1), paths)[1])
        plain(environment, symbol, form, *args, **options)

    with patch.object(ShapeEnv, "_set_replacement", settled):
        yield lines


def notes_on_numbers(
    nodes: Mapping[str, fx.Node], declared: Mapping[str, Sizes], free: FreeDimensions, lines: Lines
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
            line = lines.get((name, axis), "")
            yield f"sizes are fixed: {word} = {size}, which is read as a number here: {line or name}"
