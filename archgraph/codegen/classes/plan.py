"""Graph → classes: one class per distinct structure, with the numbers of all its instances compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.codegen.analysis.alike_bodies import AlikeBodies
from archgraph.codegen.analysis.body import Body
from archgraph.codegen.analysis.body_reader import Surroundings
from archgraph.codegen.analysis.containers import Repeats, sequential
from archgraph.codegen.analysis.module_scopes import read
from archgraph.codegen.analysis.names import class_name, is_usable
from archgraph.codegen.analysis.scopes import Scope, ScopeStep, argument_names
from archgraph.codegen.analysis.terms import call, keyword
from archgraph.codegen.classes.candidates import candidates
from archgraph.codegen.classes.class_plan import ClassPlan, Plan
from archgraph.codegen.classes.substitution import MODULE_NAMES, fill, input_size
from archgraph.codegen.rules import DEFINITIONS, IMPORTS
from archgraph.graph.keys import module_tree
from archgraph.graph.types import Graph
from archgraph.structure.class_parameters import MISSING
from archgraph.structure.families import families
from archgraph.structure.inference import inferred
from archgraph.structure.naming import Naming, free
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import OutputPositions, UnifiedClass, unified

_TAKEN = {"Tensor", "OrderedDict", "F"}


def plan(graph: Graph, inplace: bool = False) -> Plan:
    """The classes of a graph. Raises CompileError for what cannot be written."""
    return _Planner(graph, inplace).plan()


class _Planner:
    def __init__(self, graph: Graph, inplace: bool):
        self.graph = graph
        self.root = read(graph, inplace)
        self._tree = module_tree(graph)
        self._below: dict[int, list[Scope]] = {}
        self._assigned: dict[int, tuple[ClassPlan, int]] = {}
        self._positions: dict[int, OutputPositions] = {}
        self._names = set(_TAKEN) | set(DEFINITIONS) | set(IMPORTS)
        self._bases: dict[str, str] = {}
        self._classes: list[ClassPlan] = []

    def plan(self) -> Plan:
        self._names.add(self.root.title)
        ordered = families(self.root, self._inside, lambda scope: (scope.root, scope.family))
        _count(ordered)
        for family in ordered:
            self._plan_family(family)
        return Plan(self.graph, self._assigned[id(self.root)][0], self._classes, self._bases)

    def _inside(self, scope: Scope) -> list[Scope]:
        """The nearest scopes inside that have a class."""
        if id(scope) not in self._below:
            self._below[id(scope)] = list(_with_class(scope))
        return self._below[id(scope)]

    # -- classes -----------------------------------------------------------------------------------------------------

    def _plan_family(self, scopes: list[Scope]) -> None:
        repeats = Repeats(counted=False)
        classes = self._grouped(scopes, repeats)
        if len(classes) > 1 and len(repeats.met) > 1:  # repetitions of different length may be all that differs
            counted = self._grouped(scopes, Repeats(counted=True))
            classes = counted if len(counted) < len(classes) else classes
        if scopes[0].root:
            self._names.discard(scopes[0].title)
        title = free(scopes[0].title, self._names)
        parent = ""
        if len(classes) > 1:
            classes.sort(key=lambda group: -sum(body.scope.count for body in group.templates))
            parent = free(f"{title}Base", self._names)
            self._names.add(parent)
            self._bases[parent] = "nn.Module"
        for group in classes:
            name = free(_variant(title, group, classes), self._names)
            self._names.add(name)
            self._finish(name, parent, group)

    def _grouped(self, scopes: list[Scope], repeats: Repeats) -> list[UnifiedClass[Body]]:
        def construct(below: Scope) -> Term:
            return self.construct(below, repeats)

        bodies = AlikeBodies(Surroundings(construct, self._order_below, self._positions_of, repeats))
        return unified([bodies.body(scope) for scope in scopes])

    def _positions_of(self, scope: Scope | None) -> OutputPositions | None:
        return self._positions.get(id(scope)) if self._positions else None

    def _order_below(self, scope: Scope, path: str) -> tuple[str, ...]:
        found = self._tree.found(f"{scope.path}.{path}".strip("."))
        return found.names if found is not None else ()

    def _finish(self, name: str, parent: str, group: UnifiedClass[Body]) -> None:
        body = group.fullest
        made = ClassPlan(name, body, [other.scope for other in group.templates], parent)
        made.instances = [other for other in group.templates if id(other) not in group.lacking]
        names = argument_names(body.scope, set())
        columns = enumerate(group.columns)
        sizes = {place: size for place, column in columns if (size := input_size(group, column)) is not None}
        found = inferred(
            group,
            [candidates(other.scope, names) for other in group.templates],
            Naming(is_usable, frozenset(self._names)),
            sizes.keys(),
        )
        made.parameters = list(found.parameters)
        made.flags.update(found.flags)
        self._store_flags(made)
        resolved = {**found.expressions, **sizes}
        fill(made, [resolved[place] for place in sorted(resolved)])
        self._classes.append(made)
        for index, other in enumerate(group.templates):
            self._assigned[id(other.scope)] = (made, index)
            if id(other) in group.positions:
                self._positions[id(other.scope)] = group.positions[id(other)]

    def _store_flags(self, made: ClassPlan) -> None:
        """A forward asks whether a function is there; a module that is not there is None."""
        own = {member.name for member in made.body.members}
        for part, flag in made.flags.items():
            if part not in own:
                made.stored.setdefault(flag, free(flag, own | MODULE_NAMES))

    # -- constructions -----------------------------------------------------------------------------------------------

    def construct(self, scope: Scope, repeats: Repeats) -> Term:
        """How an instance is made: a call of its class, or a Sequential where it stands."""
        if id(scope) in self._assigned:
            made, index = self._assigned[id(scope)]
            return call(made.name, *_arguments(made, index))
        children = [(step.path, self._linked(step, repeats)) for step in scope.steps]
        return sequential(children, scope.form == "named", repeats)

    def _linked(self, step: ScopeStep, repeats: Repeats) -> Term:
        if step.scope is not None:
            return self.construct(step.scope, repeats)
        assert step.construction is not None
        return step.construction


def _with_class(scope: Scope, applied_again: bool = True) -> Iterator[Scope]:
    """The nearest scopes inside that have a class, with those that are applied again or without."""
    for step in scope.steps:
        below = step.twin or step.scope
        if below is None or (step.twin is not None and not applied_again):
            continue
        if below.has_class:
            yield below
        else:
            yield from _with_class(below, applied_again)


def _count(ordered: Sequence[Sequence[Scope]]) -> None:
    """How many modules there are of each scope, given those that others are made of first."""
    for scope in (scope for family in reversed(ordered) for scope in family if not scope.root):
        scope.count = 0
    for scope in (scope for family in reversed(ordered) for scope in family):
        for below in _with_class(scope, applied_again=False):
            below.count += scope.count


def _arguments(made: ClassPlan, instance: int) -> Iterator[Term]:
    """The first two by position where they are widths, and the others by name."""
    positional = True
    for place, parameter in enumerate(made.parameters):
        value = number(parameter.passed_as, parameter.argument(instance))
        if parameter.default is not MISSING:
            yield keyword(parameter.name, value, parameter.default)
        else:
            positional = positional and place < 2 and parameter.wide
            yield value if positional else keyword(parameter.name, value)


def _variant(title: str, group: UnifiedClass[Body], classes: Sequence[UnifiedClass[Body]]) -> str:
    """The most frequent variant has the plain name; another is named after what it has beyond that."""
    if group is classes[0]:
        return title
    common = {member.name for member in classes[0].fullest.members}
    extra = [member.name for member in group.fullest.members if member.name not in common and not member.name.isdigit()]
    return class_name(f"{title}_with_{'_and_'.join(extra)}") if extra else title
