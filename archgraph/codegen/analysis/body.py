"""The template of a scope: what its constructor makes and what its forward computes, numbers still in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, Var
from archgraph.records import record
from archgraph.structure.template import InstanceTemplate, Loop, Statement
from archgraph.structure.terms import Term

MemberKind = Literal["parameter", "buffer", "constant", "module"]


@record(kw_only=True)
class AppliedStep(Statement):
    """A statement of a forward, with the step of the scope that it writes."""

    step: ScopeStep

    def with_term(self, term: Term) -> AppliedStep:
        """The same statement with another term."""
        return AppliedStep(term, self.outs, self.name, self.path, self.removable, step=self.step)


ForwardStatement: TypeAlias = AppliedStep | Loop[AppliedStep]


@dataclass(eq=False, slots=True, kw_only=True)
class Body(InstanceTemplate[AppliedStep]):
    """The template of one scope; `containers` says which module paths are lists and dicts."""

    scope: Scope
    vars: list[Var] = field(default_factory=list)
    containers: dict[str, str] = field(default_factory=dict)
    training_outputs: tuple[int, ...] = ()

    @property
    def returned(self) -> tuple[int, ...]:
        """What it hands out in training: the outputs, and those that there are in training only."""
        return (*self.outputs, *self.training_outputs)

    @property
    def base(self) -> str:
        """torch's class that it extends."""
        return self.container or "nn.Module"


def body_of(scope: Scope) -> Body:
    """A body that is still empty; its arguments are the inputs, then the sizes by their types."""
    arguments = ("Tensor",) * len(scope.inputs) + tuple([var.annotation for var in scope.sizes])
    return Body(arguments=arguments, scope=scope)
