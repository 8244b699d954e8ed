"""Integers as vectors: tables, sinusoids and counting."""

from __future__ import annotations

import math
from typing import ClassVar, Self

from pydantic import model_validator

from archgraph.dims import Cause, Dim, Facts, Size
from archgraph.ops.attributes import Positive, PositiveNumber
from archgraph.ops.contract import (
    FLOAT_TYPES,
    INTEGER_TYPES,
    Example,
    Init,
    Inputs,
    Operation,
    Port,
    TensorType,
    Weight,
    operation,
)
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.requirements import require_rank
from archgraph.ops.traits import Traits


@operation("embedding", Traits(infinities="read"))
class Embedding(ParametrizedOperation):
    meaning: ClassVar[str] = "Row of a table for each integer: [...] int → [..., embedding_dim]"
    paper: ClassVar[str] = "Bengio et al. 2003, A Neural Probabilistic Language Model"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=INTEGER_TYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_embeddings": 7, "embedding_dim": 4}, {"input": TensorType((2, 3), "int64")}),
        Example(
            {"num_embeddings": 7, "embedding_dim": 4, "weight_norm": {"parametrize": False}},
            {"input": TensorType((2, 3), "int64")},
        ),
        Example(
            {"num_embeddings": 7, "embedding_dim": 4, "spectral_norm": {"parametrize": False}},
            {"input": TensorType((2, 3), "int64")},
        ),
    )

    indices: ClassVar[tuple[str, ...]] = ("input",)

    num_embeddings: Positive
    embedding_dim: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType((*inputs["input"].shape, self.embedding_dim)),)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        return 0, self.num_embeddings - 1

    def index_range_text(self, inputs: Inputs) -> str:
        return f"the table has {self.num_embeddings} rows"

    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_embeddings, self.embedding_dim), Init("normal", 1.0)),)


@operation("sinusoidal_embedding", Traits(keeps_float32=True))
class SinusoidalEmbedding(Operation):
    meaning: ClassVar[str] = (
        "Sines, then cosines, of t · max_period ** (-k / (dim / 2 - freq_shift)), k = 0 … dim / 2 - 1: [N] → [N, dim]; "
        "flip_sin_to_cos puts the cosines first"
    )
    paper: ClassVar[str] = "Vaswani et al. 2017, Attention Is All You Need; Ho et al. 2020"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=(*FLOAT_TYPES, *INTEGER_TYPES), role="time"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 8}, {"input": TensorType((3,), "int64")}),
        Example({"dim": 6, "flip_sin_to_cos": True, "freq_shift": 0}, {"input": TensorType((2,))}),
        Example({"dim": 4, "max_period": 100}, {"input": TensorType((2,), "int64")}),
    )

    dim: Positive
    flip_sin_to_cos: bool = False
    freq_shift: float = 1.0
    max_period: PositiveNumber = 10000.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.dim % 2:
            raise ValueError(f"dim must be even, half sines and half cosines; it is {self.dim}")
        if self.dim // 2 <= self.freq_shift:
            raise ValueError(f"freq_shift must be less than dim / 2 = {self.dim // 2}; it is {self.freq_shift:g}")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        require_rank(inputs["input"], 1)
        return (TensorType((inputs["input"].shape[0], self.dim)),)


@operation("arange", Traits(infinities="none"))
class Arange(Operation):
    meaning: ClassVar[str] = (
        "start, start + step, … as far as they lie before end: → [⌈(end - start) / step⌉]; int64 where all three are "
        "whole numbers, else float32"
    )
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"end": 5}),
        Example({"start": 7, "end": -2, "step": -3}),
        Example({"start": 0.5, "end": 2.0, "step": 0.25}),
    )

    end: int | float | Size
    start: int | float | Size = 0
    step: int | float = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.step == 0:
            raise ValueError("step must not be 0")
        if self.has_fractions and (isinstance(self.start, Size) or isinstance(self.end, Size)):
            raise ValueError("between sizes it counts in whole steps from a whole number")
        return self

    @property
    def has_fractions(self) -> bool:
        """Whether one of the three numbers is floating."""
        return any(isinstance(number, float) for number in (self.start, self.end, self.step))

    @property
    def count(self) -> Dim:
        """How many numbers there are."""
        if isinstance(self.start, float) or isinstance(self.end, float) or isinstance(self.step, float):
            return math.ceil((self.end - self.start) / self.step)  # type: ignore[operator]
        way = self.end - self.start if self.step > 0 else self.start - self.end
        size = abs(self.step)
        return way if size == 1 else (way + (size - 1)) // size

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        count = facts.simplify(self.count)
        facts.require_at_least(count, 1, Cause("arange must not be empty", subject="end"))
        return (TensorType((count,), "float32" if self.has_fractions else "int64"),)
