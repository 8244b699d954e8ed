"""Products of vectors, matrices and larger values: each is an equation in Einstein's notation."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Positive, Says
from archgraph.ops.contract import (
    DTYPES,
    FLOAT_TYPES,
    NUMBER_TYPES,
    Example,
    Init,
    Inputs,
    Operation,
    Port,
    TensorType,
    Weight,
    operation,
)
from archgraph.ops.equations import Equation, equation, require_notation
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.promotion import result_type
from archgraph.ops.requirements import axes_of, axis_of, channels_of, require_fits, require_rank, require_same_dtype


class Contraction(Operation):
    """Base of what multiplies values and sums over dimensions that they share."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES), Port("other", dtypes=NUMBER_TYPES))
    letters: ClassVar[str] = ""
    """The equation, where it is the same for all values."""

    def contraction(self, inputs: Inputs) -> Equation:
        """Which dimensions meet. Raises ShapeError where they do not fit the values."""
        self._require_ranks(inputs)
        return equation(self.letters, tuple(inputs.values()))

    def _require_ranks(self, inputs: Inputs) -> None:
        for (port, kind), side in zip(inputs.items(), self.letters.partition("->")[0].split(","), strict=True):
            require_rank(kind, len(side), port)

    def operand_type(self, inputs: Inputs) -> str:
        """The element type in which the values meet. Raises ShapeError where they differ."""
        require_same_dtype(tuple(inputs.values()))
        return inputs.main.dtype

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        found = self.contraction(inputs)
        sizes = found.sizes(tuple(inputs.values()), facts)
        return (TensorType(tuple(sizes[letter] for letter in found.result), self.operand_type(inputs)),)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Of the products from left to right that sum over something."""
        found = self.contraction(inputs)
        sizes = found.sizes(tuple(inputs.values()), Facts())
        total: Dim = 0
        for left, right, kept in found.pairs():
            if set(left) & set(right) - set(kept):
                total = total + product(sizes[letter] for letter in {*left, *right})
        return total

    def mixes_batch(self, inputs: Inputs) -> bool:
        """Where dimension 0 of a value is as large as that of the result, and another."""
        found = self.contraction(inputs)
        shapes = [kind.shape[0] if kind.rank else 1 for kind in inputs.values()]
        sizes = {letters[0]: size for letters, size in zip(found.operands, shapes, strict=True) if letters}
        batch = next((sizes[letter] for letter in found.result[:1] if letter in sizes), None)
        return any(size == batch and letter != found.result[0] for letter, size in sizes.items())


@operation("bmm")
class Bmm(Contraction):
    meaning: ClassVar[str] = "Matrix product of each pair of a batch: [N, A, B], [N, B, C] → [N, A, C]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES), Port("mat2", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4)), "mat2": TensorType((2, 4, 5))}),
    )
    letters: ClassVar[str] = "nab,nbc->nac"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        _require_no_stretch(self.contraction(inputs), inputs, facts)
        return super().infer(inputs, facts)


def _require_no_stretch(found: Equation, inputs: Inputs, facts: Facts) -> None:
    """Dimensions that meet are equal: 1 is stretched by einsum only."""
    sizes: dict[str, Dim] = {}
    for letters, kind in zip(found.operands, inputs.values(), strict=True):
        for letter, size in zip(letters, kind.shape, strict=True):
            cause = Cause(f"dimensions of {' and '.join(map(str, inputs.values()))} that meet must have equal sizes")
            facts.require_equal(sizes.setdefault(letter, size), size, cause)


@operation("mv")
class Mv(Bmm):
    meaning: ClassVar[str] = "Product of a matrix and a vector: [A, B], [B] → [A]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES), Port("vec", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((3, 4)), "vec": TensorType((4,))}),)
    letters: ClassVar[str] = "ab,b->a"


@operation("dot")
class Dot(Bmm):
    meaning: ClassVar[str] = "Inner product of two vectors: [A], [A] → []"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES), Port("tensor", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((4,)), "tensor": TensorType((4,))}),)
    letters: ClassVar[str] = "a,a->"


@operation("outer")
class Outer(Contraction):
    meaning: ClassVar[str] = "Products of all pairs of two vectors: [A], [B] → [A, B]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES), Port("vec2", dtypes=DTYPES))
    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((3,)), "vec2": TensorType((4,))}),)
    letters: ClassVar[str] = "a,b->ab"

    def operand_type(self, inputs: Inputs) -> str:
        return result_type(tuple(inputs.values()))


_EINSUM_TYPES = (*FLOAT_TYPES, "int64")
"""torch gives the narrower whole numbers back as they are or as int64, as it happens to multiply."""
EquationText = Annotated[str, BeforeValidator(require_notation), Says("an equation such as nij,njk->nik")]


@operation("einsum")
class Einsum(Contraction):
    meaning: ClassVar[str] = (
        "Products over the letters of an equation, summed over those that the result lacks: nij,njk->nik is a product "
        "of matrices, and ... stands for further dimensions"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("operands", variadic=True, dtypes=_EINSUM_TYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"equation": "bhid,bhjd->bhij"},
            {"operands.0": TensorType((2, 3, 4, 5)), "operands.1": TensorType((2, 3, 6, 5))},
        ),
        Example({"equation": "...ii->...i"}, {"operands.0": TensorType((2, 3, 3))}),
    )

    equation: EquationText

    def contraction(self, inputs: Inputs) -> Equation:
        return equation(self.equation, inputs.all("operands"))


Pairs = tuple[tuple[int, ...], tuple[int, ...]]


def _as_pairs(value: Any) -> Any:
    return (
        tuple(tuple(each) if isinstance(each, list) else each for each in value) if isinstance(value, list) else value
    )


@operation("tensordot")
class Tensordot(Contraction):
    meaning: ClassVar[str] = (
        "Sums products over the last dims of a and the first of b, or over the dimensions that two lists name: "
        "[..., A], [A, ...] → [..., ...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("a", dtypes=NUMBER_TYPES), Port("b", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"a": TensorType((2, 3, 4)), "b": TensorType((3, 4, 5))}),
        Example({"dims": [[0, -1], [1, 2]]}, {"a": TensorType((2, 3, 4)), "b": TensorType((5, 2, 4))}),
    )

    dims: Annotated[
        int | Pairs, BeforeValidator(_as_pairs), Says("a number of dimensions, or two lists of dimensions")
    ] = 2

    def contraction(self, inputs: Inputs) -> Equation:
        a, b = inputs["a"], inputs["b"]
        ours, theirs = self._axes(a, b)
        left = [f"a{axis}" for axis in range(a.rank)]
        right = [f"b{axis}" for axis in range(b.rank)]
        for one, other in zip(ours, theirs, strict=True):
            right[other] = left[one]
        shared = {left[axis] for axis in ours}
        kept = tuple(letter for letter in (*left, *right) if letter not in shared)
        return Equation((tuple(left), tuple(right)), kept)

    def _axes(self, a: TensorType, b: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if isinstance(self.dims, int):
            if not 0 <= self.dims <= min(a.rank, b.rank):
                most = min(a.rank, b.rank)
                raise ShapeError("tensordot sums over shared dimensions", expected=f"0 to {most}", subject="dims")
            return tuple(range(a.rank - self.dims, a.rank)), tuple(range(self.dims))
        ours, theirs = axes_of(a, self.dims[0], "dims"), axes_of(b, self.dims[1], "dims")
        if len(ours) != len(theirs):
            raise ShapeError("tensordot pairs dimensions", expected="lists of equal length", subject="dims")
        return ours, theirs


class WithSum(Operation):
    """Base of the products of matrices that are added to a value: beta · input + alpha · product."""

    beta: int | float = 1
    alpha: int | float = 1

    rank: ClassVar[int]

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        added, (one, other) = inputs["input"], tuple(inputs.values())[1:]
        for port, kind in tuple(inputs.items())[1:]:
            require_rank(kind, self.rank, port)
        require_same_dtype((added, one, other))
        for number in ("beta", "alpha"):
            self._require_fits(number, added.dtype)
        cause = Cause(f"the columns of {one} must match the rows of {other}")
        facts.require_equal(one.shape[-1], other.shape[-2], cause)
        if self.rank > 2:
            facts.require_equal(one.shape[0], other.shape[0], Cause(f"{one} and {other} are pairs of matrices"))
        shape = (*one.shape[:-1], other.shape[-1])
        if added.rank > len(shape) or broadcast([added, TensorType(shape)], facts) != shape:
            raise ShapeError(f"{added} cannot be added to {TensorType(shape)}", subject="input")
        return (TensorType(shape, added.dtype),)

    def _require_fits(self, name: str, dtype: str) -> None:
        value = getattr(self, name)
        if isinstance(value, float) and dtype not in FLOAT_TYPES:
            raise ShapeError("whole numbers are taken a whole number of times", received=str(value), subject=name)
        require_fits(value, dtype, name)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(outputs[0].shape) * tuple(inputs.values())[1].shape[-1]


@operation("addmm")
class Addmm(WithSum):
    meaning: ClassVar[str] = "beta · input + alpha · (mat1 @ mat2), input broadcast: [A, C], [A, B], [B, C] → [A, C]"
    ports: ClassVar[tuple[Port, ...]] = tuple(Port(port, dtypes=NUMBER_TYPES) for port in ("input", "mat1", "mat2"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((5,)), "mat1": TensorType((3, 4)), "mat2": TensorType((4, 5))}),
        Example(
            {"beta": 0.5, "alpha": -2},
            {"input": TensorType((3, 1)), "mat1": TensorType((3, 4)), "mat2": TensorType((4, 5))},
        ),
    )
    rank: ClassVar[int] = 2

    def mixes_batch(self, inputs: Inputs) -> bool:
        """The rows of mat2 are summed over."""
        return not isinstance(inputs["mat2"].shape[0], int)


@operation("baddbmm")
class Baddbmm(WithSum):
    meaning: ClassVar[str] = (
        "beta · input + alpha · (batch1 @ batch2), input broadcast: [N, A, C], [N, A, B], [N, B, C] → [N, A, C]"
    )
    ports: ClassVar[tuple[Port, ...]] = tuple(Port(port, dtypes=NUMBER_TYPES) for port in ("input", "batch1", "batch2"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"beta": 0.5, "alpha": 2},
            {"input": TensorType((2, 1, 5)), "batch1": TensorType((2, 3, 4)), "batch2": TensorType((2, 4, 5))},
        ),
    )
    rank: ClassVar[int] = 3


@operation("bilinear")
class Bilinear(ParametrizedOperation, Contraction):
    meaning: ClassVar[str] = (
        "x1ᵀ · weightₒ · x2 + biasₒ of each pair of vectors: [..., A], [..., B] → [..., out_features]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input1"), Port("input2"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 5}, {"input1": TensorType((2, 3)), "input2": TensorType((2, 4))}),
        Example({"out_features": 2, "bias": False}, {"input1": TensorType((2, 6, 3)), "input2": TensorType((2, 6, 1))}),
        Example(
            {"out_features": 5, "weight_norm": {"dim": None}},
            {"input1": TensorType((2, 3)), "input2": TensorType((2, 4))},
        ),
        Example(
            {"out_features": 5, "spectral_norm": {"dim": 2}},
            {"input1": TensorType((2, 3)), "input2": TensorType((2, 4))},
        ),
    )

    out_features: Positive
    bias: bool = True

    def contraction(self, inputs: Inputs) -> Equation:
        leading = tuple(str(axis) for axis in range(inputs["input1"].rank - 1))
        return Equation(((*leading, "i"), ("o", "i", "j"), (*leading, "j")), (*leading, "o"))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        one, other = inputs["input1"], inputs["input2"]
        self._features(inputs)
        require_rank(other, one.rank, "input2")
        require_same_dtype((one, other))
        for have, want in zip(one.shape[:-1], other.shape[:-1], strict=True):
            facts.require_equal(have, want, Cause(f"the vectors of {one} and {other} are pairs"))
        return (TensorType((*one.shape[:-1], self.out_features), one.dtype),)

    def _features(self, inputs: Inputs) -> tuple[int, int]:
        for port, kind in inputs.items():
            if not kind.rank:
                raise ShapeError("bilinear needs vectors", expected="[..., A]", received=str(kind), subject=port)
        return channels_of(inputs["input1"], -1), channels_of(inputs["input2"], -1)

    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        one, other = self._features(inputs)
        bound = one**-0.5
        matrices = Weight("weight", (self.out_features, one, other), Init("uniform", bound))
        return (matrices, Weight("bias", (self.out_features,), Init("uniform", bound))) if self.bias else (matrices,)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        one, other = self._features(inputs)
        return product(inputs["input1"].shape[:-1]) * (self.out_features * (one + 1) * other)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return False


@operation("cross")
class Cross(Operation):
    meaning: ClassVar[str] = (
        "Cross product of vectors of three numbers along dim, broadcast: [..., 3], [..., 3] → [..., 3]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES), Port("other", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3)), "other": TensorType((2, 3))}),
        Example({"dim": 1}, {"input": TensorType((2, 3, 4)), "other": TensorType((1, 3, 4))}),
    )

    dim: int = -1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        one, other = inputs["input"], inputs["other"]
        require_rank(other, one.rank, "other")
        require_same_dtype((one, other))
        for kind in (one, other):
            cause = Cause(f"vectors of {kind} have three numbers", subject="dim")
            facts.require_equal(kind.shape[axis_of(kind, self.dim)], 3, cause)
        return (TensorType(broadcast((one, other), facts), one.dtype),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0
