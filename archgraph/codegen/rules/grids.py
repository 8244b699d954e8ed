"""Images read at the places of a grid."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, ref, sequence, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import grids as ops
from archgraph.structure.terms import Term, number


def _corners(op: ops.GridSample | ops.AffineGrid) -> Term:
    """Always written: torch warns where it is not."""
    return keyword("align_corners", number("align_corners", op.align_corners))


@function(ops.GridSample)
def grid_sample(site: TorchRuleContext, op: ops.GridSample) -> Term:
    return call("F.grid_sample", ref("input"), ref("grid"), *attributes(op, "mode", "padding_mode"), _corners(op))


@function(ops.AffineGrid)
def affine_grid(site: TorchRuleContext, op: ops.AffineGrid) -> Term:
    return call("F.affine_grid", ref("theta"), sequence(*map(size, op.size)), _corners(op))
