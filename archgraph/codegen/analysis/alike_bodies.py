"""Templates of scopes that equal one read before but for their numbers: its members and statements stand for theirs.

Most networks repeat a few bodies with other widths. Such a body is compared with its model step by step; what is made
of a body besides, its statements, the order of its members and its outline, is made once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from archgraph.codegen.analysis.body import AppliedStep, Body
from archgraph.codegen.analysis.body_reader import BodyReader, Surroundings
from archgraph.codegen.analysis.loops import rolled
from archgraph.codegen.analysis.scopes import Scope, ScopeStep
from archgraph.records import record
from archgraph.structure.terms import Term, alike


class AlikeBodies:
    """Reads the scopes of one family."""

    def __init__(self, around: Surroundings):
        self._around = around
        self._models: dict[Hashable, list[_Model]] = {}

    def body(self, scope: Scope) -> Body:
        """The template of a scope."""
        key = _look(scope)
        models = self._models.setdefault(key, []) if key is not None else []
        for model in models:
            found = _Follower(scope, self._around).followed(model)
            if found is not None:
                return found
        reader = BodyReader(scope, self._around)
        body = rolled(reader.read())
        if key is not None:
            found_model = _model(reader)
            models += [found_model] if found_model is not None else []
        return body


@record()
class _ModelStep:
    """A step of a model: the values that its statement reads and writes by their numbers, and the term of that;
    None where there is none, since it stands for what it reads or is not computed."""

    step: ScopeStep
    ports: list[str]
    read: tuple[int, ...] = ()
    made: tuple[int, ...] = ()
    term: Term | None = None
    is_sized: bool = False
    """Whether there are sizes in its operation."""


@record()
class _Model:
    """A body with what others are compared by. `members` and `statements` are the places of all that has numbers, in
    the order of the body's numbers: the paths of modules and the places of tensors, and those of steps; how many
    modules a list has is a number itself, which paths tell. `lists` are the paths of the modules in each list, and
    whether they are written one by one."""

    body: Body
    reader: BodyReader
    steps: tuple[_ModelStep, ...] = ()
    members: tuple[str | int | Term, ...] = ()
    statements: tuple[int, ...] = ()
    lists: tuple[tuple[tuple[str, ...], bool], ...] = ()


_ONE_BY_ONE = ("leaf", "scope", "again")
"""Kinds of steps that apply modules. Copies of others become no loop, which goes through a list of modules."""


def _look(scope: Scope) -> Hashable | None:
    """What scopes of one outline have in common and is quickly seen; None for those that are read for themselves: what
    is applied again and to other sizes, and copies that may become loops."""
    if scope.form == "chain":
        return "chain"
    if scope.form != "class" or scope.siblings:
        return None
    steps = []
    for step in scope.steps:
        kind = step.kind
        if step.twin is not None or (step.copies and kind in _ONE_BY_ONE):
            return None
        if step.scope is not None and step.scan is not None:
            return None
        steps.append((step.path, step.shared, step.mode, kind))
    return len(scope.inputs), tuple([var.annotation for var in scope.sizes]), tuple(steps)


def _model(reader: BodyReader) -> _Model | None:
    """A body as a model; None where its members do not follow from its steps one by one."""
    body = reader.body
    if reader.scope.form == "chain":
        return _Model(body, reader)
    lists = _lists(reader)
    if lists is None or any("." in member.name for member in body.members):
        return None
    places: dict[int, str | int] = {id(term): path for path, term in reader.modules.items()}
    places.update((id(member.term), place) for place, member in enumerate(reader.tensors))
    if len(places) != len(reader.modules) + len(reader.tensors):
        return None
    members: list[str | int | Term] = []
    for member in body.members:
        for place in _found(member.term, places):
            if place is None:
                return None
            members.append(place)
    terms = {id(entry.step): entry for entry in body.statements if isinstance(entry, AppliedStep)}
    steps = tuple([_model_step(reader, step, terms.get(id(step))) for step in reader.scope.steps])
    numbered = {id(one.step): place for place, one in enumerate(steps)}
    statements = [numbered[id(entry.step)] for entry in body.statements if isinstance(entry, AppliedStep)]
    return _Model(body, reader, steps, tuple(members), tuple(statements), tuple(lists))


def _lists(reader: BodyReader) -> list[tuple[tuple[str, ...], bool]] | None:
    """The lists of a body; None where it has containers of another kind."""
    found = []
    for path, kind in reader.body.containers.items():
        if kind == "nn.ModuleList":
            inside = [name for name in reader.modules if name.startswith(f"{path}." if path else "")]
            if any("." in name.removeprefix(f"{path}.") for name in inside):
                return None
            found.append((tuple(inside), reader.writes_each(inside)))
        elif kind != "nn.ModuleDict":
            return None
    return found


def _model_step(reader: BodyReader, step: ScopeStep, entry: AppliedStep | None) -> _ModelStep:
    if step.mode == "idle":
        return _ModelStep(step, [])
    ports = list(step.inputs)
    reads = step.kind != "attribute"  # the statement of a tensor reads nothing: the constructor did
    read = reader.numbers(step.inputs.values()) if reads else ()
    if entry is None:
        return _ModelStep(step, ports, read, reader.numbers(step.outputs))
    is_sized = step.kind in ("function", "custom") and bool(step.own_sizes)
    return _ModelStep(step, ports, read, entry.outs, entry.term, is_sized)


def _found(term: Term, places: dict[int, str | int]) -> Iterator[str | int | Term | None]:
    """The places of what a member is made of, and how many of it there are; None for another number."""
    if id(term) in places:
        yield places[id(term)]
    elif term.kind == "copies":
        child, depth = term.parts
        yield places.get(id(child))
        yield depth
    elif term.kind == "number":
        yield None
    else:
        for part in term.parts:
            yield from _found(part, places)


class _Follower(BodyReader):
    """Reads a scope along a model, as long as it does the same."""

    def followed(self, model: _Model) -> Body | None:
        """The template of the scope with the members and statements of the model; None where its outline is another."""
        if self.scope.form == "chain":
            return self._followed_chain(model.body)
        statements: list[list[object]] = []
        for mine, step in zip(model.steps, self.scope.steps, strict=True):
            values: list[object] = []
            if not self._follows(mine, step, values):
                return None
            statements.append(values)
        members = self._members(model)
        if members is None or any(self._order(path) != children for path, children in model.reader.orders.items()):
            return None
        if any(self.writes_each(paths) != each for paths, each in model.lists):
            return None
        body, known = self.body, model.body
        body.outputs, body.training_outputs = (
            self.numbers(self.scope.outputs),
            self.numbers(self.scope.training_outputs),
        )
        if (body.outputs, body.training_outputs) != (known.outputs, known.training_outputs):
            return None
        body.members, body.statements, body.model = known.members, known.statements, known
        body.container, body.containers = known.container, known.containers
        body.others = [
            value for place in model.members for value in ([place.value] if isinstance(place, Term) else members[place])
        ]
        body.others += [value for place in model.statements for value in statements[place]]
        return body

    def _followed_chain(self, known: Body) -> Body | None:
        (member,) = known.members
        if not alike(member.term, self._around.construct(self.scope), self.body.others):
            return None
        self.body.members, self.body.container, self.body.model = known.members, known.container, known
        return self.body

    def _members(self, model: _Model) -> dict[str | int, list[object]] | None:
        """The numbers of each module and tensor; None where one differs in more than its numbers."""
        found: dict[str | int, list[object]] = {}
        known = model.reader
        if self.modules.keys() != known.modules.keys() or len(self.tensors) != len(known.tensors):
            return None
        for path, term in self.modules.items():
            if not alike(known.modules[path], term, found.setdefault(path, [])):
                return None
        for place, (first, other) in enumerate(zip(known.tensors, self.tensors, strict=True)):
            same = first.kind == other.kind and first.name == other.name
            if not same or not alike(first.term, other.term, found.setdefault(place, [])):
                return None
        return found

    def _follows(self, mine: _ModelStep, step: ScopeStep, values: list[object]) -> bool:
        """Whether a step does what that of the model does; `values` gains the numbers of its statement."""
        kind = step.kind
        if kind != "function":
            self._make(step)
        if step.mode == "idle":
            return True
        if [*step.inputs] != mine.ports:
            return False
        if kind != "attribute" and self.numbers(step.inputs.values()) != mine.read:
            return False
        if mine.term is None:
            term = self._term((step,))
            self._numbers[id(step.outputs[0])] = mine.made[0]
            return term.kind == "variable" and term.value == mine.made[0]
        if kind == "function" and not (mine.is_sized or step.own_sizes):
            same = alike(mine.step.expression, step.expression, values)
        else:
            same = self._is_alike(mine, step, values)
        return same and self._hold((step,)) == mine.made

    def _is_alike(self, mine: _ModelStep, step: ScopeStep, values: list[object]) -> bool:
        """Whether the terms of both steps, which read the same values, have one outline. Sizes are those that the model
        reads in the same places where these are right here, or are sought."""
        assert mine.term is not None
        numbers: list[object] = []
        if step.scope is not None:
            assert mine.step.scope is not None
            if self._around.positions(step.scope) != self._around.positions(mine.step.scope):
                return False
            if not (step.scope.sizes or mine.step.scope.sizes):
                return True
            given = mine.term.parts[len(mine.read) :]
            columns = [(var.dim,) for var in step.scope.sizes]
            known = len(given) == len(columns) and all(map(self._known.is_right, given, columns))
            numbers += [number.value for term in given for number in term.numbers()]
        elif step.kind in ("function", "custom"):
            first, other = mine.step.expression, step.expression
            if step.kind == "custom" and step.holder != mine.step.holder:
                return False
            if not (mine.is_sized or step.own_sizes):
                return alike(first, other, values)
            known = self._is_written(first, mine.term, other, numbers)
        else:  # the module or tensor at its path, applied to what it reads
            return True
        if known:
            values += numbers
        return known or alike(mine.term, self._term((step,)), values)

    def _is_written(self, first: Term, term: Term, other: Term, values: list[object]) -> bool:
        """Whether what was written for an expression of the model is right for this one too, sizes included; `values`
        gains its numbers."""
        if first.kind != other.kind or first.text != other.text or len(first.parts) != len(other.parts):
            return False
        if first.kind == "size":
            values += [number.value for number in term.numbers()]
            return self._known.is_right(term, (other.value,))
        if first.kind == "number":
            values.append(other.value)
            return True
        if first.value != other.value:
            return False
        for part, made, mine in zip(first.parts, term.parts if first.parts else (), other.parts, strict=True):
            if not self._is_written(part, made, mine, values):
                return False
        return True
