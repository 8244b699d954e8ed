"""Attention: torch's function on heads that are apart, and the plainer form where they are parted around it."""

from __future__ import annotations

from torch.nn import MultiheadAttention

from archgraph.dims import Dim, Size
from archgraph.graph.types import Node, Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_NAME = "scaled_dot_product_attention"


@rule(_NAME)
def attention(site: Site) -> Value:
    if site.get("dropout_p") and not site.body.translation.capture.module.training:
        raise site.refuse(
            "evaluation drops probabilities by chance", expected="dropout_p=0.1 if self.training else 0.0"
        )
    values = [site.tensor(name) for name in ("query", "key", "value")]
    if values[0].type.rank == 4:
        values[1:] = [_repeated_heads(site, value, values[0]) for value in values[1:]]
    rank = values[0].type.rank
    if rank not in (3, 4, 5):
        raise site.refuse("queries of another rank have no form here", expected="[N, L, C] or [N, heads, L, C]")
    if rank == 5:
        values = [site.emit("flatten", value, start_dim=0, end_dim=1) for value in values]
    if site.given("attn_mask"):
        mask = _without_batch(site, site.tensor("attn_mask"))
        if rank == 5 and mask.type.rank > 3:
            raise site.refuse("a mask of such queries has no form here")
        values.append(site.emit("unsqueeze", mask, dim=1) if rank == mask.type.rank == 3 else mask)
    scale = site.get("scale")
    made = site.emit(
        _NAME,
        *values,
        dropout_p=_dropout(site) or None,
        is_causal=site.get("is_causal") or None,
        scale=None if scale is None else float(scale),
    )
    if rank != 5:
        return made
    first, second = site.result_shape[:2]
    sizes = [-1 if isinstance(first, Size) else first, second]
    return site.emit("unflatten", made, dim=0, sizes=sizes)


def _without_batch(site: Site, mask: Value) -> Value:
    """A mask that was given a batch of one for the fused kernel's sake, as it was before."""
    made = site.maker(mask)
    if made is None or made.op.name != "unsqueeze" or mask.type.rank != 4 or tuple(made.op.dim) not in ((0,), (-4,)):  # type: ignore[attr-defined]
        return mask
    return made.inputs["input"]


def _dropout(site: Site) -> float:
    """The probability with which training drops weights. torch's own attention is traced in evaluation."""
    module = site.body.call.module
    return float(module.dropout if isinstance(module, MultiheadAttention) else site.get("dropout_p") or 0.0)


def _repeated_heads(site: Site, value: Value, query: Value) -> Value:
    """Heads of keys or values, each as often as queries share it: one head by broadcasting, several by enable_gqa."""
    ours, theirs = value.shape[1], query.shape[1]
    if ours == theirs or not (ours == 1 or site.get("enable_gqa")):
        return value
    if not isinstance(ours, int) or not isinstance(theirs, int):
        raise site.refuse("queries that share keys need fixed numbers of heads")
    return site.emit("repeat_interleave", value, repeats=theirs // ours, dim=1)


def merged_heads(site: Site, value: Value, wanted: tuple[Dim, ...]) -> Value | None:
    """[N, L, heads, C] of an attention as [N, L, heads · C]: the attention itself with its number of heads, where
    queries, keys and values came from tokens. None for anything else."""
    turned = site.maker(value)
    if turned is None or not _exchanges_heads(turned):
        return None
    mixed = site.maker(turned.inputs["input"])
    if mixed is None or mixed.op.name != _NAME or mixed.output.type.rank != 4 or len(wanted) != 3:
        return None
    heads = mixed.output.shape[1]
    tokens = [_tokens(site, mixed.inputs[port]) for port in ("query", "key", "value")]
    if not isinstance(heads, int) or any(found is None for found in tokens):
        return None
    options = {name: getattr(mixed.op, name) for name in ("is_causal", "scale")}
    mask = [mixed.inputs["mask"]] if "mask" in mixed.inputs else []
    whole = [found for found in tokens if found is not None]
    made = site.apply(_NAME, [*whole, *mask], {"num_heads": heads, **options}, name="attend")
    return made.output


def _tokens(site: Site, heads: Value) -> Value | None:
    """[N, L, C] that was parted into [N, heads, L, C / heads]."""
    made = site.maker(heads)
    if made is None:
        return None
    if made.op.name == "unbind":
        return _packed(site, made, heads)
    parted = site.maker(made.inputs["input"]) if _exchanges_heads(made) else None
    if parted is None or parted.op.name != "unflatten" or parted.inputs["input"].type.rank != 3:
        return None
    return parted.inputs["input"]


def _packed(site: Site, parts: Node, heads: Value) -> Value | None:
    """The same of queries, keys and values that one linear map makes, each a third of its channels."""
    turned = site.maker(parts.inputs["input"])
    if turned is None or turned.op.name != "permute" or tuple(turned.op.dims) != (2, 0, 3, 1, 4):  # type: ignore[attr-defined]
        return None
    parted = site.maker(turned.inputs["input"])
    if parted is None or parted.op.name != "unflatten" or parted.inputs["input"].type.rank != 3:
        return None
    chunks = site.once(
        ("chunks of", parted),
        lambda: site.apply("chunk", [parted.inputs["input"]], {"chunks": len(parts.outputs), "dim": 2}, name="chunk"),
    )
    return chunks.outputs[parts.outputs.index(heads)]


def _exchanges_heads(node: Node) -> bool:
    """Whether a node exchanges tokens and heads of [N, L, heads, C]."""
    if node.op.name == "transpose" and node.output.type.rank == 4:
        axes = {node.op.dim0 % 4, node.op.dim1 % 4}  # type: ignore[attr-defined]
        return axes == {1, 2}
    return node.op.name == "permute" and tuple(node.op.dims) == (0, 2, 1, 3)  # type: ignore[attr-defined]
