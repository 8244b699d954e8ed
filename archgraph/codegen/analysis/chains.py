"""Chains: numbered steps that each read only the one before, which `nn.Sequential` holds."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

from archgraph.codegen.analysis.scopes import Copy, Form, Scope, ScopeStep
from archgraph.codegen.analysis.sizes import is_handed
from archgraph.graph.types import joined


def folded(scope: Scope) -> list[ScopeStep]:
    """The steps of a scope with each numbered chain below a dotted path made one Sequential."""
    steps = scope.steps
    levels = [step.path.split(".")[:-1] for step in steps if "." in step.path]
    if not levels:
        return steps
    prefixes = {".".join(level[: n + 1]) for level in levels for n in range(len(level))}
    for prefix in sorted(prefixes, key=lambda prefix: (-prefix.count("."), prefix)):
        steps = _fold(scope, steps, prefix)
    return steps


def _fold(scope: Scope, steps: list[ScopeStep], prefix: str) -> list[ScopeStep]:
    """The steps with those below `prefix` made one, where they are a numbered chain without a gap."""
    places = [i for i, step in enumerate(steps) if step.path.startswith(f"{prefix}.")]
    members = [steps[i] for i in places]
    if not members or places != list(range(places[0], places[0] + len(places))):
        return steps
    if [step.path for step in members] != [f"{prefix}.{i}" for i in range(len(members))]:
        return steps
    if not _linked(members, scope, steps):
        return steps
    path = joined(scope.path, prefix)
    first, last = members[0], members[-1]
    chain = Scope(path, scope.family, "", list(first.inputs.values()), list(last.outputs), form="chain")
    chain.steps = [_at(step, str(i)) for i, step in enumerate(members)]
    folded = ScopeStep(prefix, "", {"0": next(iter(first.inputs.values()))}, last.outputs, scope=chain)
    folded.copies = _shared_copies(members)
    return [*steps[: places[0]], folded, *steps[places[-1] + 1 :]]


def _at(step: ScopeStep, path: str) -> ScopeStep:
    """The same step under another path."""
    return replace(step, path=path, copies=())


def _uses(scope: Scope, steps: list[ScopeStep]) -> Counter[int]:
    """How often each value of a scope is read."""
    read = [id(var) for step in steps for var in step.inputs.values()]
    return Counter(read + [id(var) for var in scope.outputs])


def _linked(members: list[ScopeStep], scope: Scope, steps: list[ScopeStep]) -> bool:
    """Whether each reads only the one before it and nothing else of the forward, and nobody else does."""
    if not all(step.links for step in members):
        return False
    read = _uses(scope, steps)
    alone = all(
        next(iter(after.inputs.values())) is before.outputs[0] and read[id(before.outputs[0])] == 1
        for before, after in pairwise(members)
    )
    return alone and not any(map(is_handed, members))


def _shared_copies(members: list[ScopeStep]) -> tuple[Copy, ...]:
    first = members[0].copies
    return first if all(step.copies == first for step in members) else ()


def form_of(scope: Scope) -> Form:
    """Whether a scope is a chain of numbered or of counted steps; `class` for every other."""
    steps = scope.steps
    if not steps or len(scope.inputs) != 1 or len(scope.outputs) != 1:
        return "class"
    numbered = steps[0].path == "0" and all(step.path == str(i) for i, step in enumerate(steps))
    if not numbered and not _is_named_run(scope):
        return "class"
    whole = next(iter(steps[0].inputs.values()), None) is scope.inputs[0] and steps[-1].outputs[:1] == (
        scope.outputs[0],
    )
    if not whole or not _linked(steps, scope, steps) or _uses(scope, steps)[id(scope.inputs[0])] != 1:
        return "class"
    return "chain" if numbered else "named"


def _is_named_run(scope: Scope) -> bool:
    """Several of one kind under names that only count: `encoder_layer_0`, `encoder_layer_1` …"""
    if scope.root or (scope.call is not None and scope.call.kind == "block") or len(scope.steps) < 2:
        return False
    if scope.steps[0].scope is None:
        return False
    kinds = {step.scope.family if step.scope else None for step in scope.steps}
    if len(kinds) != 1 or None in kinds:
        return False
    stems = {re.sub(r"[0-9]+\Z", "", step.path) for step in scope.steps}
    return len(stems) == 1 and all("." not in step.path for step in scope.steps)
