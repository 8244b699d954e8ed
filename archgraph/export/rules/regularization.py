"""What acts in training only leaves nothing in the file."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import regularization as ops
from archgraph.ops.contract import Operation


@rule(ops.Dropout)
@rule(ops.ChannelDropout)
@rule(ops.AlphaDropout)
@rule(ops.FeatureAlphaDropout)
@rule(ops.StochasticDepth)
@rule(ops.Identity)
@rule(ops.Detach)
def nothing(at: OnnxRuleContext, op: Operation) -> str:
    return at["input"]
