"""Where the rules stand: which operations of ours stand for one of torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from archgraph.graph.types import Value
from archgraph.importing.rules.site import Site

Rule: TypeAlias = Callable[[Site], "Value | tuple[Value, ...]"]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations of torch, named without namespace and overload. A second one is an error."""

    def register(made: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"{name} has two rules")
            RULES[name] = made
        return made

    return register
