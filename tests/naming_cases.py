"""Tensors of a network under its own keys, sent through a naming and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import torch
from shipped_graphs import shipped

from archgraph.graph import weights
from archgraph.weights.copy_rules import CopyRule
from archgraph.weights.namings import PublishedNaming, naming_named, read_naming
from archgraph.weights.tensors import LazyTensor, of_array

SHIPPED = Path(__file__).parents[1] / "specs" / "namings"
State = dict[str, torch.Tensor]


def thin_state(name: str) -> State:
    """Numbers under each key of a shipped preset, no two tensors alike; all axes but the first are `thin`.

    So the largest networks fit into memory, and rules that split, join and turn have something to work on.
    """
    return dict(_thin_state(name))


@cache
def _thin_state(name: str) -> State:
    made: State = {}
    for number, item in enumerate(weights(shipped(name))):
        shape = thin(item.weight.shape)
        kind = torch.float64 if item.weight.dtype.startswith("float") else torch.int64
        made[item.key] = (torch.arange(prod(shape), dtype=kind) + 1000 * number).reshape(shape)
    return made


def thin(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes after the first have size 1; an even second one of three has 2, because stacked experts are split there."""
    second = 2 if len(shape) == 3 and shape[1] % 2 == 0 else 1
    return tuple(size if axis == 0 else second if axis == 1 else 1 for axis, size in enumerate(shape))


def naming_of(preset: str, name: str) -> PublishedNaming:
    """A naming of a shipped preset."""
    return naming_named(shipped(preset), name)


def naming_in(network: str, name: str) -> PublishedNaming:
    """A naming in its shipped file."""
    return read_naming(SHIPPED / network / f"{name}.yaml")


def lazy(state: Mapping[str, torch.Tensor]) -> dict[str, LazyTensor]:
    """Tensors of torch as a file holds them."""
    return {key: of_array(tensor.detach().numpy()) for key, tensor in state.items()}


def read(tensors: Mapping[str, LazyTensor]) -> State:
    """What a file holds as tensors of torch."""
    return {key: torch.from_numpy(np.array(tensor.read())) for key, tensor in tensors.items()}


def with_equal_copies(naming: PublishedNaming, own: State) -> State:
    """Tensors of the spec, of which those that the published file holds once are equal."""
    made = dict(own)
    for rule in naming.rules:
        first: dict[tuple[str, ...], str] = {}
        for key in own if isinstance(rule, CopyRule) else ():
            if (values := rule.new.matched(key)) is not None:
                made[key] = own[first.setdefault(values[len(rule.each.wildcards) :], key)].clone()
    return made


def forward(naming: PublishedNaming, published: Mapping[str, torch.Tensor]) -> State:
    """Published tensors under the keys of the spec."""
    return read(naming.forward(lazy(published)).tensors)


def backward(naming: PublishedNaming, own: Mapping[str, torch.Tensor]) -> State:
    """The spec's tensors under the published keys."""
    return read(naming.backward(lazy(own)).tensors)


def assert_equal(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """The same keys, and under each the same numbers, bit by bit."""
    assert sorted(found) == sorted(expected)
    unequal = [key for key, tensor in expected.items() if not torch.equal(found[key], tensor)]
    assert unequal == []


def assert_both_directions(
    naming: PublishedNaming, published: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> None:
    """The published tensors become the own ones, and the own ones the published ones."""
    assert_equal(forward(naming, published), own)
    assert_equal(backward(naming, own), published)
