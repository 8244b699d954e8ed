"""Steps that overwrite what they read: activations and sums, where nothing else can need the value.

A value may be overwritten by its only reader where it has memory of its own that the derivatives of what made it do not
need. Arguments, weights and constants are none, nor what is handed out or a view. In memory and time it is what
published implementations save by `inplace=True`; hooks that keep what a module returned see the changed value then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, Var
from archgraph.codegen.analysis.sizes import turns
from archgraph.codegen.rules import IN_PLACE
from archgraph.ops.arithmetic import Add
from archgraph.ops.contract import Operation


def overwrite(root: Scope, everywhere: bool) -> None:
    """Marks the steps that overwrite their main input, in every scope. Unless `everywhere`, they are only activations
    of what an operation within the same forward made: no module returned that, so that no hook can keep it."""
    found = _Overwriting(everywhere)
    found.visit(root)
    found.mark()


class _Overwriting:
    def __init__(self, everywhere: bool):
        self._everywhere = everywhere
        self._forms: dict[type[Operation], Callable[[Any], bool] | None] = {}
        self._flows: dict[int, _Flow] = {}
        self._visited: set[int] = set()
        self._steps: dict[Hashable, list[ScopeStep]] = {}
        self._refused: set[Hashable] = set()

    def mark(self) -> None:
        """Marks the steps that were found."""
        for place, steps in self._steps.items():
            if place not in self._refused:
                for step in steps:
                    step.overwrite()

    def visit(self, scope: Scope) -> None:
        """Finds the steps of a scope and of all below. A step overwrites what it reads where it may do so in each
        application of its module, in each instance of its class and in each turn of its loop, which are one text."""
        if id(scope) in self._visited:
            return
        members = (scope, *scope.siblings)
        self._visited.update(map(id, members))
        for member in members:
            for step in member.steps:
                if step.scope is not None:
                    self.visit(step.scope)
                    if step.twin is not None:
                        self.visit(step.twin)
        for row in turns(scope):
            if row[0].node is None or not self._can_overwrite(row[0]):
                continue
            place = text_place(scope, row[0])
            self._steps.setdefault(place, []).extend(row)
            if not all(self._may_overwrite(*each) for each in zip(members, row, strict=True)):
                self._refused.add(place)

    def _can_overwrite(self, step: ScopeStep) -> bool:
        """Whether its operation has a form in place that is asked for."""
        if step.node is None or step.scope is not None or not step.inputs:
            return False
        kind = type(step.node.op)
        if kind not in self._forms:
            self._forms[kind] = IN_PLACE.get(kind) if self._everywhere or kind is not Add else None
        can_overwrite = self._forms[kind]
        return can_overwrite is not None and can_overwrite(step.node.op)

    def _may_overwrite(self, scope: Scope, step: ScopeStep) -> bool:
        read = next(iter(step.inputs.values()))
        if not self._can_overwrite(step) or read.type != step.outputs[0].type:
            return False
        if self._everywhere:
            return self._is_new(scope, read)
        maker = self._flow(scope).makers.get(id(read))
        unseen = scope.form == "class" and maker is not None and maker.kind in ("function", "custom")
        hands_on = maker is not None and maker.node is not None and maker.node.op.traits.may_hand_on
        return unseen and not hands_on and self._is_new(scope, read)

    def _is_new(self, scope: Scope, var: Var) -> bool:
        """Whether a value has a single reader, which may overwrite it."""
        flow = self._flow(scope)
        maker = flow.makers.get(id(var))
        if maker is None or flow.readers[id(var)] > 1:
            return False
        if maker.scope is not None:
            place = [id(made) for made in maker.outputs].index(id(var))
            return maker.scan is None and self._is_new(maker.scope, maker.scope.outputs[place])
        assert maker.node is not None
        traits = maker.node.op.traits
        if traits.may_hand_on:
            return self._is_new(scope, next(iter(maker.inputs.values())))
        return traits.makes_new

    def _flow(self, scope: Scope) -> _Flow:
        if id(scope) not in self._flows:
            self._flows[id(scope)] = _Flow(scope)
        return self._flows[id(scope)]


def text_place(scope: Scope, step: ScopeStep) -> Hashable:
    """Where a step stands in the text of a class; a chain is constructed where it stands."""
    if not scope.has_class:
        return id(step)
    path = step.full.split(".")
    return scope.root, scope.family, tuple(part for part in path if not (step.copies and part.isdigit()))


class _Flow:
    """Which step of a scope makes each value, and how often it is read or handed out."""

    def __init__(self, scope: Scope):
        self.makers = {id(var): step for step in scope.steps for var in step.outputs}
        self.readers = Counter(id(var) for step in scope.steps for var in step.inputs.values())
        self.readers.update(map(id, (*scope.outputs, *scope.training_outputs)))
