"""Shapes, dimensions and attributes at random, some of them wrong, from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

Draw = tuple[dict[str, Any], dict[str, tuple[int, ...]]]
Drawer = Callable[[Random], Draw]


def image(rng: Random, channels: int = 0) -> tuple[int, ...]:
    return rng.randint(1, 3), channels or rng.randint(1, 6), rng.randint(3, 12), rng.randint(3, 12)


def box(rng: Random, low: int = 1, high: int = 5) -> tuple[int, ...]:
    return tuple(rng.randint(1, 4) for _ in range(rng.randint(low, high)))


def axis(rng: Random, rank: int) -> int:
    """Mostly a dimension of the value, now and then one out of range."""
    return rng.randint(-rank, rank - 1) if rng.random() < 0.9 else rng.choice([-rank - 1, rank])


def pair(rng: Random, low: int, high: int) -> Any:
    both = [rng.randint(low, high), rng.randint(low, high)]
    return both[0] if rng.random() < 0.5 else both


def each(rng: Random, axes: int, low: int, high: int) -> Any:
    """One number for all dimensions, or one for each."""
    several = [rng.randint(low, high) for _ in range(axes)]
    return several[0] if rng.random() < 0.5 else several


def space(rng: Random, axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.randint(low, high if axes < 3 else max(low, high // 2 + 1)) for _ in range(axes))


def over_axes(name: str, make: Callable[[Random, int], Draw]) -> dict[str, Drawer]:
    """The drawers of a family, for one, two and three dimensions."""
    return {f"{name}{axes}d": partial(_drawn, make, axes) for axes in (1, 2, 3)}


def _drawn(make: Callable[[Random, int], Draw], axes: int, rng: Random) -> Draw:
    return make(rng, axes)


def parametrization(rng: Random, rank: int) -> dict[str, Any]:
    """Now and then a weight norm or a spectral norm, along a dimension of the weight or one beyond."""
    if rng.random() < 0.7:
        return {}
    options = {"dim": rng.choice([None, *range(rank), rank]), "parametrize": rng.random() < 0.5}
    return {rng.choice(["weight_norm", "spectral_norm"]): options if rng.random() < 0.8 else True}
