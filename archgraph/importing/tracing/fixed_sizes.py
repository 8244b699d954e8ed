"""Sizes that a module's code asks for, found by running it at others: a trace with them free would be in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from archgraph.dims.constraint import Constraint
from archgraph.importing.sources.input_descriptions import InputDescription, Sizes
from archgraph.importing.tracing.shape_runs import RecordedRun, ShapeRuns, reason

_OTHERS: tuple[Callable[[int], int], ...] = (lambda size: 2 * size, lambda size: 2 * size - 1)
"""A module that takes the multiples of a number takes a size twice; one that takes those of a number and one more,
one less than that."""


def refusal_of_other_sizes(runs: ShapeRuns, inputs: Mapping[str, Any], declared: Mapping[str, Sizes]) -> str:
    """Why no size but that of a batch can be free; '' where the module takes others, or is not asked.

    It is asked where two sizes of an input are equal: where it takes unequal ones, its code asks for none.
    """
    numbers = dict(_numbers(inputs, declared))
    batch = {sizes[0] for sizes in declared.values() if sizes}
    free = {name: size for name, size in numbers.items() if name not in batch}
    if len(set(free.values())) == len(free):
        return ""
    why = ""
    for other in _OTHERS:
        changed = {name: other(size) for name, size in free.items()}
        tried = _resized(inputs, declared, {**numbers, **changed})
        found = runs.evaluation(tried)
        if runs.takes(tried) or not isinstance(found, Exception):
            return ""
        shown = ", ".join(f"{name} = {size}" for name, size in changed.items())
        why = why or f"the module refuses {shown}: {reason(found)}"
    return why


def larger_inputs(runs: ShapeRuns, inputs: Mapping[str, Any], declared: Mapping[str, Sizes]) -> dict[str, Any] | None:
    """The inputs at two and three times their sizes, where these tell more and the module takes the same steps at both:
    where sizes are equal, so that the module refused others, and where a grid of one block or window becomes one of
    several. None where there are none."""
    numbers = dict(_numbers(inputs, declared))
    batch = {sizes[0] for sizes in declared.values() if sizes}
    free = {name: size for name, size in numbers.items() if name not in batch}
    equal = len(set(free.values())) < len(free)
    grids = _grids(runs.evaluation(inputs))
    if not free or not (equal or any(1 in grid for grid in grids)):
        return None
    changed = {name: (2 + place % 2) * size for place, (name, size) in enumerate(free.items())}
    larger = _resized(inputs, declared, {**numbers, **changed})
    first, second = (runs.evaluation(given) for given in (inputs, larger))
    if isinstance(first, Exception) or isinstance(second, Exception) or first.calls.steps != second.calls.steps:
        return None
    return larger if equal or _has_grown(grids, second.calls.grids) else None


def holds_at(constraints: Iterable[Constraint], inputs: Mapping[str, Any], declared: Mapping[str, Sizes]) -> bool:
    """Whether the constraints allow the sizes of these inputs."""
    numbers = dict(_numbers(inputs, declared))
    return all(one.allows(numbers[one.symbol]) for one in constraints if one.symbol in numbers)


def _grids(run: RecordedRun | Exception) -> list[torch.Size]:
    return [] if isinstance(run, Exception) else run.calls.grids


def _has_grown(grids: Sequence[torch.Size], others: Sequence[torch.Size]) -> bool:
    """Whether a size that was 1 is another one in a larger grid."""
    pairs = (pair for one, other in zip(grids, others, strict=False) for pair in zip(one, other, strict=False))
    return any(one == 1 < other for one, other in pairs)


def _numbers(inputs: Mapping[str, Any], declared: Mapping[str, Sizes]) -> Iterator[tuple[str, int]]:
    """The names of sizes with their numbers in the inputs."""
    for name, sizes in declared.items():
        value = inputs.get(name)
        if isinstance(value, torch.Tensor):
            pairs = zip(sizes, value.shape, strict=False)
            yield from ((size, number) for size, number in pairs if isinstance(size, str) and size.isidentifier())


def _resized(inputs: Mapping[str, Any], declared: Mapping[str, Sizes], numbers: Mapping[str, int]) -> dict[str, Any]:
    """The inputs at other sizes, without contents."""
    found = dict(inputs)
    for name, sizes in declared.items():
        value = inputs.get(name)
        described = InputDescription(tuple(sizes))
        if isinstance(value, torch.Tensor) and set(described.names) <= set(numbers):
            found[name] = value.new_empty(described.shape(numbers))
    return found
