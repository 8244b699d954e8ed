"""Integers as vectors: tables, sinusoids and counting."""

from __future__ import annotations

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
from archgraph.ops.requirements import require_rank
from archgraph.ops.traits import Traits


@operation("embedding")
class Embedding(Operation):
    meaning: ClassVar[str] = "Row of a table for each integer: [...] int → [..., embedding_dim]"
    paper: ClassVar[str] = "Bengio et al. 2003, A Neural Probabilistic Language Model"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=INTEGER_TYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_embeddings": 7, "embedding_dim": 4}, {"input": TensorType((2, 3), "int64")}),
    )

    num_embeddings: Positive
    embedding_dim: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType((*inputs["input"].shape, self.embedding_dim)),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
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


@operation("arange")
class Arange(Operation):
    meaning: ClassVar[str] = "0, 1, … end - 1 as int64: → [end]"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example({"end": 5}),)

    end: int | Size

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        end: Dim = self.end
        facts.require_at_least(end, 1, Cause("arange must not be empty", subject="end"))
        return (TensorType((end,), "int64"),)
