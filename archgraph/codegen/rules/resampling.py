"""Values of another size."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import resampling as ops
from archgraph.structure.terms import Term, number


def _options(op: ops.Interpolate) -> tuple[Term, ...]:
    """torch wants align_corners and recompute_scale_factor left alone, unless they are set: its default is no number of
    ours."""
    unset = (
        keyword(name, number(name, getattr(op, name) or None), None)
        for name in ("align_corners", "recompute_scale_factor")
    )
    return *attributes(op, "mode"), *unset


def _scale(op: ops.Interpolate) -> Term:
    return keyword("scale_factor", number("scale_factor", folded(op.scale_factor)))


@module(ops.Interpolate)
def interpolate_module(site: TorchRuleContext, op: ops.Interpolate) -> Term | None:
    """torch's module has no antialias."""
    if op.antialias:
        return None
    sizes = op.sizes(site.kind().rank - 2)
    wanted = _scale(op) if sizes is None else keyword("size", number("size", sizes))
    return call("nn.Upsample", wanted, *_options(op))


@function(ops.Interpolate)
def interpolate(site: TorchRuleContext, op: ops.Interpolate) -> Term:
    sizes = op.sizes(site.kind().rank - 2)
    wanted = _scale(op) if sizes is None else keyword("size", sequence(*map(size, sizes)))
    return call("F.interpolate", ref("input"), wanted, *_options(op), *attributes(op, "antialias"))
