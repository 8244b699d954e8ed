"""Graph → scopes: what becomes a module with a forward, what a chain, and what stands in the forward around it.

Hidden calls, side-by-side copies and repetitions with further ports are dissolved into the scope around them; their
modules keep their dotted paths. What is applied again is read as it was the first time, whatever it shares inside.
Calls that are equal have one scope.
"""

from __future__ import annotations

import re
from collections.abc import Hashable

from archgraph.codegen.analysis.arrangement import arrange
from archgraph.codegen.analysis.equal_calls import EqualCalls, can_be_equal, items
from archgraph.codegen.analysis.learned_biases import mark_learned_biases
from archgraph.codegen.analysis.names import check_path, class_name, segment, singular
from archgraph.codegen.analysis.overwriting import overwrite
from archgraph.codegen.analysis.scopes import Copy, Scope, ScopeStep, Var
from archgraph.errors import CompileError
from archgraph.graph.types import Call, Graph, Item, Node, joined, owns_weights
from archgraph.records import record


@record()
class _ScopePlace:
    """Where a body is read: its path below the scope, the same with hidden levels, that in the module tree; enclosing
    names."""

    path: str = ""
    full: str = ""
    module: str = ""
    trail: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()

    def copy(self, number: Copy) -> _ScopePlace:
        """The same place in one of the copies of a repetition."""
        return _ScopePlace(self.path, self.full, self.module, self.trail, (*self.copies, number))

    def below(self, call: Call) -> _ScopePlace:
        seen = segment(call)
        trail = (call.block,) if call.kind == "block" else (*self.trail, *((seen,) if seen else ()))
        full = joined(self.full, call.name)
        if call.hidden:
            return _ScopePlace(self.path, full, self.module, trail, self.copies)
        return _ScopePlace(joined(self.path, call.name), full, joined(self.module, call.name), trail, self.copies)


def read(graph: Graph, inplace: bool = False) -> Scope:
    """The scope of the whole graph; `inplace` overwrites values of which hooks may know too. Raises CompileError for
    paths that torch cannot have."""
    everything = items(graph)
    reading = _ScopeReader(EqualCalls(everything) if can_be_equal(graph, everything) else None)
    root = reading.scope(graph, _ScopePlace(trail=("",)), None)
    arrange(root, applied_again=reading.equal is None)
    overwrite(root, inplace)
    mark_learned_biases(root)
    return root


class _ScopeReader:
    def __init__(self, equal: EqualCalls | None) -> None:
        self.equal = equal
        self._scopes: dict[Hashable, Scope] = {}
        self._steps: dict[int, ScopeStep] = {}
        self._shares: dict[int, Item | None] = {}
        self._mirrored: dict[int, Call] = {}
        self._dissolved: set[int] = set()
        self._repetitions = 0

    def scope(self, graph: Graph, place: _ScopePlace, call: Call | None) -> Scope:
        inner = _ScopePlace(module=place.module, trail=place.trail)
        inputs = [Var(value.type, value.name) for value in graph.inputs]
        known = {id(value): var for value, var in zip(graph.inputs, inputs, strict=True)}
        title = class_name(graph.name if call is None else _title(call))
        scope = Scope(place.module, place.trail, title, inputs, call=call, root=call is None)
        self.body(graph, known, inner, scope.steps)
        scope.outputs = [known[id(value)] for value in graph.outputs.values()]
        scope.training_outputs = [known[id(value)] for value in graph.training_outputs.values()]
        _mark_computed_in_training(scope)
        has_tensors = computes_once = False
        for step in scope.steps:
            step.kind = step.found_kind()
            if step.kind == "attribute":
                has_tensors = True
                computes_once = computes_once or _is_buffer(step)
            if step.mode == "idle":
                computes_once = True
        if computes_once:
            _mark_computed_once(scope)
        if has_tensors:
            _mark_holders(scope)
        return scope

    def body(
        self, graph: Graph, known: dict[int, Var], place: _ScopePlace, steps: list[ScopeStep], copy: int = -1
    ) -> None:
        for index, item in enumerate(graph.items):
            here = place.copy((copy, index)) if copy >= 0 else place
            begin = len(steps)
            if isinstance(item, Node):
                steps.append(self.node(item, known, here))
                self._steps[id(item)] = steps[-1]
            elif self._is_dissolved(item):
                self.dissolve(item, known, here, steps)
            else:
                steps.append(self.call(item, known, here))
                self._steps[id(item)] = steps[-1]
            if item.training:
                for step in steps[begin:]:
                    step.mode = "idle"

    def shares(self, item: Item) -> Item | None:
        """The module that an item shares, by its path in the body that is itself shared."""
        return self._shares.get(id(item), item.shares)

    def node(self, node: Node, known: dict[int, Var], place: _ScopePlace) -> ScopeStep:
        name = node.name
        path = f"{place.path}.{name}" if place.path else name
        full = f"{place.full}.{name}" if place.full else name
        check_path(path)
        inputs = {port: known[id(value)] for port, value in node.inputs.items()}
        step = ScopeStep(path, full, inputs, self._written(node, known), node=node, copies=place.copies)
        first = self.shares(node) if self.equal is None else None
        if isinstance(first, Node) and owns_weights(first):
            shared = self._shared_path(first, node)
            step.shared, step.path = ("", shared) if step.is_attribute else (shared, path)
        return step

    def call(self, call: Call, known: dict[int, Var], place: _ScopePlace) -> ScopeStep:
        below = place.below(call)
        check_path(below.path)
        first = self.shares(call) if self.equal is None else None
        if self.equal is None:
            self._mirror(call)
        inputs = {str(i): known[id(value)] for i, value in enumerate(call.inputs)}
        step = ScopeStep(below.path, below.full, inputs, self._written(call, known), copies=place.copies)
        step.scope = self._scope_of(call, below)
        if first is not None:
            step.shared = self._shared_path(first, call)
            step.twin = self._steps[id(first)].scope
        return step

    def _scope_of(self, call: Call, place: _ScopePlace) -> Scope:
        """The scope of a call, or of the first that equals it and would be called the same."""
        if self.equal is None or not self.equal.has_like(call):
            return self.scope(call.body, place, call)
        key = self.equal.number(call), _title(call), place.trail
        if key not in self._scopes:
            self._scopes[key] = self.scope(call.body, place, call)
        return self._scopes[key]

    def _mirror(self, call: Call) -> None:
        """Lets a body that is applied again be read like the first: what it shares inside is what that one shares."""
        first = self.shares(call) or self._mirrored.get(id(call))
        if not isinstance(first, Call):
            return
        for ours, theirs in zip(call.body.items, first.body.items, strict=True):
            self._shares[id(ours)] = self.shares(theirs)
            if isinstance(ours, Call) and isinstance(theirs, Call):
                self._mirrored[id(ours)] = theirs

    def _shared_path(self, first: Item, item: Item) -> str:
        known = self._steps.get(id(first))
        if known is None:
            raise CompileError(f"'{item.name}' applies a module again that is not in reach", received=first.name)
        return known.shared or known.path

    def _written(self, item: Item, known: dict[int, Var]) -> tuple[Var, ...]:
        outputs = []
        for value in item.outputs:
            made = known[id(value)] = Var(value.type, value.name or item.name)
            outputs.append(made)
        return tuple(outputs)

    def dissolve(self, call: Call, known: dict[int, Var], place: _ScopePlace, steps: list[ScopeStep]) -> None:
        self._share_inside(call)
        inside = {id(ours): known[id(theirs)] for ours, theirs in zip(call.body.inputs, call.inputs, strict=True)}
        self._repetitions += 1
        copy = self._repetitions if call.kind == "repeat" else -1
        self.body(call.body, inside, place.below(call), steps, copy)
        for theirs, ours in zip(call.outputs, call.body.outputs.values(), strict=True):
            known[id(theirs)] = inside[id(ours)]

    def _share_inside(self, call: Call) -> None:
        """A level that is dissolved has no module: what it applies again are the modules inside."""
        self._dissolved.add(id(call))
        first = self.shares(call)
        if not isinstance(first, Call):
            self._mirror(call)
            return
        for ours, theirs in zip(call.body.items, first.body.items, strict=True):
            self._shares[id(ours)] = self.shares(theirs) or theirs

    def _is_dissolved(self, call: Call) -> bool:
        if call.scan is not None:
            return False
        first = self.shares(call) or self._mirrored.get(id(call))
        return id(first) in self._dissolved if first is not None else call.hidden or self._dissolves(call)

    def _dissolves(self, call: Call) -> bool:
        if call.kind == "map" or not call.body.items:
            return True
        if call.kind == "repeat":
            return not _is_chain(call) or self._borrows(call)
        return call.kind == "group" and self._borrows(call)

    def _borrows(self, call: Call) -> bool:
        """Whether something in it applies a module again that stands outside."""
        if self.equal is not None:  # nothing is applied again
            return False
        inside = {id(item) for item in items(call.body)}
        return any(item.shares is not None and id(item.shares) not in inside for item in items(call.body))


def _mark_computed_in_training(scope: Scope) -> None:
    """Of what is not there in evaluation, training computes what its own outputs need."""
    needed = set(map(id, scope.training_outputs))
    if not needed:
        return
    for step in reversed(scope.steps):
        if step.mode == "idle" and any(id(var) in needed for var in step.outputs):
            step.mode = "training"
            needed |= set(map(id, step.inputs.values()))


def _mark_computed_once(scope: Scope) -> None:
    """What only stored values follow from is computed by the constructor, and not by the forward."""
    read = set(map(id, (*scope.outputs, *scope.training_outputs)))
    stored: set[int] = set()
    for step in reversed(scope.steps):
        outputs = set(map(id, step.outputs))
        if not step.mode and outputs & stored and not outputs & read:
            step.mode = "idle"
        computed_once = step.mode == "idle" or _is_buffer(step)
        (stored if computed_once else read).update(map(id, step.inputs.values()))


def _is_buffer(step: ScopeStep) -> bool:
    """Whether it stores what is computed once."""
    return step.node is not None and step.node.op.name == "register_buffer"


def _mark_holders(scope: Scope) -> None:
    """The steps at whose paths other steps have tensors of their own, which are written otherwise."""
    holders = {step.path.rpartition(".")[0] for step in scope.steps if step.is_attribute}
    for step in scope.steps:
        if step.scope is None and (step.shared or step.path) in holders:
            step.holds_others = True
            step.kind = step.found_kind()


def _is_chain(call: Call) -> bool:
    """Whether a repetition is a numbered chain of one value: `nn.Sequential` in every sense."""
    if len(call.inputs) != 1 or len(call.outputs) != 1:
        return False
    before = call.body.inputs[0]
    for index, item in enumerate(call.body.items):
        read = list(item.inputs.values()) if isinstance(item, Node) else list(item.inputs)
        hidden = isinstance(item, Call) and (item.hidden or item.shares is not None)
        if item.name != str(index) or hidden or item.training or read != [before] or len(item.outputs) != 1:
            return False
        if isinstance(item, Node) and item.shares is not None:
            return False
        before = item.outputs[0]
    return next(iter(call.body.outputs.values())) is before


def _title(call: Call) -> str:
    """What the class of a call is named after: its block, or its name without a copy's number."""
    if call.kind == "block" and call.block:
        return call.block
    name = call.name
    if name.rpartition(".")[2].isdigit():
        if name.isdigit():
            name = f"{segment(call)}.0"
        return singular(name)
    return re.sub(r"[0-9_]+\Z", "", name.rpartition(".")[2]) or segment(call) or "group"
