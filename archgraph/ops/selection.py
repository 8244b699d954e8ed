"""Values chosen by a mask."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from archgraph.dims import Facts
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Says
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.promotion import result_type
from archgraph.ops.requirements import require_fits
from archgraph.ops.traits import Traits

_Infinite = Annotated[float, Field(allow_inf_nan=True)]
Filling = Annotated[int | _Infinite, Says("a number, .inf and -.inf too")]
OptionalFilling = Annotated[int | _Infinite | None, Says("a number, .inf and -.inf too, or null")]

_BOX = TensorType((2, 3, 4))
_MASK = TensorType((3, 4), "bool")


@operation("where", Traits(keeps_float32=True, infinities="read"))
class Where(Operation):
    meaning: ClassVar[str] = "input where the condition is true, else other (or value), broadcast"
    ports: ClassVar[tuple[Port, ...]] = (
        Port("condition", dtypes=("bool",)),
        Port("input", dtypes=DTYPES),
        Port("other", optional=True, dtypes=DTYPES),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"condition": TensorType((2, 3, 1), "bool"), "input": _BOX, "other": TensorType((3, 4))}),
        Example({"value": 0.5}, {"condition": _MASK, "input": _BOX}),
    )

    value: OptionalFilling = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if ("other" in inputs) == (self.value is not None):
            raise ShapeError(
                "where takes a condition and two values, or one value and a 'value'",
                received="three inputs and a value" if "other" in inputs else "two inputs and no value",
                hint="" if "other" in inputs else "in: [condition, a, b] names three inputs",
            )
        dtype = self.operand_type(inputs)
        if self.value is not None:
            require_fits(self.value, dtype, "value")
        return (TensorType(broadcast(tuple(inputs.values()), facts), dtype),)

    def operand_type(self, inputs: Inputs) -> str:
        """The element type in which both values meet."""
        return result_type(tuple(inputs[port] for port in ("input", "other") if port in inputs), self.value)


@operation("masked_fill", Traits(keeps_float32=True, infinities="read"))
class MaskedFill(Operation):
    meaning: ClassVar[str] = "value where the mask is true, else input, broadcast; the element type is the input's"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES), Port("mask", dtypes=("bool",)))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"value": float("-inf")}, {"input": _BOX, "mask": _MASK}),
        Example({"value": 7}, {"input": TensorType((2, 1), "int64"), "mask": TensorType((3,), "bool")}),
    )

    value: Filling

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        dtype = inputs["input"].dtype
        if dtype != "bool":
            require_fits(self.value, dtype, "value")
        return (TensorType(broadcast(tuple(inputs.values()), facts), dtype),)
