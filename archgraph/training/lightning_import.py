"""Lightning, imported in one place, since it takes care: it is an extra, loud, and trips over a torchvision of CUDA."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from archgraph.errors import TrainingError

INSTALL = "pip install 'archgraph[train]'"


@contextlib.contextmanager
def _without_torchvision() -> Iterator[None]:
    """While torchmetrics is imported, torchvision seems absent where it is built for CUDA and torch is not.

    PyPI's wheel for Linux is; its import fails then, and torchmetrics looks for it though nothing here needs it.
    """
    from lightning_utilities.core.imports import RequirementCache

    plain = RequirementCache.__bool__

    def met(cache: RequirementCache) -> bool:
        return cache.requirement != "torchvision" and plain(cache)

    RequirementCache.__bool__ = met  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        RequirementCache.__bool__ = plain  # type: ignore[method-assign]


def _torchvision_unfit() -> bool:
    try:
        version = importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return False
    return torch.version.cuda is None and sys.platform == "linux" and not version.endswith("+cpu")


try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _without_torchvision() if _torchvision_unfit() else contextlib.nullcontext():
            import lightning.pytorch as L
            from lightning.pytorch import callbacks, loggers, strategies
            from lightning.pytorch.utilities import rank_zero_only
except ModuleNotFoundError as error:
    raise TrainingError(f"training needs {error.name}, which is not installed", hint=INSTALL) from None

__all__ = ["L", "callbacks", "deterministic", "loggers", "process_rank", "quiet", "rank_zero_only", "strategies"]


def process_rank() -> int:
    """The rank of this process, from the launcher's environment variables; 0 before there are others."""
    return int(getattr(rank_zero_only, "rank", None) or 0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice on workers, devices and tips; errors still come through."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Within, torch's algorithms are chosen for the same result each time; afterwards they are as before.

    Filling new memory, which comes with it, costs time and helps only programs that read what nobody wrote.
    """
    memory: Any = torch.utils.deterministic
    chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled, tried = memory.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(chosen[0], warn_only=chosen[1])
        memory.fill_uninitialized_memory = filled
        torch.backends.cudnn.benchmark = tried
