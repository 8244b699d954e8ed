"""Attention over tokens, in torch's fused kernel."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, in_training, keyword, method, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function
from archgraph.ops import attention as ops
from archgraph.structure.terms import Term, number

define(
    "multi_head_attention",
    '''
def multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    num_heads: int = 1,
    mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    dropout_p: float = 0.0,
) -> Tensor:
    """softmax(Q·Kᵀ·scale + mask)·V in each head: [N, L, C], [N, S, C], [N, S, Cv] → [N, L, Cv]."""
    query = query.unflatten(2, (num_heads, -1)).transpose(1, 2)
    key = key.unflatten(2, (num_heads, -1)).transpose(1, 2)
    value = value.unflatten(2, (num_heads, -1)).transpose(1, 2)
    if mask is not None and mask.ndim == 3:
        mask = mask.unsqueeze(0)  # fused kernels read masks of two and of four dimensions
    mixed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout_p, is_causal=is_causal, scale=scale
    )
    return mixed.transpose(1, 2).flatten(2)
''',
)

define(
    "biased_multi_head_attention",
    '''
def biased_multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor,
    num_heads: int = 1,
    scale: float | None = None,
    dropout_p: float = 0.0,
) -> Tensor:
    """softmax(Q·Kᵀ·scale + bias)·V in each head: [N, L, C], [N, S, C], [N, S, Cv] → [N, L, Cv].

    No fused kernel has the gradient of a bias; the bias is finite, so a softmax needs no guard.
    """
    if torch.compiler.is_exporting() or not (torch.is_grad_enabled() and bias.requires_grad):
        return multi_head_attention(
            query, key, value, num_heads, bias, scale=scale, dropout_p=dropout_p
        )
    query = query.unflatten(2, (num_heads, -1)).transpose(1, 2)
    key = key.unflatten(2, (num_heads, -1)).transpose(1, 2)
    value = value.unflatten(2, (num_heads, -1)).transpose(1, 2)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    weights = torch.softmax(query * scale @ key.transpose(2, 3) + bias, dim=-1)
    mixed = F.dropout(weights, dropout_p) @ value
    return mixed.transpose(1, 2).flatten(2)
''',
)


@function(ops.ScaledDotProductAttention)
def scaled_dot_product_attention(site: TorchRuleContext, op: ops.ScaledDotProductAttention) -> Term:
    if site.kind("query").rank == 4:
        return _fused(site, op)
    if site.learned_bias:
        read = (ref("query"), ref("key"), ref("value"), ref("mask"))
        return call("biased_multi_head_attention", *read, *attributes(op, "num_heads", "scale"), *_dropout(op))
    parts = [ref("query"), ref("key"), ref("value"), *attributes(op, "num_heads")]
    if site.has("mask"):
        parts.append(keyword("mask", ref("mask")))
    return call("multi_head_attention", *parts, *attributes(op, "is_causal", "scale"), *_dropout(op))


def _fused(site: TorchRuleContext, op: ops.ScaledDotProductAttention) -> Term:
    """Heads that are apart already go to torch's function as they are, a mask with as many dimensions as they have."""
    mask = []
    if site.has("mask"):
        lacks_batch = site.kind("mask").rank == 3
        given = method(ref("mask"), "unsqueeze", number("dim", 0)) if lacks_batch else ref("mask")
        mask.append(keyword("attn_mask", given))
    head = "F.scaled_dot_product_attention"
    return call(
        head, ref("query"), ref("key"), ref("value"), *mask, *attributes(op, "is_causal", "scale"), *_dropout(op)
    )


def _dropout(op: ops.ScaledDotProductAttention) -> list[Term]:
    """`dropout_p=p if self.training else 0.0`, where there is any: torch's function drops in evaluation too."""
    if not op.dropout_p:
        return []
    return [keyword("dropout_p", in_training(number("dropout_p", op.dropout_p), text("0.0")))]
