"""Graph → classes: one class per distinct structure, with the numbers of all its instances compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from torch import nn

from archgraph.codegen.body import Body, BodyReader, Entry, Loop, Member, Statement, sequential
from archgraph.codegen.columns import MISSING, NARROW, Columns, Instance, Parameter, channels_of
from archgraph.codegen.flow import Scope, Step, Var, argument_names, read
from archgraph.codegen.loops import rolled
from archgraph.codegen.merge import Merged, Positions, merged
from archgraph.codegen.names import class_name, free, is_identifier
from archgraph.codegen.rules import DEFINITIONS, Site, written_as_module
from archgraph.codegen.terms import Term, call, keyword, number, text
from archgraph.graph.keys import module_tree
from archgraph.graph.types import Graph

Family = tuple[Any, ...]
_MODULE_NAMES = frozenset(dir(nn.Module()))
_TAKEN = {"Tensor", "OrderedDict", "F"}


@dataclass(eq=False, slots=True)
class ClassPlan:
    """A class to write. `members` and `statements` hold no numbers any more, but literals and parameters' names."""

    name: str
    body: Body
    scopes: list[Scope]
    parent: str = ""
    parameters: list[Parameter] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    stored: dict[str, str] = field(default_factory=dict)
    """Attributes of the module that keep parameters for the forward, by the parameter's name."""
    flags: dict[str, str] = field(default_factory=dict)
    """The parameter that says whether a part is there, by the member's name or the function's path."""

    def condition(self, entry: Entry) -> str:
        """The code that says whether the part that a statement applies is there; '' for one that always is."""
        part = entry.path.partition(".")[0] if entry.path else entry.step.path
        if part not in self.flags:
            return ""
        return f"self.{part} is not None" if entry.path else f"self.{self.stored[self.flags[part]]}"

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


def plan(graph: Graph) -> Plan:
    """The classes of a graph. Raises CompileError for what cannot be written."""
    return _Planner(graph).plan()


class _Planner:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.root = read(graph)
        modules = {module.path: tuple(module.children) for module in module_tree(graph).modules()}
        self._children = modules
        self._assigned: dict[int, tuple[ClassPlan, int]] = {}
        self._positions: dict[int, Positions] = {}
        self._names = set(_TAKEN) | set(DEFINITIONS)
        self._bases: dict[str, str] = {}
        self._classes: list[ClassPlan] = []

    def plan(self) -> Plan:
        _wrap_functions(self.root)
        self._names.add(self.root.title)
        for family in _families(self.root):
            self._plan_family(family)
        return Plan(self.graph, self._assigned[id(self.root)][0], self._classes, self._bases)

    # -- classes -----------------------------------------------------------------------------------------------------

    def _plan_family(self, scopes: list[Scope]) -> None:
        classes = self._grouped(scopes, False)
        if len(classes) > 1:  # repetitions of different length may be all that differs
            counted = self._grouped(scopes, True)
            classes = counted if len(counted) < len(classes) else classes
        if scopes[0].root:
            self._names.discard(scopes[0].title)
        title = free(scopes[0].title, self._names)
        parent = ""
        if len(classes) > 1:
            classes.sort(key=lambda group: -len(group.bodies))
            parent = free(f"{title}Base", self._names)
            self._names.add(parent)
            self._bases[parent] = "nn.Module"
        for group in classes:
            name = free(_variant(title, group, classes), self._names)
            self._names.add(name)
            self._finish(name, parent, group)

    def _grouped(self, scopes: list[Scope], counting: bool) -> list[Merged]:
        groups: dict[Any, list[Body]] = defaultdict(list)
        for scope in scopes:
            body = self._body(scope, counting)
            groups[body.outline].append(body)
        return merged(list(groups.values()))

    def _body(self, scope: Scope, counting: bool) -> Body:
        def construct(below: Scope) -> Term:
            return self.construct(below, counting)

        reader = BodyReader(scope, construct, self._order_below(scope), self._positions_of, counting)
        return rolled(reader.read())

    def _positions_of(self, scope: Scope | None) -> Positions | None:
        return self._positions.get(id(scope))

    def _order_below(self, scope: Scope) -> Any:
        return lambda path: self._children.get(f"{scope.path}.{path}".strip("."), ())

    def _finish(self, name: str, parent: str, group: Merged) -> None:
        body = group.body
        made = ClassPlan(name, body, [other.scope for other in group.bodies], parent)
        names = argument_names(body.scope, set())
        columns = Columns([_instance(other.scope, names) for other in group.bodies], self._names)
        resolved = [
            _like_input(group, at, values) or columns.resolve(term.text, at.place, values)
            for at, term, values in _columns(group)
        ]
        own = {member.name for member in body.members}
        for part, values in group.presence.items():
            name = part.rpartition(".")[2]
            made.flags[part] = columns.flag(name if part in own else f"use_{name}", values)
            if part not in own:
                made.stored.setdefault(made.flags[part], free(made.flags[part], own | _MODULE_NAMES))
        self._positions.update(group.positions)
        _fill(made, resolved)
        made.parameters = columns.finished()
        self._classes.append(made)
        for index, other in enumerate(group.bodies):
            self._assigned[id(other.scope)] = (made, index)

    # -- constructions -----------------------------------------------------------------------------------------------

    def construct(self, scope: Scope, counting: bool = False) -> Term:
        """How an instance is made: a call of its class, or a Sequential where it stands."""
        if id(scope) in self._assigned:
            made, index = self._assigned[id(scope)]
            return call(made.name, *_arguments(made, index))
        children = [(step.path, self._linked(step, counting)) for step in scope.steps]
        return sequential(children, scope.form == "named", counting)

    def _linked(self, step: Step, counting: bool) -> Term:
        if step.scope is not None:
            return self.construct(step.scope, counting)
        assert step.node is not None
        made = written_as_module(Site(step.node))
        assert made is not None
        return made


def _arguments(made: ClassPlan, instance: int) -> Iterator[Term]:
    """The first two by position, the others by name."""
    for place, parameter in enumerate(made.parameters):
        value = number(parameter.name, parameter.given(instance))
        if parameter.default is not MISSING:
            yield keyword(parameter.name, value, parameter.default)
        else:
            positional = place < 2 and type(value.value) is int and parameter.role not in NARROW
            yield value if positional else keyword(parameter.name, value)


@dataclass(frozen=True, slots=True)
class _At:
    """Where a number stands: the module or function that has it, and the entry and position for those of a forward."""

    place: str
    entry: Entry | None = None
    axis: int = -1


def _columns(group: Merged) -> Iterator[tuple[_At, Term, list[Any]]]:
    """Each number of the class: where it stands, its term, and its value in each instance."""
    rows = [group.row(body) for body in group.bodies]
    index = 0
    for member in group.body.members:
        for term in member.term.numbers():
            yield _At(member.name or "item"), term, [row[index] for row in rows]
            index += 1
    for entry in group.body.entries():
        for axis, part in enumerate(entry.term.parts):
            for term in part.numbers():
                at = _At(entry.step.path.rpartition(".")[2], entry, axis if part is term else -1)
                yield at, term, [row[index] for row in rows]
                index += 1


def _like_input(group: Merged, at: _At, values: Sequence[Any]) -> Term | None:
    """A size of a reshape that is a value's own is taken from it: `x.reshape(n, channels, height, width)`."""
    if at.entry is None or at.axis < 2 or at.entry.term.kind != "method" or at.entry.term.text != "reshape":
        return None
    sizes = at.entry.term.parts[1:]
    origins = {part.value[0] for part in sizes if part.kind == "shape"}
    if len(origins) != 1 or group.lacking:
        return None
    value, axis = origins.pop(), at.axis - 1
    shapes = [body.vars[value].type.shape for body in group.bodies]
    own = all(len(shape) == len(sizes) and shape[axis] == size for shape, size in zip(shapes, values, strict=True))
    return Term("shape", value=(value, axis)) if own else None


def _fill(made: ClassPlan, resolved: Sequence[Term]) -> None:
    """Puts the resolved numbers into the members and statements; parameters of a forward are kept on the module."""
    values = iter(resolved)
    made.members = [replace(member, term=_exchanged(member.term, values)) for member in made.body.members]
    for statement in made.body.statements:
        if isinstance(statement, Loop):
            entries = tuple(_forwarded(entry, values, made) for entry in statement.entries)
            made.statements.append(replace(statement, entries=entries))
        else:
            made.statements.append(_forwarded(statement, values, made))


def _exchanged(term: Term, values: Iterator[Term]) -> Term:
    return term.replaced(lambda part: next(values) if part.kind == "number" else None)


def _forwarded(entry: Entry, values: Iterator[Term], made: ClassPlan) -> Entry:
    def kept(part: Term) -> Term | None:
        if part.kind == "text" and part.text.startswith("?"):
            name = part.text[1:]
            members = {member.name for member in made.members}
            made.stored.setdefault(name, free(name, members | _MODULE_NAMES))
            return text(f"self.{made.stored[name]}")
        return None

    def choose(part: Term) -> Term | None:
        if part.kind != "number":
            return None
        return next(values).replaced(
            lambda inner: text(f"?{inner.text}") if inner.kind == "text" and is_identifier(inner.text) else None
        )

    return replace(entry, term=entry.term.replaced(choose).replaced(kept))


def _instance(scope: Scope, names: Sequence[str]) -> Instance:
    """The arguments of a call and the channels of its values, the inputs called as the class calls them."""
    arguments = dict(scope.call.arguments) if scope.call is not None else {}
    first = (("in_channels", scope.inputs[:1]), ("out_channels", scope.outputs[:1]))
    others = ((f"{name}_channels", [var]) for name, var in zip(names[1:], scope.inputs[1:], strict=True))
    channels: dict[str, int] = {}
    for name, values in (*first, *others):
        for var in values:
            found = channels_of(var.type)
            if found is not None:
                channels[name] = found
    return Instance(arguments, channels)


def _variant(title: str, group: Merged, classes: Sequence[Merged]) -> str:
    """The most frequent variant has the plain name; another is named after what it has beyond that."""
    if group is classes[0]:
        return title
    common = {member.name for member in classes[0].body.members}
    extra = [member.name for member in group.body.members if member.name not in common and not member.name.isdigit()]
    return class_name(f"{title}_with_{'_and_'.join(extra)}") if extra else title


# -- the order of the work -------------------------------------------------------------------------------------------


def _wrap_functions(scope: Scope) -> None:
    """An operation in a chain that torch has no module for gets a class with a forward of one line."""
    for step in scope.steps:
        for below in (step.scope, step.twin):
            if below is not None:
                _wrap_functions(below)
        if scope.form == "class" or step.node is None or step.scope is not None:
            continue
        if step.kind == "function" and written_as_module(Site(step.node)) is None:
            step.scope = _wrapper(step)


def _wrapper(step: Step) -> Scope:
    assert step.node is not None
    ins = {port: Var(var.type, "x") for port, var in step.inputs.items()}
    outs = tuple(Var(var.type, var.name) for var in step.outputs)
    name = step.node.op.name
    inner = Step(name, step.address, ins, outs, node=step.node)
    return Scope("", ("operation", name), class_name(name), list(ins.values()), list(outs), [inner])


def _with_class(scope: Scope) -> Iterator[Scope]:
    """The nearest scopes below that have a class."""
    for step in scope.steps:
        for below in (step.scope, step.twin):
            if below is None:
                continue
            if below.has_class:
                yield below
            else:
                yield from _with_class(below)


def _families(root: Scope) -> list[list[Scope]]:
    """The scopes that need classes, family by family, those that others construct first."""
    scopes: list[Scope] = []
    heights: dict[int, int] = {}

    def visit(scope: Scope) -> int:
        if id(scope) not in heights:
            below = [visit(child) for child in _with_class(scope)]
            heights[id(scope)] = 1 + max(below, default=0)
            scopes.append(scope)
        return heights[id(scope)]

    visit(root)
    for key in (lambda scope: scope.family, lambda scope: (*scope.family, heights[id(scope)])):
        grouped: dict[Family, list[Scope]] = {}
        for scope in scopes:
            grouped.setdefault(("root",) if scope.root else key(scope), []).append(scope)
        below = {
            name: {key(child) for scope in members for child in _with_class(scope)} for name, members in grouped.items()
        }
        try:
            return [grouped[name] for name in TopologicalSorter(below).static_order()]
        except CycleError:
            continue
    raise AssertionError("heights leave no cycles")
