"""A module whose weight is computed from others: torch's constructor, wrapped as torch's users wrap it."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword
from archgraph.ops.contract import Operation
from archgraph.ops.parametrization import ParametrizedOperation, SpectralNorm, WeightNorm
from archgraph.structure.terms import Term, number


def parametrized(op: Operation, made: Term) -> Term:
    """The construction of a module, within that of its parametrization where the operation has one."""
    if not isinstance(op, ParametrizedOperation):
        return made
    normed = op.weight_norm or op.spectral_norm
    if normed is None:
        return made
    head = f"nn.utils.parametrizations.{normed.name}" if normed.parametrize else normed.name
    names = ("dim",) if isinstance(normed, WeightNorm) else ("n_power_iterations", "eps", "dim")
    default = WeightNorm() if isinstance(normed, WeightNorm) else SpectralNorm()
    given = (keyword(name, number(name, getattr(normed, name)), getattr(default, name)) for name in names)
    return call(head, made, *given)
