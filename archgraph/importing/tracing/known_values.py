"""Numbers that a module's code reads from tensors whose values are known before it runs: buffers, and counts."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import product
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor

from archgraph.graph.types import joined
from archgraph.importing.tracing.replaced_functions import replaced_function
from archgraph.importing.tracing.source_places import caller

_READERS = ("__bool__", "__int__", "__float__", "item", "tolist")
_ASSERTION = re.compile(r": assert (not )?(?!.*\b(?:not|or|if)\b)")
"""A line that asserts a value, or its opposite."""
_VALUES = "_known_values"
"""The attribute of a tensor that holds its values while a module is traced."""


@contextmanager
def known_values(module: torch.nn.Module) -> Iterator[dict[str, list[str]]]:
    """Inside, `if self.initted` is decided by the buffer that the module holds, and `torch.arange(1, 3).tolist()` is
    [1, 2]: a tracer has no values of either. What a line does nothing but assert holds.
    Yields the keys of the buffers that were read so, by the line.
    """
    read: dict[str, list[str]] = {}
    paths = {id(inner): path for path, inner in module.named_modules()}
    stored = {
        (id(inner), name): buffer.detach()
        for inner in module.modules()
        for name, buffer in inner._buffers.items()
        if buffer is not None and not buffer.is_meta
    }

    def values_of(tensor: torch.Tensor) -> torch.Tensor | range | None:
        counted: range | None = getattr(tensor, _VALUES, None)
        if counted is not None:
            return counted
        held = ((inner, name) for inner in module.modules() for name, one in inner._buffers.items() if one is tensor)
        inner, name = next(held, (None, ""))
        found = stored.get((id(inner), name))
        if inner is None or found is None or found is tensor:
            return None
        line = caller(sys._getframe(2), {})[1]
        key = joined(paths[id(inner)], name)
        if key not in read.setdefault(line, []):
            read[line].append(key)
        return found

    with ExitStack() as stack:
        for kind, name in product((torch.Tensor, FunctionalTensor, FakeTensor), _READERS):
            if kind is torch.Tensor or name in vars(kind):
                reader = _read_where_known(getattr(kind, name), name, values_of)
                stack.enter_context(patch.object(kind, name, reader))
        stack.enter_context(replaced_function("arange", _counted(torch.arange)))
        yield read


def notes_on_known_values(read: Mapping[str, list[str]]) -> Iterator[str]:
    """A note for each line that stored values decide."""
    for line, (first, *others) in read.items():
        more = f" and {len(others)} more" if others else ""
        yield f"the network is that with the stored values of {first}{more}, which decide here: {line}"


def _read_where_known(
    plain: Callable[..., Any], name: str, values_of: Callable[[torch.Tensor], torch.Tensor | range | None]
) -> Callable[..., Any]:
    def read(tensor: torch.Tensor) -> Any:
        values = values_of(tensor)
        if values is not None:
            return _outside(name, values)
        asserted = _ASSERTION.search(caller(sys._getframe(1), {})[1]) if name == "__bool__" else None
        return plain(tensor) if asserted is None else not asserted[1]

    read.__name__ = name
    return read


def _outside(name: str, values: torch.Tensor | range) -> Any:
    """What a reader finds in a tensor that no tracer watches."""
    with torch._C.DisableTorchFunction(), torch.utils._python_dispatch._disable_current_modes():
        tensor = torch.tensor(values) if isinstance(values, range) else values
        return getattr(torch._C.TensorBase, name)(tensor)


def _counted(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.arange` of plain numbers, whose result says what it holds."""

    def arange(*args: Any, **options: Any) -> Any:
        made = plain(*args, **options)
        if args and all(type(one) is int for one in args) and not {"start", "end", "step", "dtype"} & options.keys():
            setattr(made, _VALUES, range(*args))
        return made

    return arange
