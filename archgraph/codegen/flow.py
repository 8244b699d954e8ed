"""Graph → scopes: what becomes a module with a forward, what a chain, and what stands in the forward around it.

Hidden calls, side-by-side copies and repetitions with further ports are dissolved into the scope around them; their
modules keep their dotted paths. Numbered chains below a dotted path are folded into one `nn.Sequential`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from archgraph.codegen.names import check_path, class_name, parted, singular, variable
from archgraph.codegen.rules import MODULES
from archgraph.errors import CompileError
from archgraph.graph.keys import ModuleTree, module_tree
from archgraph.graph.types import Call, Graph, Item, Node, joined, owns_weights
from archgraph.ops.contract import TensorType

ATTRIBUTES = ("parameter", "buffer", "constant")
Copy = tuple[int, int]
"""A repetition's number and the copy's number within it."""


@dataclass(eq=False, slots=True)
class Var:
    """A value as one scope sees it. `name` is only a hint."""

    type: TensorType
    name: str


@dataclass(eq=False, slots=True)
class Step:
    """One application in the flow of a scope: an operation, or a scope below.

    `path` is the module path within the scope; `address` the node's or call's path in the whole graph.
    """

    path: str
    address: str
    inputs: dict[str, Var]
    outputs: tuple[Var, ...]
    node: Node | None = None
    scope: Scope | None = None
    shared: str = ""
    copies: tuple[Copy, ...] = ()
    twin: Scope | None = None

    @property
    def kind(self) -> Literal["scope", "attribute", "leaf", "custom", "function", "again"]:
        """How it is written: `custom` owns weights that no module of torch's holds for it."""
        if self.shared:
            return "again"
        if self.scope is not None:
            return "scope"
        assert self.node is not None
        if self.node.op.name in ATTRIBUTES:
            return "attribute"
        if not (self.node.weights or self.node.ties):
            return "function"
        ports = {port.name for port in self.node.op.ports}
        foreign = any(name.partition(".")[0] not in ports for name in self.node.inputs)
        return "custom" if foreign or self.node.op.name not in MODULES else "leaf"

    @property
    def links(self) -> bool:
        """Whether it can stand in a Sequential: one value in, one out, and a module."""
        one = len(self.inputs) == 1 and len(self.outputs) == 1
        return one and self.kind in ("scope", "leaf", "function")


@dataclass(eq=False, slots=True)
class Scope:
    """A module: the inputs, steps and outputs of its forward; `chain` and `named` are Sequentials."""

    path: str
    family: tuple[str, ...]
    title: str
    inputs: list[Var]
    outputs: list[Var] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    form: Literal["class", "chain", "named"] = "class"
    call: Call | None = None
    root: bool = False
    order: tuple[str, ...] = ()

    @property
    def has_class(self) -> bool:
        """Whether a class is written for it; other chains are constructed where they stand."""
        return self.form == "class" or self.root or (self.call is not None and self.call.kind == "block")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a body is read: paths below the scope, in the module tree and with hidden levels; enclosing names."""

    path: str = ""
    module: str = ""
    full: str = ""
    trail: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()

    def below(self, call: Call) -> _Place:
        seen = _segment(call)
        trail = (call.block,) if call.kind == "block" else (*self.trail, *((seen,) if seen else ()))
        full = joined(self.full, call.name)
        if call.hidden:
            return replace(self, full=full, trail=trail)
        return replace(
            self, path=joined(self.path, call.name), module=joined(self.module, call.name), full=full, trail=trail
        )


def _segment(call: Call) -> str:
    """What a call is called in its family: the last name of its address that is no copy's number."""
    parts = (call.origin.address or call.name).split(".")
    return next((part for part in reversed(parts) if part and not part.isdigit()), "")


def read(graph: Graph) -> Scope:
    """The scope of the whole graph. Raises CompileError for paths that torch cannot have."""
    reading = _Reading(module_tree(graph))
    return reading.scope(graph, _Place(trail=("",)), None)


class _Reading:
    def __init__(self, tree: ModuleTree):
        self._modules = {module.path: module for module in tree.modules()}
        self._steps: dict[int, Step] = {}
        self._repetitions = 0

    def scope(self, graph: Graph, place: _Place, call: Call | None) -> Scope:
        inner = replace(place, path="", copies=())
        inputs = [Var(value.type, value.name) for value in graph.inputs]
        known = {id(value): var for value, var in zip(graph.inputs, inputs, strict=True)}
        title = class_name(graph.name if call is None else _title(call))
        scope = Scope(place.module, place.trail, title, inputs, call=call, root=call is None)
        self.body(graph, known, inner, scope.steps)
        scope.outputs = [known[id(value)] for value in graph.outputs.values()]
        scope.steps = self._folded(scope)
        scope.form = _form(scope)
        scope.order = self.children(scope.path)
        return scope

    def children(self, path: str) -> tuple[str, ...]:
        """The names of the modules below a path, in the order of the state dict."""
        return tuple(self._modules[path].children) if path in self._modules else ()

    def body(self, graph: Graph, known: dict[int, Var], place: _Place, steps: list[Step], copy: int = -1) -> None:
        for index, item in enumerate(graph.items):
            here = replace(place, copies=(*place.copies, (copy, index))) if copy >= 0 else place
            if isinstance(item, Node):
                steps.append(self.node(item, known, here))
            elif item.shares is None and (item.hidden or self._dissolves(item)):
                self.dissolve(item, known, here, steps)
            else:
                steps.append(self.call(item, known, here))
            self._steps[id(item)] = steps[-1] if steps else Step("", "", {}, ())

    def node(self, node: Node, known: dict[int, Var], place: _Place) -> Step:
        path = joined(place.path, node.name)
        check_path(path)
        address = joined(place.module if owns_weights(node) else place.full, node.name)
        inputs = {port: known[id(value)] for port, value in node.inputs.items()}
        outputs = self._written(node, known)
        step = Step(path, address, inputs, outputs, node=node, copies=place.copies)
        if node.shares is not None and (node.shares.weights or node.shares.ties):
            step.shared = self._again(node.shares, node)
        return step

    def call(self, call: Call, known: dict[int, Var], place: _Place) -> Step:
        below = place.below(call)
        check_path(below.path)
        inputs = {str(i): known[id(value)] for i, value in enumerate(call.inputs)}
        step = Step(below.path, below.module, inputs, self._written(call, known), copies=place.copies)
        step.scope = self.scope(call.body, below, call)
        if call.shares is not None:
            step.shared = self._again(call.shares, call)
            step.twin = self._steps[id(call.shares)].scope
        return step

    def _again(self, first: Item, item: Item) -> str:
        known = self._steps.get(id(first))
        if known is None:
            raise CompileError(f"'{item.name}' applies a module again that is not in reach", received=first.name)
        return known.shared or known.path

    def _written(self, item: Item, known: dict[int, Var]) -> tuple[Var, ...]:
        outputs = tuple(Var(value.type, value.name or item.name) for value in item.outputs)
        known.update((id(value), var) for value, var in zip(item.outputs, outputs, strict=True))
        return outputs

    def dissolve(self, call: Call, known: dict[int, Var], place: _Place, steps: list[Step]) -> None:
        inside = {id(ours): known[id(theirs)] for ours, theirs in zip(call.body.inputs, call.inputs, strict=True)}
        self._repetitions += 1
        copy = self._repetitions if call.kind == "repeat" else -1
        self.body(call.body, inside, place.below(call), steps, copy)
        for theirs, ours in zip(call.outputs, call.body.outputs.values(), strict=True):
            known[id(theirs)] = inside[id(ours)]

    def _dissolves(self, call: Call) -> bool:
        if call.kind == "map" or not call.body.items:
            return True
        if call.kind == "repeat":
            return not _is_chain(call)
        return call.kind == "group" and _borrows(call)

    # -- folding -----------------------------------------------------------------------------------------------------

    def _folded(self, scope: Scope) -> list[Step]:
        steps = scope.steps
        levels = [step.path.split(".")[:-1] for step in steps]
        prefixes = {".".join(level[: n + 1]) for level in levels for n in range(len(level))}
        for prefix in sorted(prefixes, key=lambda prefix: (-prefix.count("."), prefix)):
            steps = self._fold(scope, steps, prefix)
        return steps

    def _fold(self, scope: Scope, steps: list[Step], prefix: str) -> list[Step]:
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
        chain.steps = [replace_path(step, str(i)) for i, step in enumerate(members)]
        folded = Step(prefix, path, {"0": next(iter(first.inputs.values()))}, last.outputs, scope=chain)
        folded.copies = _shared_copies(members)
        return [*steps[: places[0]], folded, *steps[places[-1] + 1 :]]


def replace_path(step: Step, path: str) -> Step:
    """The same step under another path."""
    return replace(step, path=path, copies=())


def uses(scope: Scope, steps: list[Step]) -> Counter[int]:
    """How often each value of a scope is read."""
    read = [id(var) for step in steps for var in step.inputs.values()]
    return Counter(read + [id(var) for var in scope.outputs])


def _linked(members: list[Step], scope: Scope, steps: list[Step]) -> bool:
    """Whether each reads only the one before it, and nobody else does."""
    read = uses(scope, steps)
    return all(step.links for step in members) and all(
        next(iter(after.inputs.values())) is before.outputs[0] and read[id(before.outputs[0])] == 1
        for before, after in pairwise(members)
    )


def _shared_copies(members: list[Step]) -> tuple[Copy, ...]:
    first = members[0].copies
    return first if all(step.copies == first for step in members) else ()


def _form(scope: Scope) -> Literal["class", "chain", "named"]:
    steps = scope.steps
    if not steps or len(scope.inputs) != 1 or len(scope.outputs) != 1:
        return "class"
    whole = next(iter(steps[0].inputs.values()), None) is scope.inputs[0] and steps[-1].outputs[:1] == (
        scope.outputs[0],
    )
    if not whole or not _linked(steps, scope, steps) or uses(scope, steps)[id(scope.inputs[0])] != 1:
        return "class"
    if [step.path for step in steps] == [str(i) for i in range(len(steps))]:
        return "chain"
    return "named" if _is_named_run(scope) else "class"


def _is_named_run(scope: Scope) -> bool:
    """Several of one kind under names that only count: `encoder_layer_0`, `encoder_layer_1` …"""
    if scope.root or (scope.call is not None and scope.call.kind == "block") or len(scope.steps) < 2:
        return False
    kinds = {step.scope.family if step.scope else None for step in scope.steps}
    stems = {re.sub(r"[0-9]+\Z", "", step.path) for step in scope.steps}
    plain = all("." not in step.path for step in scope.steps)
    return len(kinds) == 1 and None not in kinds and len(stems) == 1 and plain


def _is_chain(call: Call) -> bool:
    """Whether a repetition is a numbered chain of one value: `nn.Sequential` in every sense."""
    if len(call.inputs) != 1 or len(call.outputs) != 1:
        return False
    before = call.body.inputs[0]
    for index, item in enumerate(call.body.items):
        read = list(item.inputs.values()) if isinstance(item, Node) else list(item.inputs)
        hidden = isinstance(item, Call) and (item.hidden or item.shares is not None)
        if item.name != str(index) or hidden or read != [before] or len(item.outputs) != 1:
            return False
        if isinstance(item, Node) and item.shares is not None:
            return False
        before = item.outputs[0]
    return next(iter(call.body.outputs.values())) is before


def _borrows(call: Call) -> bool:
    """Whether something in it applies a module again that stands outside."""
    inside = {id(item) for item in items(call.body)}
    return any(item.shares is not None and id(item.shares) not in inside for item in items(call.body))


def items(graph: Graph) -> Iterator[Item]:
    """All items at every depth."""
    for item in graph.items:
        yield item
        if isinstance(item, Call):
            yield from items(item.body)


def _title(call: Call) -> str:
    """What the class of a call is named after: its block, or its name without a copy's number."""
    if call.kind == "block" and call.block:
        return call.block
    name = call.name
    if name.rpartition(".")[2].isdigit():
        if name.isdigit():
            name = f"{_segment(call)}.0"
        return singular(name)
    return re.sub(r"[0-9_]+\Z", "", name.rpartition(".")[2]) or _segment(call) or "group"


def argument_names(scope: Scope, reserved: set[str]) -> list[str]:
    """What the forward calls its inputs: the names of a block's, and `x` for what flows through a group."""
    anonymous = scope.call is not None and scope.call.kind != "block"
    found: list[str] = []
    for value, var in enumerate(scope.inputs):
        hint = "x" if anonymous and value == 0 else parted(var.name)
        found.append(variable(hint, {*found, *reserved}))
    return found
