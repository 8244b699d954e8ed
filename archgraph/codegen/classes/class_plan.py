"""Classes as they are written: constructors and forwards in which the numbers are literals or parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from archgraph.codegen.analysis.body import AppliedStep, Body, ForwardStatement
from archgraph.codegen.analysis.scopes import Scope
from archgraph.codegen.printing.term_text import accessed
from archgraph.graph.types import Graph
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.template import Member


@dataclass(eq=False, slots=True)
class ClassPlan:
    """A class to write. `members` and `statements` hold no numbers any more, but literals and parameters' names."""

    name: str
    body: Body
    scopes: list[Scope]
    parent: str = ""
    parameters: list[ClassParameter] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    statements: list[ForwardStatement] = field(default_factory=list)
    stored: dict[str, str] = field(default_factory=dict)
    """Attributes of the module that keep parameters for the forward, by the parameter's name."""
    instances: list[Body] = field(default_factory=list)
    """The bodies of all instances that have the same values."""
    flags: dict[str, str] = field(default_factory=dict)
    """The parameter that switches an optional part on, by the member's name or the function's path."""

    def condition(self, entry: AppliedStep) -> str:
        """The condition under which a statement's part is present; '' for one that always is."""
        if not self.flags or entry.part not in self.flags:
            return ""
        if not entry.path:
            return f"self.{self.stored[self.flags[entry.part]]}"
        return f"{accessed(entry.part, self.body.containers)} is not None"

    def has_one_rank(self, value: int) -> bool:
        """Whether a value has as many dimensions in every instance."""
        return len({body.vars[value].type.rank for body in (self.body, *self.instances)}) == 1

    @property
    def base(self) -> str:
        """What the class extends: torch's class, and what its variants have in common."""
        kinds = [self.parent] if self.parent else []
        if not self.parent or self.body.base != "nn.Module":
            kinds.append(self.body.base)
        return ", ".join(kinds)


@dataclass(eq=False, slots=True)
class Plan:
    """Everything that is to be written: classes, those that others use first, and the bases of variants."""

    graph: Graph
    root: ClassPlan
    classes: list[ClassPlan]
    bases: dict[str, str]
    """Names of base classes, with torch's class that they extend."""
