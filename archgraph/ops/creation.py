"""Tensors of numbers that follow from their shape alone."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archgraph.dims import Cause, Dim, Facts, Size
from archgraph.ops.attributes import Dims, Says
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import require_fits
from archgraph.ops.traits import Traits

DType = Literal["float16", "bfloat16", "float32", "float64", "uint8", "int32", "int64", "bool"]
Filling = Annotated[bool | int | Annotated[float, Field(allow_inf_nan=True)], Says("a number, .inf and -.inf too")]

_TRAITS = Traits(keeps_float32=True, result_sizes=("shape",), infinities="none")
_BOX = {"input": TensorType((2, 3))}


class Filled(Operation):
    """Base of the tensors that hold one number everywhere."""

    @property
    def number(self) -> bool | int | float:
        """The number that it holds."""
        return 0

    def checked(self, shape: tuple[Dim, ...], dtype: str) -> tuple[TensorType, ...]:
        """The type of the result. Raises ShapeError for a number that the element type does not hold."""
        if dtype != "bool":
            require_fits(self.number, dtype, "fill_value")
        return (TensorType(shape, dtype),)


class OfShape(Filled):
    """Base of those that are given their shape."""

    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [2, 3]}),
        Example({"shape": [4], "dtype": "int64"}),
    )

    shape: Dims
    dtype: DType = "float32"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        for size in self.shape:
            facts.require_at_least(size, 1, Cause("a size must be at least 1", subject="shape"))
        return self.checked(self.shape, self.dtype)


class LikeInput(Filled):
    """Base of those that have the shape of their input, whose numbers nobody reads."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _BOX), Example({"dtype": "int64"}, _BOX))

    dtype: DType | None = None
    """Default: that of the input."""

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        return self.checked(kind.shape, self.dtype or kind.dtype)


@operation("zeros", _TRAITS)
class Zeros(OfShape):
    meaning: ClassVar[str] = "Zeros: → shape"


@operation("ones", _TRAITS)
class Ones(OfShape):
    meaning: ClassVar[str] = "Ones: → shape"

    @property
    def number(self) -> int:
        return 1


@operation("full", _TRAITS)
class Full(OfShape):
    meaning: ClassVar[str] = "One number everywhere, in float32 unless dtype is given: → shape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [2, 3], "fill_value": 0.5}),
        Example({"shape": [4], "fill_value": 7, "dtype": "int64"}),
    )

    fill_value: Filling

    @property
    def number(self) -> bool | int | float:
        return self.fill_value


@operation("zeros_like", Traits(keeps_float32=True))
class ZerosLike(LikeInput):
    meaning: ClassVar[str] = "Zeros in the shape of the input: [...] → [...]"


@operation("ones_like", Traits(keeps_float32=True))
class OnesLike(LikeInput):
    meaning: ClassVar[str] = "Ones in the shape of the input: [...] → [...]"

    @property
    def number(self) -> int:
        return 1


@operation("full_like", Traits(keeps_float32=True))
class FullLike(LikeInput):
    meaning: ClassVar[str] = "One number everywhere, in the shape of the input: [...] → [...]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"fill_value": 0.5}, _BOX),
        Example({"fill_value": 7, "dtype": "int64"}, _BOX),
    )

    fill_value: Filling

    @property
    def number(self) -> bool | int | float:
        return self.fill_value


@operation("linspace", Traits(keeps_float32=True, result_sizes=("steps",), infinities="none"))
class Linspace(Operation):
    meaning: ClassVar[str] = "Numbers from start to end, both included, at equal distances: → [steps]"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"start": -1.0, "end": 1.0, "steps": 5}),
        Example({"start": 3.0, "end": 0.0, "steps": 1}),
    )

    start: float
    end: float
    steps: int | Size

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        facts.require_at_least(self.steps, 1, Cause("linspace must not be empty", subject="steps"))
        return (TensorType((self.steps,)),)


@operation("eye", Traits(keeps_float32=True, result_sizes=("n", "m"), infinities="none"))
class Eye(Operation):
    meaning: ClassVar[str] = "Ones along the main diagonal, zeros elsewhere: → [n, m]"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example({"n": 3}), Example({"n": 2, "m": 4}))

    n: int | Size
    m: int | Size | None = None
    """Default: n."""

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        shape = (self.n, self.n if self.m is None else self.m)
        for size, name in zip(shape, ("n", "m"), strict=True):
            facts.require_at_least(size, 1, Cause("a size must be at least 1", subject=name))
        return (TensorType(shape),)
