"""Operations that join, divide and rearrange values without computing anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.dims.quotients import quotient
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Axes, Count, Dims, Ints, Parts, Shifts
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import axes_of, axis_of, named, require_same_dtype
from archgraph.ops.traits import Traits

_ANY = (Port("input", dtypes=DTYPES),)
_BOX = {"input": TensorType((2, 6, 4, 5))}


@operation("concat", Traits(moves_data=True, makes_new=True))
class Concat(Operation):
    meaning: ClassVar[str] = "Joins values along dim: [..., A, ...], [..., B, ...] → [..., A + B, ...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("tensors", variadic=True, dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"tensors.0": TensorType((2, 3, 4)), "tensors.1": TensorType((2, 5, 4))}),
        Example(
            {"dim": -1},
            {"tensors.0": TensorType((2, 3)), "tensors.1": TensorType((2, 1)), "tensors.2": TensorType((2, 2))},
        ),
    )

    dim: int = 1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = inputs.all("tensors")
        if len({kind.rank for kind in kinds}) > 1:
            raise ShapeError("concat needs values of equal rank", received=named(kinds))
        require_same_dtype(kinds)
        joined = axis_of(kinds[0], self.dim)
        cause = Cause(f"concat along dimension {joined} needs all other sizes of {named(kinds)} equal")
        for kind in kinds[1:]:
            for axis in range(kind.rank):
                if axis != joined:
                    _require_equal(kinds[0].shape[axis], kind.shape[axis], cause, facts)
        total: Dim = sum((kind.shape[joined] for kind in kinds[1:]), start=kinds[0].shape[joined])
        return (_with(kinds[0], joined, total),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim == axis_of(inputs.main, self.dim) else dim


def _require_equal(a: Dim, b: Dim, cause: Cause, facts: Facts) -> None:
    """Raises ShapeError in the words of the cause, which names the whole shapes."""
    try:
        facts.require_equal(a, b, cause)
    except ShapeError as error:
        problem = error.problems[0]
        raise ShapeError(cause.reason, expected=str(a), received=str(b), hint=problem.hint) from None


def _with(kind: TensorType, axis: int, *sizes: Dim) -> TensorType:
    """The type with one dimension replaced by the given ones."""
    return TensorType((*kind.shape[:axis], *sizes, *kind.shape[axis + 1 :]), kind.dtype)


@operation("split", Traits(moves_data=True))
class Split(Operation):
    meaning: ClassVar[str] = "Parts of the given sizes along dim, named 0, 1, …: [..., Σ split_size, ...] → n outputs"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"split_size": [1, 2, 3], "dim": 1}, _BOX),
        Example({"split_size": [2, 3], "dim": -1}, _BOX),
    )

    split_size: Parts
    dim: int = 0

    @property
    def results(self) -> tuple[str, ...]:
        return tuple(map(str, range(len(self.split_size))))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        for size in self.split_size:
            facts.require_at_least(size, 1, Cause("a part must not be empty"))
        total: Dim = sum(self.split_size, start=0)
        cause = Cause(f"the sizes of the parts must add up to dimension {axis} of {kind}", subject="split_size")
        _require_equal(kind.shape[axis], total, cause, facts)
        return tuple(_with(kind, axis, size) for size in self.split_size)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim == axis_of(inputs.main, self.dim) else dim


@operation("chunk", Traits(moves_data=True))
class Chunk(Operation):
    meaning: ClassVar[str] = "Equal parts along dim, named 0, 1, …: [..., chunks·A, ...] → chunks outputs [..., A, ...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (Example({"chunks": 3, "dim": 1}, _BOX), Example({"chunks": 2}, _BOX))

    chunks: Count
    dim: int = 0

    @property
    def results(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.chunks)))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        size = kind.shape[axis]
        cause = Cause(f"{self.chunks} equal parts of dimension {axis} of {kind}", subject="chunks")
        facts.require_multiple(size, self.chunks, cause)
        part = facts.simplify(size // self.chunks)
        return (_with(kind, axis, part),) * self.chunks

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim == axis_of(inputs.main, self.dim) else dim


@operation("reshape", Traits(moves_data=True, result_sizes=("shape",)))
class Reshape(Operation):
    meaning: ClassVar[str] = "The same elements in another shape; one size may be -1 and follows from the others"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [2, 3, 2, 20]}, _BOX),
        Example({"shape": [-1, 8]}, _BOX),
    )

    shape: Dims

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        known = [size for size in self.shape if size != -1]
        if len(known) < len(self.shape) - 1:
            raise ShapeError("only one size may be -1", received=str(TensorType(self.shape)), subject="shape")
        cause = Cause(f"{kind} as {TensorType(self.shape)} must keep the number of elements", subject="shape")
        for size in known:
            facts.require_at_least(size, 1, cause)
        if len(known) < len(self.shape):
            missing = _remaining(kind.shape, known, cause, facts)
            return (TensorType(tuple(missing if size == -1 else size for size in self.shape), kind.dtype),)
        facts.require_same_product(self.shape, kind.shape, cause)
        return (TensorType(self.shape, kind.dtype),)


def _remaining(shape: tuple[Dim, ...], known: list[Dim], cause: Cause, facts: Facts) -> Dim:
    """The product of the shape divided by that of the known sizes. Raises ShapeError where it is not whole."""
    simple = [facts.simplify(size) for size in shape], [facts.simplify(size) for size in known]
    whole, divisor = _fraction(*simple)
    if isinstance(divisor, int):
        facts.require_multiple(whole, divisor, cause)
        return facts.simplify(whole // divisor)
    found = quotient(whole, divisor, facts)
    if found is None:
        raise ShapeError(cause.reason, expected=f"a multiple of {divisor}", received=str(whole))
    facts.require_multiple(*found, cause)
    return facts.simplify(found[0] // found[1])


def _fraction(shape: Sequence[Dim], known: Sequence[Dim]) -> tuple[Dim, Dim]:
    """The products of the sizes and of those that are known, without what they share."""
    left, divisors = list(shape), []
    for size in known:
        if size in left:
            left.remove(size)
        else:
            divisors.append(size)
    return product(left), product(divisors)


@operation("permute", Traits(moves_data=True))
class Permute(Operation):
    meaning: ClassVar[str] = "Dimensions in the order of dims: out.shape[i] = input.shape[dims[i]]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dims": [0, 2, 3, 1]}, _BOX),
        Example({"dims": [-1, 0, 1, 2]}, _BOX),
    )

    dims: Ints

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axes = axes_of(kind, self.dims, "dims")
        if len(axes) != kind.rank:
            raise ShapeError(
                "permute needs every dimension once",
                subject="dims",
                expected=f"{kind.rank} dims for {kind}",
                received=str(list(self.dims)),
            )
        return (TensorType(tuple(kind.shape[axis] for axis in axes), kind.dtype),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return axes_of(inputs.main, self.dims, "dims").index(dim)


@operation("transpose", Traits(moves_data=True))
class Transpose(Operation):
    meaning: ClassVar[str] = "Exchanges two dimensions: [..., A, ..., B, ...] → [..., B, ..., A, ...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim0": 1, "dim1": 2}, _BOX),
        Example({"dim0": -1, "dim1": 0}, _BOX),
    )

    dim0: int
    dim1: int

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        first, second = axis_of(kind, self.dim0, "dim0"), axis_of(kind, self.dim1, "dim1")
        shape = list(kind.shape)
        shape[first], shape[second] = shape[second], shape[first]
        return (TensorType(tuple(shape), kind.dtype),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        first, second = axis_of(inputs.main, self.dim0, "dim0"), axis_of(inputs.main, self.dim1, "dim1")
        return {first: second, second: first}.get(dim, dim)


@operation("roll", Traits(moves_data=True))
class Roll(Operation):
    meaning: ClassVar[str] = "Shifts elements along dims; what leaves at one end enters at the other: [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shifts": [-1, 2], "dims": [2, 3]}, _BOX),
        Example({"shifts": 3, "dims": 1}, _BOX),
    )

    shifts: Shifts
    dims: Axes

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        axes_of(inputs["input"], self.dims, "dims")
        if not self.shifts or len(self.shifts) != len(self.dims):
            raise ShapeError(
                "roll needs one shift for each dimension",
                subject="shifts",
                expected=f"{len(self.dims)} shifts" if self.dims else "at least one dimension and its shift",
                received=str(list(self.shifts)),
            )
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return 0 in axes_of(inputs["input"], self.dims, "dims")

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim in axes_of(inputs["input"], self.dims, "dims") else dim
