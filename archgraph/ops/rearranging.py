"""Values stacked, repeated, reversed, and in other dimensions."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Axes, Dims, Positive
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import axes_of, axis_of, named, require_same_dtype, without_dim
from archgraph.ops.shape import Reshape
from archgraph.ops.traits import Traits

MOST_RESULTS = 1000
_ANY = (Port("input", dtypes=DTYPES),)
_SEVERAL = (Port("tensors", variadic=True, dtypes=DTYPES),)
_BOX = {"input": TensorType((2, 3, 4))}
_MOVES = Traits(moves_data=True)


def _replaced(kind: TensorType, axis: int, *sizes: Dim) -> TensorType:
    return TensorType((*kind.shape[:axis], *sizes, *kind.shape[axis + 1 :]), kind.dtype)


class Several(Operation):
    """Base of what gives as many values as it reads or finds: named 0, 1, …"""

    @property
    def results(self) -> tuple[str, ...]:
        return ("0",)

    def result_names(self, count: int) -> tuple[str, ...]:
        return tuple(map(str, range(count)))


@operation("stack", _MOVES)
class StackTensors(Operation):
    meaning: ClassVar[str] = "Values of one shape along a new dimension: n times [..., A] → [..., n, A] at dim"
    ports: ClassVar[tuple[Port, ...]] = _SEVERAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"tensors.0": TensorType((2, 3)), "tensors.1": TensorType((2, 3))}),
        Example({"dim": -1}, {"tensors.0": TensorType((2, 3)), "tensors.1": TensorType((2, 3))}),
    )

    dim: int = 0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = inputs.all("tensors")
        if len({kind.rank for kind in kinds}) > 1:
            raise ShapeError("stack needs values of equal rank", received=named(kinds))
        require_same_dtype(kinds)
        for kind in kinds[1:]:
            for have, want in zip(kind.shape, kinds[0].shape, strict=True):
                facts.require_equal(want, have, Cause(f"stack needs values of one shape: {named(kinds)}"))
        axis = axis_of(kinds[0], self.dim, rank=kinds[0].rank + 1)
        shape = kinds[0].shape
        return (TensorType((*shape[:axis], len(kinds), *shape[axis:]), kinds[0].dtype),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim, rank=inputs.main.rank + 1) == 0

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return dim + (axis_of(inputs.main, self.dim, rank=inputs.main.rank + 1) <= dim)


@operation("unbind", _MOVES)
class Unbind(Several):
    meaning: ClassVar[str] = (
        "The places along dim as values of their own, named 0, 1, …: [..., n, ...] → n times [..., ...]"
    )
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _BOX), Example({"dim": -2}, _BOX))

    dim: int = 0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        count = kind.shape[axis]
        if not isinstance(count, int) or count > MOST_RESULTS:
            raise ShapeError(
                f"unbind needs to know how many values there are in dimension {axis} of {kind}",
                expected=f"a number of at most {MOST_RESULTS}",
                received=str(count),
                subject="dim",
            )
        return (_replaced(kind, axis),) * count

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return without_dim(axis_of(inputs.main, self.dim), dim)


class Repeated(Operation):
    """Base of what is repeated as a whole along the last dimensions."""

    ports: ClassVar[tuple[Port, ...]] = _ANY

    @property
    def times(self) -> tuple[Dim, ...]:
        """How often along each of the last dimensions."""
        raise NotImplementedError

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        for count in self.times:
            facts.require_at_least(count, 1, Cause(f"{self.name} repeats at least once"))
        have, times = aligned(kind.shape, self.times)
        return (TensorType(tuple(size * count for size, count in zip(have, times, strict=True)), kind.dtype),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return aligned(inputs.main.shape, self.times)[1][0] != 1


def aligned(shape: tuple[Dim, ...], times: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """Both with as many numbers, aligned at the last one, and 1 in the place of those that lack."""
    rank = max(len(shape), len(times))
    return (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(times)) + times


@operation("tile", _MOVES)
class Tile(Repeated):
    meaning: ClassVar[str] = "Repeated dims times along the last dimensions: [A, B], dims: [2, 3] → [2·A, 3·B]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dims": [2]}, _BOX),
        Example({"dims": [2, 1, 3, 1]}, _BOX),
    )

    dims: Dims

    @property
    def times(self) -> tuple[Dim, ...]:
        return self.dims


@operation("repeat", _MOVES)
class Repeat(Repeated):
    meaning: ClassVar[str] = "tile, with a number for each dimension at least: [A, B], repeats: [2, 3] → [2·A, 3·B]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"repeats": [1, 2, 3]}, _BOX),
        Example({"repeats": [2, 1, 3, 1]}, _BOX),
    )

    repeats: Dims

    @property
    def times(self) -> tuple[Dim, ...]:
        return self.repeats

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if len(self.repeats) < inputs["input"].rank:
            raise ShapeError(
                "repeat needs a number for each dimension",
                expected=f"at least {inputs['input'].rank}",
                received=str(len(self.repeats)),
                subject="repeats",
            )
        return super().infer(inputs, facts)


@operation("repeat_interleave", _MOVES)
class RepeatInterleave(Operation):
    meaning: ClassVar[str] = (
        "Each place along dim (null: each value) several times in a row: [..., A] → [..., repeats·A]"
    )
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"repeats": 2}, _BOX),
        Example({"repeats": 3, "dim": -2}, _BOX),
    )

    repeats: Positive
    dim: int | None = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if self.dim is None:
            return (TensorType((kind.elements * self.repeats,), kind.dtype),)
        axis = axis_of(kind, self.dim)
        return (_replaced(kind, axis, kind.shape[axis] * self.repeats),)


@operation("flip", _MOVES)
class Flip(Operation):
    meaning: ClassVar[str] = "The places along each of dims in reverse order: [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (Example({"dims": [0, -1]}, _BOX), Example({"dims": 1}, _BOX))

    dims: Axes

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        axes_of(inputs["input"], self.dims, "dims")
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return 0 in axes_of(inputs.main, self.dims, "dims")

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim in axes_of(inputs.main, self.dims, "dims") else dim


@operation("meshgrid", _MOVES)
class Meshgrid(Several):
    meaning: ClassVar[str] = (
        "The coordinates of all points of a grid, one value for each axis, named 0, 1, …: [A], [B] → twice [A, B], "
        "with indexing: xy twice [B, A]"
    )
    ports: ClassVar[tuple[Port, ...]] = _SEVERAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"tensors.0": TensorType((2,)), "tensors.1": TensorType((3,))}),
        Example(
            {"indexing": "xy"},
            {"tensors.0": TensorType((2,)), "tensors.1": TensorType((3,)), "tensors.2": TensorType((4,))},
        ),
    )

    indexing: Literal["ij", "xy"] = "ij"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = inputs.all("tensors")
        if any(kind.rank > 1 for kind in kinds):
            raise ShapeError("meshgrid needs rows of coordinates", expected="[A], [B]", received=named(kinds))
        require_same_dtype(kinds)
        sizes = [kind.elements for kind in kinds]
        shape = tuple(sizes[axis] for axis in self.order(len(kinds)))
        return (TensorType(shape, kinds[0].dtype),) * len(kinds)

    def order(self, count: int) -> list[int]:
        """Which value runs along each dimension of the grid."""
        return [1, 0, *range(2, count)] if self.indexing == "xy" and count > 1 else list(range(count))


@operation("movedim", _MOVES)
class Movedim(Operation):
    meaning: ClassVar[str] = "Dimensions of source at the places of destination, the others in order: [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"source": 1, "destination": -1}, _BOX),
        Example({"source": [0, 1], "destination": [2, 0]}, _BOX),
    )

    source: Axes
    destination: Axes

    def order(self, kind: TensorType) -> tuple[int, ...]:
        """Which dimension stands at each place. Raises ShapeError out of range, and for lists of unequal length."""
        source, target = axes_of(kind, self.source, "source"), axes_of(kind, self.destination, "destination")
        if len(source) != len(target):
            raise ShapeError("movedim needs a destination for each source", subject="destination")
        moved = dict(zip(target, source, strict=True))
        others = iter(axis for axis in range(kind.rank) if axis not in source)
        return tuple(moved[place] if place in moved else next(others) for place in range(kind.rank))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        return (TensorType(tuple(kind.shape[axis] for axis in self.order(kind)), kind.dtype),)


@operation("unflatten", Traits(moves_data=True, result_sizes=("sizes",)))
class Unflatten(Operation):
    meaning: ClassVar[str] = "One dimension as several; one size may be -1: [..., A·B, ...] → [..., A, B, ...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": -1, "sizes": [2, 2]}, _BOX),
        Example({"dim": 1, "sizes": [-1, 1]}, _BOX),
    )

    dim: int
    sizes: Dims

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        if not self.sizes:
            raise ShapeError("unflatten needs sizes", subject="sizes")
        dimension = Inputs({"input": TensorType((kind.shape[axis],), kind.dtype)})
        (parts,) = Reshape(shape=self.sizes).infer(dimension, facts)
        return (_replaced(kind, axis, *parts.shape),)


@operation("broadcast_tensors", _MOVES)
class BroadcastTensors(Several):
    meaning: ClassVar[str] = "All values stretched to their common shape, named 0, 1, …"
    ports: ClassVar[tuple[Port, ...]] = _SEVERAL
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"tensors.0": TensorType((2, 3, 1)), "tensors.1": TensorType((4,))}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = inputs.all("tensors")
        shape = broadcast(kinds, facts)
        return tuple(TensorType(shape, kind.dtype) for kind in kinds)
