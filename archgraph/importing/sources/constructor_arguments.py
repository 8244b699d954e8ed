"""With which arguments each module was constructed, under the names that its author chose."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

Arguments = Mapping[int, Mapping[str, Any]]
"""The arguments of modules, by id."""


@contextmanager
def noted_constructors() -> Iterator[dict[int, dict[str, Any]]]:
    """Notes the arguments of all modules that are constructed inside the context.

    `torch.nn.Module.__init__` is called by each module's own `__init__`, whose local variables still hold its arguments
    then.
    """
    found: dict[int, dict[str, Any]] = {}
    original: Callable[..., None] = torch.nn.Module.__init__

    def noting(module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        outermost = _constructor(module, sys._getframe(1))
        if outermost is not None:
            found[id(module)] = _arguments(outermost)
        original(module, *args, **kwargs)

    torch.nn.Module.__init__ = noting  # type: ignore[method-assign, assignment]
    try:
        yield found
    finally:
        torch.nn.Module.__init__ = original  # type: ignore[method-assign]


def _constructor(module: torch.nn.Module, frame: FrameType | None) -> FrameType | None:
    """The frame of the `__init__` of a module's own class, around those of its bases."""
    outermost = None
    while frame is not None and frame.f_code.co_name == "__init__":
        names = frame.f_code.co_varnames
        if not names or frame.f_locals.get(names[0]) is not module:
            break
        outermost = frame
        frame = frame.f_back
    return outermost


def _arguments(frame: FrameType) -> dict[str, Any]:
    code = frame.f_code
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    values = {name: frame.f_locals.get(name) for name in names}
    plain = {name: value for name, value in values.items() if _is_plain(value)}
    for value in values.values():
        for name, inner in _fields(value).items():
            plain.setdefault(name, inner)
    return plain


def _fields(value: Any) -> dict[str, Any]:
    """The plain fields of a configuration object."""
    held = getattr(value, "__dict__", None)
    if not isinstance(held, dict) or isinstance(value, (type, torch.nn.Module)) or callable(value):
        return {}
    return {name: inner for name, inner in held.items() if _is_plain(inner) and not name.startswith("_")}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(type(item) in (int, float, bool) for item in value)
    return type(value) in (int, float, bool, str)


def attributes_as_arguments(module: torch.nn.Module) -> dict[int, dict[str, Any]]:
    """For modules that exist already: attributes that are called as a parameter of their constructor."""
    found: dict[int, dict[str, Any]] = {}
    for inner in module.modules():
        try:
            names = [*inspect.signature(type(inner).__init__).parameters][1:]
        except (TypeError, ValueError):
            continue
        values = {name: inner.__dict__[name] for name in names if name in inner.__dict__}
        found[id(inner)] = {name: value for name, value in values.items() if _is_plain(value)}
    return found
