"""`int(…)` and `len(…)` of a module's code keep a free size free, which Python's own make a number of."""

from __future__ import annotations

import builtins
import dis
import types
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

_CALLED = 1
"""The bit by which Python marks a global name that is loaded to be called."""


@contextmanager
def kept_sizes(module: torch.nn.Module) -> Iterator[None]:
    """Inside, `int(windows.shape[0] / (H * W / 8 / 8))` and `len(x)` are sizes, in the files in which the classes of a
    module stand and in those of the functions of their package that these name.

    A file that hands `int` on, as `dtype=int` does, keeps Python's.
    """
    with ExitStack() as stack:
        for names in _files(module):
            made: dict[str, Any] = {} if "len" in names else {"len": _length}
            if "int" not in names and all(map(_only_calls_int, _functions(names))):
                made["int"] = _Whole
            stack.enter_context(patch.dict(names, made))
        yield


class _AsInt(type):
    """The class of what stands in the place of `int`: values are asked for as before."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if len(args) == 1 and not options and isinstance(args[0], (torch.SymInt, torch.SymFloat)):
            return torch.sym_int(args[0])
        return int(*args, **options)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, int)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, int)


class _Whole(int, metaclass=_AsInt):
    """`int` of a number, and the size itself of a size."""


def _length(value: Any, /) -> Any:
    if isinstance(value, torch.Tensor) and value.dim() and isinstance(value.shape[0], torch.SymInt):
        return value.shape[0]
    return builtins.len(value)


def _files(module: torch.nn.Module) -> list[dict[str, Any]]:
    """The names of the files with the classes of a module, and of those with functions of their package."""
    found: dict[int, dict[str, Any]] = {}
    for cls in {cls for inner in module.modules() for cls in type(inner).__mro__}:
        for function in vars(cls).values():
            if type(function) is types.FunctionType:
                found[id(function.__globals__)] = function.__globals__
    for names in list(found.values()):
        package = _package(names)
        for function in list(names.values()):
            if type(function) is types.FunctionType and _package(function.__globals__) == package:
                found[id(function.__globals__)] = function.__globals__
    return [names for names in found.values() if _package(names) != "torch"]


def _package(names: dict[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]


def _functions(names: dict[str, Any]) -> Iterator[types.CodeType]:
    """The code of all functions and methods of a file."""
    file = names.get("__name__")
    for value in list(names.values()):
        if issubclass(type(value), type) and value.__module__ == file:
            yield from _codes(vars(value).values())
    functions = [value for value in list(names.values()) if type(value) is types.FunctionType]
    yield from _codes(function for function in functions if function.__globals__ is names)


def _codes(values: Iterable[Any]) -> Iterator[types.CodeType]:
    waiting = [value.__code__ for value in values if type(value) is types.FunctionType]
    while waiting:
        code = waiting.pop()
        yield code
        waiting.extend(inner for inner in code.co_consts if isinstance(inner, types.CodeType))


def _only_calls_int(code: types.CodeType) -> bool:
    """Whether a function calls `int` or asks whether a value is one, and does nothing else with it."""
    if "int" not in code.co_names or "isinstance" in code.co_names:
        return True
    loads = (one for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL" and one.argval == "int")
    return all((one.arg or 0) & _CALLED for one in loads)
