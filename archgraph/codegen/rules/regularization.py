"""What acts in training only, and what does not act at all."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function, module
from archgraph.ops import regularization as ops
from archgraph.structure.terms import Term, number

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


@module(ops.Dropout)
def dropout_module(site: TorchRuleContext, op: ops.Dropout) -> Term:
    return call("nn.Dropout", number("p", op.p))


@function(ops.Dropout)
def dropout(site: TorchRuleContext, op: ops.Dropout) -> Term:
    return call("F.dropout", ref("input"), number("p", op.p), TRAINING)


@module(ops.ChannelDropout)
def channel_dropout_module(site: TorchRuleContext, op: ops.ChannelDropout) -> Term:
    return call(op.row.constructed, number("p", op.p))


@function(ops.ChannelDropout)
def channel_dropout(site: TorchRuleContext, op: ops.ChannelDropout) -> Term:
    return call(op.row.called, ref("input"), number("p", op.p), TRAINING)


@module(ops.AlphaDropout)
def alpha_dropout_module(site: TorchRuleContext, op: ops.AlphaDropout) -> Term:
    return call("nn.AlphaDropout", number("p", op.p))


@function(ops.AlphaDropout)
def alpha_dropout(site: TorchRuleContext, op: ops.AlphaDropout) -> Term:
    return call("F.alpha_dropout", ref("input"), number("p", op.p), TRAINING)


@module(ops.FeatureAlphaDropout)
def feature_alpha_dropout_module(site: TorchRuleContext, op: ops.FeatureAlphaDropout) -> Term:
    return call("nn.FeatureAlphaDropout", number("p", op.p))


@function(ops.FeatureAlphaDropout)
def feature_alpha_dropout(site: TorchRuleContext, op: ops.FeatureAlphaDropout) -> Term:
    return call("F.feature_alpha_dropout", ref("input"), number("p", op.p), TRAINING)


@function(ops.StochasticDepth)
def stochastic_depth(site: TorchRuleContext, op: ops.StochasticDepth) -> Term:
    return call("stochastic_depth", ref("input"), number("p", op.p), TRAINING, *attributes(op, "mode"))


@module(ops.Identity)
def identity_module(site: TorchRuleContext, op: ops.Identity) -> Term:
    return call("nn.Identity")


@function(ops.Identity)
def identity(site: TorchRuleContext, op: ops.Identity) -> Term:
    return ref("input")


@function(ops.Detach)
def detach(site: TorchRuleContext, op: ops.Detach) -> Term:
    return call("torch.detach", ref("input"))
