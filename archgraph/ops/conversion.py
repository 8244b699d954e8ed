"""Values in another element type."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Facts
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.traits import Traits


@operation("to", Traits(keeps_float32=True, infinities="read"))
class To(Operation):
    meaning: ClassVar[str] = (
        "The same numbers in another element type; whole numbers lose the fraction, truth values are 0 and 1, and "
        "every number but 0 is true: [...] → [...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dtype": "int64"}, {"input": TensorType((2, 3))}),
        Example({"dtype": "float32"}, {"input": TensorType((2, 3), "int64")}),
        Example({"dtype": "float32"}, {"input": TensorType((2, 3), "bool")}),
    )

    dtype: Literal["float16", "bfloat16", "float32", "float64", "uint8", "int32", "int64", "bool"]

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType(inputs["input"].shape, self.dtype),)
