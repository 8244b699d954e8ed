"""Attention."""

from __future__ import annotations

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site


@rule("scaled_dot_product_attention")
def attention(site: Site) -> Value:
    if site.get("enable_gqa"):
        raise site.refuse("enable_gqa has no form here")
    values = [site.tensor(name) for name in ("query", "key", "value")]
    if site.given("attn_mask"):
        values.append(site.tensor("attn_mask"))
    scale = site.get("scale")
    return site.emit(
        "scaled_dot_product_attention",
        *values,
        is_causal=site.get("is_causal") or None,
        scale=None if scale is None else float(scale),
    )
