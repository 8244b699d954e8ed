"""Where the rules stand: which operations of ours stand for one of torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from archgraph.graph.types import Value
from archgraph.importing.rules.site import Site

Rule: TypeAlias = Callable[[Site], "Value | tuple[Value, ...]"]
SpecialCase: TypeAlias = Callable[[Site], "Value | None"]
RULES: dict[str, Rule] = {}
_SPECIAL_CASES: dict[str, list[SpecialCase]] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations of torch, named without namespace and overload. A second one is an error."""

    def register(made: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"{name} has two rules")
            RULES[name] = _with_special_cases(made, _SPECIAL_CASES.setdefault(name, []))
        return made

    return register


def special_case(name: str) -> Callable[[SpecialCase], SpecialCase]:
    """Registers what is tried before the rule of an operation; it returns None where it does not apply."""

    def register(made: SpecialCase) -> SpecialCase:
        _SPECIAL_CASES.setdefault(name, []).append(made)
        return made

    return register


def _with_special_cases(plain: Rule, special: list[SpecialCase]) -> Rule:
    def apply(site: Site) -> Value | tuple[Value, ...]:
        found = (case(site) for case in special)
        return next((value for value in found if value is not None), None) or plain(site)

    return apply
