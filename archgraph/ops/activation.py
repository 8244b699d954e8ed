"""Activations: maps of each element that keep the shape."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Facts
from archgraph.ops.contract import Example, Inputs, Operation, TensorType, operation


class Elementwise(Operation):
    """Base of the operations that map each element: [...] → [...]."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((2, 3, 5))}),)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (inputs["input"],)


@operation("silu")
class SiLU(Elementwise):
    meaning: ClassVar[str] = "x · sigmoid(x), also called swish: [...] → [...]"
    paper: ClassVar[str] = "Elfwing et al. 2017; Ramachandran et al. 2017"
