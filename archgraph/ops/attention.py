"""Attention."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Positive, Probability
from archgraph.ops.contract import FLOAT_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import channels_of, require_rank, require_same_dtype

_TOKENS = TensorType((2, 5, 16))
_HEADS = TensorType((2, 3, 5, 8))


@operation("scaled_dot_product_attention")
class ScaledDotProductAttention(Operation):
    meaning: ClassVar[str] = (
        "softmax(Q·Kᵀ·scale + mask)·V in num_heads heads over tokens: [N, L, C], [N, S, C], [N, S, Cv] → [N, L, Cv]; "
        "with heads apart [N, heads, L, C] → [N, heads, L, Cv]; where a bool mask is false, a token is left out"
    )
    paper: ClassVar[str] = "Vaswani et al. 2017, Attention Is All You Need"
    ports: ClassVar[tuple[Port, ...]] = (
        Port("query"),
        Port("key"),
        Port("value"),
        Port("mask", optional=True, dtypes=(*FLOAT_TYPES, "bool"), role="mask"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 2}, {"query": _TOKENS, "key": _TOKENS, "value": _TOKENS}),
        Example({"num_heads": 2, "dropout_p": 0.1}, {"query": _TOKENS, "key": _TOKENS, "value": _TOKENS}),
        Example({"num_heads": 2, "is_causal": True}, {"query": _TOKENS, "key": _TOKENS, "value": _TOKENS}),
        Example(
            {"num_heads": 4, "scale": 0.3},
            {
                "query": _TOKENS,
                "key": TensorType((2, 7, 16)),
                "value": TensorType((2, 7, 12)),
                "mask": TensorType((2, 4, 5, 7)),
            },
        ),
        Example(
            {"num_heads": 2},
            {"query": _TOKENS, "key": _TOKENS, "value": _TOKENS, "mask": TensorType((5, 5), "bool")},
        ),
        Example({}, {"query": _HEADS, "key": _HEADS, "value": _HEADS, "mask": TensorType((3, 5, 5))}),
        Example({"is_causal": True, "scale": 0.3}, {"query": _HEADS, "key": _HEADS, "value": _HEADS}),
    )

    num_heads: Positive = 1
    is_causal: bool = False
    scale: float | None = None
    """Default: head size ** -0.5."""
    dropout_p: Probability = 0.0
    """How often training leaves a token out that a query attends to."""

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        query, key, value = inputs["query"], inputs["key"], inputs["value"]
        for port in ("query", "key", "value"):
            self._check_heads(inputs[port], port, 4 if query.rank == 4 else 3)
        require_same_dtype((query, key, value))
        if query.shape[-1] != key.shape[-1]:
            raise ShapeError("query and key differ in channels", expected=str(query), received=str(key))
        facts.require_equal(
            key.shape[-2], value.shape[-2], Cause("key and value must hold the same tokens", subject="value")
        )
        for other in (key, value):
            facts.require_equal(query.shape[0], other.shape[0], Cause("query, key and value must hold the same batch"))
            if query.rank == 4:
                cause = Cause("query, key and value must have the same number of heads")
                facts.require_equal(query.shape[1], other.shape[1], cause)
        if "mask" in inputs:
            self._check_mask(inputs, inputs["mask"], facts)
        return (TensorType((*query.shape[:-1], value.shape[-1]), query.dtype),)

    def _check_heads(self, kind: TensorType, port: str, rank: int) -> None:
        """All values have one rank: tokens, whose heads are parted here, or tokens of each head."""
        require_rank(kind, rank, port)
        if rank == 4 and self.num_heads != 1:
            raise ShapeError(
                "num_heads is for tokens whose heads are not apart yet",
                subject="num_heads",
                expected=f"[N, L, C] at the {port}, or no num_heads",
                received=str(kind),
            )
        if channels_of(kind, rank - 1) % self.num_heads:
            raise ShapeError(
                f"num_heads must divide the channels of the {port}",
                subject="num_heads",
                expected=f"a multiple of {self.num_heads}",
                received=f"{channels_of(kind, 2)} in {kind}",
            )

    def _check_mask(self, inputs: Inputs, mask: TensorType, facts: Facts) -> None:
        query = inputs["query"]
        heads = query.shape[1] if query.rank == 4 else self.num_heads
        if self.is_causal:
            raise ShapeError("a mask and is_causal exclude each other", hint="put the causal part into the mask")
        if mask.dtype not in (query.dtype, "bool"):
            raise ShapeError(
                "the mask has the wrong element type",
                expected=f"{query.dtype} or bool",
                received=mask.dtype,
                subject="mask",
            )
        scores = TensorType((query.shape[0], heads, query.shape[-2], inputs["key"].shape[-2]))
        cause = Cause(f"the mask {mask} must broadcast to the scores {scores}, [N, heads, L, S]", subject="mask")
        if not 2 <= mask.rank <= 4:
            raise ShapeError(
                cause.reason,
                expected="2 to 4 dimensions",
                received=str(mask.rank),
                subject="mask",
                hint="unsqueeze it: [1, S] masks keys for every query, [N, 1, 1, S] those of each batch element",
            )
        for have, want in zip(reversed(mask.shape), reversed(scores.shape), strict=False):
            if have != 1:
                facts.require_equal(want, have, cause)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        query, key, value = inputs["query"], inputs["key"], inputs["value"]
        return product(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
