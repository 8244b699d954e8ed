"""Modules in training as a graph has them: dropout, stochastic depth and batch statistics are part of operations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from archgraph.importing.tracing.stochastic_depth import is_stochastic_depth


def set_training(module: torch.nn.Module, *, norms: bool) -> None:
    """Puts a module in training, its layers of torch.nn and stochastic depth excepted: what these do in training, their
    operations do too. Norms are in training where `norms` says so and the module's own `train` leaves them there."""
    module.train()
    for inner in module.modules():
        is_norm = isinstance(inner, torch.nn.modules.batchnorm._NormBase)
        if (is_norm and not norms) or (not is_norm and is_known(inner)):
            inner.training = False


def is_known(module: torch.nn.Module) -> bool:
    """Whether its behaviour in training is that of an operation: the forward is torch's, or leaves out samples."""
    return str(type(module).forward.__module__).startswith("torch.nn.") or is_stochastic_depth(module)


class _WatchedAttribute:
    """`training` of modules while its readers are noted."""

    def __init__(self, readers: set[str]):
        self._readers = readers

    def __get__(self, module: torch.nn.Module | None, owner: type) -> Any:
        if module is None:
            return self
        if not is_known(module):
            frame = sys._getframe(1)
            self._readers.add(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        return module.__dict__["training"]

    def __set__(self, module: torch.nn.Module, value: bool) -> None:
        module.__dict__["training"] = value


@contextmanager
def noted_readers_of_training() -> Iterator[set[str]]:
    """Collects the lines that ask modules whether they are in training, torch's own layers excepted."""
    readers: set[str] = set()
    torch.nn.Module.training = _WatchedAttribute(readers)  # type: ignore[assignment]
    try:
        yield readers
    finally:
        del torch.nn.Module.training
