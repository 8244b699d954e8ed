"""Steps that overwrite what they read: activations and sums, where nothing else can need the value.

A value may be overwritten by its only reader where it has memory of its own that the derivatives of what made it do not
need. Arguments, weights and constants are none, nor what is handed out or a view. In memory and time it is what
published implementations save by `inplace=True`; hooks that keep what a module returned see the changed value then.
"""

from __future__ import annotations

from collections import Counter

from archgraph.codegen.analysis.scopes import Scope, ScopeStep, Var
from archgraph.codegen.analysis.sizes import turns
from archgraph.codegen.rules import IN_PLACE
from archgraph.ops.arithmetic import Add


def overwrite(root: Scope, everywhere: bool) -> None:
    """Marks the steps that overwrite their main input, in every scope. Unless `everywhere`, they are only activations
    of what an operation within the same forward made: no module returned that, so that no hook can keep it."""
    _Overwriting(everywhere).mark(root)


class _Overwriting:
    def __init__(self, everywhere: bool):
        self._everywhere = everywhere
        self._flows: dict[int, _Flow] = {}
        self._marked: set[int] = set()

    def mark(self, scope: Scope) -> None:
        """Marks the steps of a scope and of all below. A step of a module that is applied several times overwrites
        what it reads where it may do so each time."""
        if id(scope) in self._marked:
            return
        members = (scope, *scope.siblings)
        self._marked.update(map(id, members))
        for step in (step for member in members for step in member.steps):
            for below in (step.twin, step.scope):
                if below is not None:
                    self.mark(below)
        for row in turns(scope):
            if all(self._may_overwrite(*each) for each in zip(members, row, strict=True)):
                for step in row:
                    step.overwrite()

    def _may_overwrite(self, scope: Scope, step: ScopeStep) -> bool:
        if step.node is None or step.scope is not None or not step.inputs:
            return False
        read, made = next(iter(step.inputs.values())), step.outputs[0]
        can_overwrite = IN_PLACE.get(type(step.node.op))
        if can_overwrite is None or not can_overwrite(step.node.op) or read.type != made.type:
            return False
        if self._everywhere:
            return self._is_new(scope, read)
        maker = self._flow(scope).makers.get(id(read))
        unseen = scope.form == "class" and maker is not None and maker.kind in ("function", "custom")
        hands_on = maker is not None and maker.node is not None and maker.node.op.traits.may_hand_on
        return unseen and not hands_on and not isinstance(step.node.op, Add) and self._is_new(scope, read)

    def _is_new(self, scope: Scope, var: Var) -> bool:
        """Whether the only reader of a value may overwrite it; None that there is a second one."""
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


class _Flow:
    """Which step of a scope makes each value, and how often it is read or handed out."""

    def __init__(self, scope: Scope):
        self.makers = {id(var): step for step in scope.steps for var in step.outputs}
        self.readers = Counter(id(var) for step in scope.steps for var in step.inputs.values())
        self.readers.update(map(id, (*scope.outputs, *scope.training_outputs)))
