"""What acts in training only, and what does not act at all."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, keywords, number, ref, text
from archgraph.codegen.rules.registry import Site, define, function, module

define(
    "stochastic_depth",
    '''
def stochastic_depth(x: Tensor, p: float, training: bool, mode: str = "row") -> Tensor:
    """In training, zeroes samples (or, with mode "batch", all) with probability p and scales the rest."""
    if not training or p == 0.0:
        return x
    kept = torch.empty(
        [x.shape[0] if mode == "row" else 1] + [1] * (x.ndim - 1), dtype=x.dtype, device=x.device
    )
    kept = kept.bernoulli_(1.0 - p)
    return x * (kept.div_(1.0 - p) if p < 1.0 else kept)
''',
)
TRAINING = text("self.training")


@module("dropout")
def dropout_module(site: Site) -> Term:
    return call("nn.Dropout", number("p", site.op.p))


@function("dropout")
def dropout(site: Site) -> Term:
    return call("F.dropout", ref("input"), number("p", site.op.p), TRAINING)


@function("stochastic_depth")
def stochastic_depth(site: Site) -> Term:
    mode = keywords({"mode": site.op.mode}, {"mode": "row"})
    return call("stochastic_depth", ref("input"), number("p", site.op.p), TRAINING, *mode)


@module("identity")
def identity_module(site: Site) -> Term:
    return call("nn.Identity")


@function("identity")
def identity(site: Site) -> Term:
    return ref("input")
