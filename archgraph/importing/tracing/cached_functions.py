"""What functions of a module's source file remember, such as a table that `functools.lru_cache` keeps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from types import FunctionType
from typing import Any

import torch


@contextmanager
def caches_without_traces(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards no cache holds what a forward on shapes alone has put there: a table without numbers."""
    before = {id(cache): (cache, cache.cache_info().misses) for cache in _caches(module)}
    try:
        yield
    finally:
        for cache, misses in before.values():
            if cache.cache_info().misses != misses:
                cache.cache_clear()


def _caches(module: torch.nn.Module) -> Iterator[_lru_cache_wrapper[Any]]:
    """The caches of the classes of all modules inside, and of the files that these stand in."""
    classes = {cls for inner in module.modules() for cls in type(inner).__mro__}
    own = [cls for cls in classes if cls is not object and not cls.__module__.startswith("torch.")]
    files = {cls.__module__ for cls in own}
    for names in (*map(vars, own), *(vars(sys.modules[file]) for file in files if file in sys.modules)):
        for value in list(names.values()):
            yield from _caches_of(value)


def _caches_of(value: Any) -> Iterator[_lru_cache_wrapper[Any]]:
    """A cache, or one that a function calls which wraps it."""
    function = value.__func__ if type(value) in (staticmethod, classmethod) else value
    if type(function) is _lru_cache_wrapper:
        yield function
    if type(function) is not FunctionType:  # what stands in for a missing package may raise whatever it is asked
        return
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # a cell that holds nothing yet
            continue
        if type(held) is _lru_cache_wrapper:
            yield held
