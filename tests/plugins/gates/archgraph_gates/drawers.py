"""Attributes and shapes at random, from a seeded generator."""

from __future__ import annotations

from random import Random

from archgraph.ops import Example, TensorType


def _shape(rng: Random) -> tuple[int, ...]:
    return tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 4)))


def quick_gelu(rng: Random) -> Example:
    return Example({"alpha": rng.uniform(0.5, 2)}, {"input": TensorType(_shape(rng))})


def gated_linear(rng: Random) -> Example:
    given = {"out_features": rng.randint(1, 5), "bias": rng.random() < 0.5}
    return Example(given, {"input": TensorType((*_shape(rng), rng.randint(1, 4)))})


def hashed(rng: Random) -> Example:
    given = {"buckets": rng.randint(1, 50), "factor": rng.randint(1, 99)}
    return Example(given, {"input": TensorType(_shape(rng), rng.choice(["int32", "int64"]))})


DRAWERS = {"gates.quick_gelu": quick_gelu, "gates.gated_linear": gated_linear, "gates.hashed": hashed}
