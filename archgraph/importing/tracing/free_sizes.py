"""Which sizes stay free: all that torch.export can keep, unless the program holds for a few numbers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import fx
from torch.export import Dim

from archgraph.errors import ImportingError

MISSING_OPERATION = "there is no operation for "
"""How a refusal begins that no size can change."""
FreeDimensions = Callable[[int], Iterable[int]]
"""The free dimensions of a tensor, by its number of them."""


def _every(rank: int) -> Iterable[int]:
    return range(rank)


def _first_only(rank: int) -> Iterable[int]:
    return range(min(rank, 1))


def _none(rank: int) -> Iterable[int]:
    return ()


LEVELS: tuple[FreeDimensions, ...] = (_every, _first_only, _none)
"""To be tried in this order: everything free, the batch alone, nothing."""


def free_sizes(value: Any, free: FreeDimensions, declared: Sequence[str | int] = ()) -> Any:
    """The free dimensions of every tensor, as torch.export wants them; None for what is no tensor.

    `declared` are the sizes of one tensor as its description has them: those that are numbers are not free.
    """
    if isinstance(value, torch.Tensor):
        numbers = {axis for axis, size in enumerate(declared) if isinstance(size, int)}
        return dict.fromkeys((axis for axis in free(value.ndim) if axis not in numbers), Dim.AUTO)
    if isinstance(value, Mapping):
        return {name: free_sizes(item, free) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(free_sizes(item, free) for item in value)
    return None


def reason_of_sizes(error: ImportingError, inputs: Iterable[fx.Node]) -> str:
    """Why a program has no counterpart, where fewer free sizes may help: not where an operation is missing, and not
    where every size is a number. '' where nothing helps."""
    problem = error.problems[0]
    free = any(
        isinstance(size, torch.SymInt) and not size.node.expr.is_number
        for node in inputs
        for size in node.meta["val"].shape
    )
    if not free or problem.message.startswith(MISSING_OPERATION):
        return ""
    return f"what has no form with free sizes: {problem.message}"
