"""Where the rules stand: how each operation is written as a module and as a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from archgraph.codegen.analysis.terms import Term, own, ref, text
from archgraph.dims import Dim, Size
from archgraph.errors import CompileError
from archgraph.graph.types import Node
from archgraph.ops.contract import TensorType, Weight


@dataclass(frozen=True, slots=True)
class Site:
    """One application of an operation, as a rule sees it."""

    node: Node

    @property
    def op(self) -> Any:
        """The operation with its attributes; each rule knows which contract it is."""
        return self.node.op

    def kind(self, port: str = "input") -> TensorType:
        """The type of the value at a port."""
        return self.node.inputs[port].type

    def has(self, port: str) -> bool:
        """Whether something is connected there."""
        return port in self.node.inputs

    def channels(self, axis: int = 1) -> Dim:
        """The size of a dimension of the main input."""
        return self.kind().shape[axis]

    def weight(self, name: str) -> Term:
        """A weight of the operation in a function's arguments: from outside, its own, or None where it has none."""
        if name in self.node.inputs:
            return ref(name)
        return own(name) if name in self.owned() else text("None")

    def owned(self) -> dict[str, Weight]:
        """The weights that the node owns, or whose owner it applies again, by name."""
        return {weight.name: weight for weight in (self.node.shares or self.node).weights}


Rule: TypeAlias = Callable[[Site], Term]

MODULES: dict[str, Rule] = {}
FUNCTIONS: dict[str, Rule] = {}
DEFINITIONS: dict[str, str] = {}
"""Functions that a rule's text calls and that the file itself defines, by name."""


def module(name: str) -> Callable[[Rule], Rule]:
    """Registers how an operation is constructed as one of torch's modules."""
    return _registered(MODULES, name)


def function(name: str) -> Callable[[Rule], Rule]:
    """Registers how an operation is written within a forward."""
    return _registered(FUNCTIONS, name)


def _registered(table: dict[str, Rule], name: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        if name in table:
            raise ValueError(f"there are two rules for '{name}'")
        table[name] = rule
        return rule

    return register


def define(name: str, code: str) -> None:
    """A function that the generated file defines at its top where a rule uses it."""
    if name in DEFINITIONS:
        raise ValueError(f"'{name}' is defined twice")
    DEFINITIONS[name] = code.strip("\n")


def written_as_module(site: Site) -> Term | None:
    """The construction of torch's module for it; None where torch has none, or where it would depend on the inputs."""
    rule = MODULES.get(site.op.name)
    made = rule(site) if rule else None
    return None if made is None or any(_is_symbolic(part.value) for part in made.numbers()) else made


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, Size) or (isinstance(value, tuple) and any(map(_is_symbolic, value)))


def written_as_function(site: Site) -> Term:
    """The expression for it. Raises CompileError where no rule is written yet."""
    rule = FUNCTIONS.get(site.op.name)
    if rule is None:
        raise CompileError(
            f"{site.op.name} cannot be written as torch code yet",
            expected="a rule in archgraph/codegen/rules",
            received=site.node.name,
        )
    return rule(site)
