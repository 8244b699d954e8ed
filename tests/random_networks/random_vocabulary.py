"""Random applications of every operation there is: attributes and shapes of its own drawer, or of its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from random import Random
from typing import Any

from operation_tests import operation_tests
from random_bodies import small

from archgraph.dims import Dim, Facts
from archgraph.errors import ArchgraphError
from archgraph.ops import REGISTRY, Inputs, Operation, TensorType, make
from archgraph.ops.unary import TABLE as UNARY

Attributes = dict[str, Any]
Types = dict[str, TensorType]
MADE_ELSEWHERE = {"parameter", "buffer", "constant", "register_buffer"}
"""What other parts of the generator make, since something has to read it."""
ORDER = sorted(set(REGISTRY) - MADE_ELSEWHERE)
Random(0).shuffle(ORDER)
KNOWN = {"float32", "int32", "int64", "bool", "uint8"}
"""Element types of what is compared: in float64, where all is computed, a float16 would be none."""
SHAPES = ("shape", "size", "sizes", "output_size")
"""Attributes that hold sizes of the result."""
STEPS = {
    *("sign", "floor", "ceil", "round", "trunc", "frac", "hardshrink", "threshold", "fmod", "remainder"),
    *("floor_divide", "nan_to_num", "searchsorted", "bucketize"),
}
PLACES = {"topk", "sort", "argsort", "argmax", "argmin", "max", "min", "median", "cummax", "cummin"}
"""Operations that say where something is found: of equal numbers it may be any."""
DOMAINS = {"acosh": (1.25, 3.0)}
"""Of functions that are not defined, or are too steep, at some of the numbers between 0.25 and 0.75."""
POSITIVE = {"pow", "atan2", "lp_pool1d", "lp_pool2d", "lp_pool3d"}
"""Functions of the table's kind, and sums of powers, that are no numbers below 0."""
TRIES = 12


@dataclass(frozen=True)
class Application:
    """An operation with what it reads and makes. Sizes in its attributes may be symbols."""

    op: Operation
    attributes: Mapping[str, Any]
    types: Mapping[str, TensorType]
    results: tuple[TensorType, ...]

    @property
    def jumps(self) -> bool:
        """Whether nearly equal numbers may have results that are far from each other."""
        read = [self.types[name].dtype for name in self.types if name.partition(".")[0] not in self.op.indices]
        counted = "float32" in read and any(kind.dtype != "float32" for kind in self.results)
        nearest = self.op.name == "grid_sample" and self.attributes.get("mode") == "nearest"
        zero = 0 in (self.attributes.get("p", 1), self.attributes.get("ord", 1))
        return counted or nearest or zero or bool(self.attributes.get("rounding_mode")) or self.op.name in STEPS

    @property
    def domain(self) -> tuple[float, float] | None:
        """Between which numbers it has results that one can rely on, where that is not everywhere."""
        if self.op.name in DOMAINS:
            return DOMAINS[self.op.name]
        return (0.25, 0.75) if self.op.name in UNARY.rows or self.op.name in POSITIVE else None

    def integers(self, port: str) -> tuple[int, int]:
        """Between which whole numbers a port takes them."""
        if port not in self.op.indices:
            return (0, 100) if self.op.name in PLACES else (1, 3)
        low, high = self.op.index_range(port, Inputs(self.types))
        return (low, high) if isinstance(low, int) and isinstance(high, int) else (0, 0)


def application(rng: Random, name: str, facts: Facts, near: TensorType | None) -> Application | None:
    """One that torch takes. Where `near` is a type of the same rank, the operation reads that type if it can."""
    for _ in range(TRIES):
        attributes, types = drawn(rng, name)
        for one, other in _versions(rng, attributes, types, near):
            found = applied(name, one, other, facts)
            if found is not None:
                return found
    return None


def drawn(rng: Random, name: str) -> tuple[Attributes, Types]:
    """From the drawer of its tests, or one of its examples."""
    kind, drawers = REGISTRY[name], operation_tests("conftest").DRAWERS
    if name in drawers and rng.random() < 0.9:
        attributes, shapes = drawers[name](rng)
        types = {port: TensorType(shape) for port, shape in shapes.items()}
    else:
        example = rng.choice(kind.examples)
        attributes, types = dict(example.attributes), dict(example.inputs)
    return attributes, _other_types(rng, kind, types)


def _other_types(rng: Random, kind: type[Operation], types: Types) -> Types:
    """Now and then in whole numbers, or truth values, where the operation takes them."""
    floats = {name for name, each in types.items() if each.dtype == "float32"}
    taken = {port.name: port.dtypes for port in kind.ports}
    counted = kind.name in PLACES or kind.name in UNARY.rows  # 0 has no reciprocal and no logarithm
    dtype = rng.choice(["int64", "int32", "int64" if counted else "bool"])
    if not floats or rng.random() < 0.8 or any(dtype not in taken[name.partition(".")[0]] for name in floats):
        return types
    return {name: TensorType(each.shape, dtype) if name in floats else each for name, each in types.items()}


def _versions(
    rng: Random, attributes: Attributes, types: Types, near: TensorType | None
) -> Iterator[tuple[Attributes, Types]]:
    """With the sizes of a value in the place of those that were drawn, and as it was drawn."""
    main = next(iter(types.values()), None)
    if near is not None and main is not None and main.rank == near.rank:
        sizes: dict[int, Dim] = {}
        for size, other in zip(main.shape, near.shape, strict=True):
            sizes.setdefault(int(size), other)  # type: ignore[call-overload]
        mapped = {
            name: TensorType(tuple(sizes.get(int(s), s) for s in each.shape), each.dtype)  # type: ignore[call-overload]
            for name, each in types.items()
        }
        wide = not attributes.get("antialias")  # no size that may become 1: torch's kernel is wrong for one column
        named = {key: _sized(value, sizes) if key in SHAPES and wide else value for key, value in attributes.items()}
        yield from [(named, mapped), (attributes, mapped)]
    yield attributes, types


def _sized(value: Any, sizes: Mapping[int, Dim]) -> Any:
    if isinstance(value, list | tuple):
        return [_sized(item, sizes) for item in value]
    return sizes.get(value, value) if type(value) is int else value


def applied(name: str, attributes: Attributes, types: Types, facts: Facts) -> Application | None:
    """The application, or None where the operation refuses it or makes too much."""
    if any(isinstance(value, float) and not isfinite(value) for value in attributes.values()):
        return None
    try:
        op = make(REGISTRY[name], attributes)
        results = op.infer(Inputs(types), facts)
        op.weights(Inputs(types))
    except ArchgraphError:
        return None
    kinds = (*types.values(), *results)
    fits = all(small(kind) and kind.dtype in KNOWN for kind in kinds)
    return Application(op, attributes, types, tuple(results)) if fits else None
