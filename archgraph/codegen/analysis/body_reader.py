"""Reads one scope as a template: the modules it constructs and the statements of its forward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from archgraph.codegen.analysis.body import AppliedStep, Body, ForwardStatement, MemberKind, body_of
from archgraph.codegen.analysis.containers import Repeats, several
from archgraph.codegen.analysis.members import Members
from archgraph.codegen.analysis.names import parted, variable
from archgraph.codegen.analysis.scopes import Scope, ScopeStep, Var, is_hole
from archgraph.codegen.analysis.sizes import beginning, is_lenient, sized, sizes_of, turns
from archgraph.codegen.analysis.terms import item, local, method, text
from archgraph.codegen.rules.constant import constant_value, initial
from archgraph.codegen.rules.scan import scanned
from archgraph.dims import Dim
from archgraph.errors import CompileError
from archgraph.graph.types import joined
from archgraph.ops.constant import Constant, RegisterBuffer
from archgraph.structure.template import Member
from archgraph.structure.terms import Term, number
from archgraph.structure.terms import variable as variable_of
from archgraph.structure.unification import OutputPositions


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a template takes from the classes and the tree around its scope: how a scope below is constructed, the
    children of a path of a scope in the order of the state dict, where the outputs of a class stand among those of an
    instance, and how equal children are written."""

    construct: Callable[[Scope], Term]
    order: Callable[[Scope, str], tuple[str, ...]]
    positions: Callable[[Scope | None], OutputPositions | None]
    repeats: Repeats


class BodyReader:
    """Makes the template of a scope whose classes below are known already. `modules` are the constructions of its
    modules by their paths, `tensors` its own ones, in the order of the steps, `orders` the children of the paths whose
    order was asked for."""

    def __init__(self, scope: Scope, around: Surroundings):
        self.scope = scope
        self.body = body_of(scope)
        self.modules: dict[str, Term] = {}
        self.tensors: list[Member] = []
        self.orders: dict[str, tuple[str, ...]] = {}
        self._around = around
        self._row: tuple[ScopeStep, ...] = ()
        self._known = beginning(scope)
        self.body.vars = self._known.values[0]
        self._numbers = {id(var): number for number, var in enumerate(self.body.vars)}

    def read(self) -> Body:
        """The template: statements in the order of the flow, members in the order of the state dict."""
        if self.scope.form == "chain":
            self.body.container = "nn.Sequential"
            self.body.members = [Member("module", "", self._around.construct(self.scope))]
            return self.body
        for row in turns(self.scope):
            self._make(row[0])
            if row[0].mode != "idle":
                self._add(row)
        self.body.statements.sort(key=_is_in_training)
        Members(self.body, self._order, self._around.repeats).place(self.modules, self.tensors)
        self.body.outputs = self.numbers(self.scope.outputs)
        self.body.training_outputs = self.numbers(self.scope.training_outputs)
        return self.body

    def numbers(self, values: Iterable[Var]) -> tuple[int, ...]:
        """The numbers of values that there are."""
        return tuple(map(self._numbers.__getitem__, map(id, values)))

    def writes_each(self, paths: Sequence[str]) -> bool:
        """Whether the modules of a list are written one by one: equal ones may be counted."""
        children = [self.modules[path] for path in paths]
        return several(children, self._around.repeats) is children

    def _order(self, path: str) -> tuple[str, ...]:
        found = self.orders[path] = self._around.order(self.scope, path)
        return found

    def _add(self, row: tuple[ScopeStep, ...]) -> None:
        step = row[0]
        term = self._term(row)
        if term.kind == "variable":  # the same value again
            self._numbers[id(step.outputs[0])] = term.value
            return
        outs = self._hold(row)
        path = step.shared or (step.path if step.kind in ("scope", "leaf") else "")
        removable = len(outs) == 1 and _hands_on(term, step, path)
        self.body.statements.append(AppliedStep(term, outs, step.path, path, removable, step=step))

    def _term(self, row: tuple[ScopeStep, ...]) -> Term:
        self._row = row
        return _TERMS[row[0].kind](self, row[0])

    def _hold(self, row: tuple[ScopeStep, ...]) -> tuple[int, ...]:
        """The numbers of the values that a step writes, which are there from now on."""
        below = row[0].twin or row[0].scope
        values, first = self.body.vars, len(self.body.vars)
        if below is None or self._around.positions(below) is None:
            self._known.add_outputs(row)
        else:
            self._known.add(self._outputs(row))
        made = tuple(range(first, len(values)))
        for value in made:
            self._numbers[id(values[value])] = value
        return made

    def _outputs(self, row: tuple[ScopeStep, ...]) -> list[Sequence[Var]]:
        """The values that a step writes, in each application, where its class serves other instances too, and may give
        more than this one needs."""
        positions = self._around.positions(row[0].twin or row[0].scope) or ()
        return [
            [step.outputs[at] if at is not None else Var(step.outputs[0].type, "_") for at in positions] for step in row
        ]

    def _make(self, step: ScopeStep) -> None:
        """The modules and tensors of a step."""
        kind = step.kind
        if kind == "scope":
            assert step.scope is not None
            self.modules[step.path] = self._around.construct(step.scope)
        elif kind == "leaf":
            assert step.construction is not None
            self.modules[step.path] = step.construction
        elif kind in ("attribute", "custom"):
            self.tensors += self._tensors(step)

    def _tensors(self, step: ScopeStep) -> Iterator[Member]:
        """The tensors that a step owns, where no module of torch's holds them."""
        assert step.node is not None
        if isinstance(step.node.op, Constant):
            yield Member("constant", step.path, constant_value(step.node.op))
        for weight in step.node.weights:
            kind: MemberKind = "parameter" if weight.trainable else "buffer"
            computed = isinstance(step.node.op, RegisterBuffer)
            start = self._computed(step.inputs["input"]) if computed else initial(weight)
            yield Member(kind, joined(step.holder, weight.name), start)

    def _computed(self, var: Var) -> Term:
        """What follows from constants alone: the lines of a constructor that compute it, and its name."""
        needed, steps = {id(var)}, []
        for step in reversed(self.scope.steps):
            if not needed.isdisjoint(map(id, step.outputs)):
                steps.append(step)
                needed.update(map(id, step.inputs.values()))
        names: dict[int, Term] = {}
        lines = tuple(self._line(step, names) for step in reversed(steps))
        return Term("computed", parts=(*lines, names[id(var)]))

    def _line(self, step: ScopeStep, names: dict[int, Term]) -> Term:
        """A value of a constructor; `names` gains what it is called."""
        assert step.node is not None
        name = text(variable(parted(step.outputs[0].name), (term.text for term in names.values())))
        several = len(step.outputs) > 1
        for place, made in enumerate(step.outputs):
            names[id(made)] = item(name, text(str(place))) if several else name
        if isinstance(step.node.op, Constant):
            return Term("assign", name.text, (constant_value(step.node.op),))
        found = step.expression.replaced(lambda part: names[id(step.inputs[part.text])] if part.kind == "ref" else None)
        return Term("assign", name.text, (_in_constructor(found),))

    # -- one step ----------------------------------------------------------------------------------------------------

    def _own_application(self, step: ScopeStep) -> Term:
        return self._applied(step.path, step)

    def _shared_application(self, step: ScopeStep) -> Term:
        return self._applied(step.shared, step)

    def _applied(self, path: str, step: ScopeStep) -> Term:
        columns = sizes_of(self._row) if step.scope is not None else ()
        given = (self._known.expressed(column) or self._device_or_error(step, column[0]) for column in columns)
        read = (*(self._var(var) for var in step.inputs.values()), *given)
        return scanned(path, read, step.scan) if step.scan else Term("apply", path, read)

    def _var(self, var: Var) -> Term:
        return variable_of(self._numbers[id(var)])

    def _attribute(self, step: ScopeStep) -> Term:
        return Term("attribute", step.path)

    def _function(self, step: ScopeStep) -> Term:
        """The operation on what the step reads, with its sizes as expressions; the one unknown size of a reshape is
        left to torch (-1)."""
        term, columns = sized(self._row)
        if not columns:
            return term.replaced(lambda part: self._operand(part, step))
        found = {place: self._known.expressed(column) for place, column in columns.items()}
        left = list(found.values()).count(None) == 1 and is_lenient(term)
        places = count()

        def choose(part: Term) -> Term | None:
            if not is_hole(part):
                return self._operand(part, step)
            place = next(places)
            if place not in found:
                return None
            return found[place] or (number("size", -1) if left else self._device_or_error(step, columns[place][0]))

        return term.replaced(choose)

    def _operand(self, term: Term, step: ScopeStep) -> Term | None:
        if term.kind == "ref":
            return self._var(step.inputs[term.text])
        if term.kind == "own":
            return Term("attribute", joined(step.holder, term.text))
        return None

    def _device_or_error(self, step: ScopeStep, dim: Dim | None) -> Term:
        if dim is None:  # a network without inputs makes its tensors where torch does
            return local("device")
        known = ", ".join(str(var.type) for var in self.body.vars)
        raise CompileError(
            f"the size {dim} cannot be computed where it is needed",
            expected="a size that follows from the shapes of the inputs",
            received=f"{joined(self.scope.path, step.full or step.path)}: {known}",
        )


_TERMS: dict[str, Callable[[BodyReader, ScopeStep], Term]] = {
    "scope": BodyReader._own_application,
    "leaf": BodyReader._own_application,
    "again": BodyReader._shared_application,
    "attribute": BodyReader._attribute,
    "custom": BodyReader._function,
    "function": BodyReader._function,
}


_DEVICE = (local("device"),)


def _is_in_training(statement: ForwardStatement) -> bool:
    return isinstance(statement, AppliedStep) and statement.step.mode == "training"


def _in_constructor(term: Term) -> Term:
    """A term of a forward as it stands in a constructor, which knows no device and no type of a sample."""
    if term.kind == "local":
        inner = _in_constructor(term.parts[0])
        return method(inner, "float") if term.text == "float32" else inner
    if not term.parts:
        return term
    kept = [_in_constructor(part) for part in term.parts if part.kind != "keyword" or part.parts != _DEVICE]
    return Term(term.kind, term.text, tuple(kept), term.value)


def _hands_on(term: Term, step: ScopeStep, path: str) -> bool:
    """Whether a step that is left out could hand on its main input: it sets nothing, and reads nothing else."""
    if term.kind == "attribute" or not step.inputs:
        return False
    return not path or (term.kind == "apply" and len(step.inputs) == 1)
