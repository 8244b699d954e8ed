"""One scope as a template: the modules it constructs and the statements of its forward, numbers still in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph.codegen.expressions import Source, express
from archgraph.codegen.flow import Scope, Step, Var
from archgraph.codegen.names import check_keys
from archgraph.codegen.rules import Site, written_as_function, written_as_module
from archgraph.codegen.rules.constant import constant_value, initial
from archgraph.codegen.terms import Term, call, copies, infix, listing, number, text
from archgraph.dims import Size
from archgraph.errors import CompileError

Construct = Callable[[Scope], Term]
MemberKind = Literal["parameter", "buffer", "constant", "module"]


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute that the constructor makes: `self.name = term`. `flag` is the condition, where it may be absent."""

    kind: MemberKind
    name: str
    term: Term
    flag: str = ""

    @property
    def outline(self) -> tuple[Any, ...]:
        return self.kind, self.name, self.term.outline


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement of the forward. `outs` are the values it writes; `path` the module it applies, if any."""

    term: Term
    outs: tuple[int, ...]
    step: Step
    path: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """Statements for each of several modules. `lists` are the containers walked together; `carried` are pairs of the
    value that enters a turn and the one that leaves it; `last` are the values that leave the last turn."""

    lists: tuple[str, ...]
    entries: tuple[Entry, ...]
    carried: tuple[tuple[int, int], ...]
    last: tuple[int, ...]


Statement = Entry | Loop


@dataclass(eq=False, slots=True)
class Body:
    """The template of one scope."""

    scope: Scope
    members: list[Member] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    vars: list[Var] = field(default_factory=list)
    containers: dict[str, str] = field(default_factory=dict)
    base: str = "nn.Module"

    @property
    def outline(self) -> tuple[Any, ...]:
        """What the instances of one class have in common."""
        return outlined(self, self.members, set())

    def numbers(self) -> list[Term]:
        """All numbers, constructors first, in a fixed order."""
        found = [n for member in self.members for n in member.term.numbers()]
        return found + [n for entry in self.entries() for n in entry.term.numbers()]

    def entries(self) -> list[Entry]:
        """The statements without their loops."""
        flat: list[Entry] = []
        for statement in self.statements:
            flat.extend(statement.entries if isinstance(statement, Loop) else (statement,))
        return flat


def outlined(body: Body, members: Sequence[Member], gone: set[int]) -> tuple[Any, ...]:
    """Base, inputs, members, statements and outputs without numbers, values counted in the order of their making.

    The statements in `gone` (by id) are left out: who reads their result reads their main input.
    """
    known: dict[int, int] = {value: value for value in range(len(body.scope.inputs))}
    written: list[Any] = []

    def renumbered(part: Term) -> Term | None:
        if part.kind == "variable":
            return Term("variable", value=known[part.value])
        if part.kind == "shape":
            return Term("shape", value=(known[part.value[0]], part.value[1]))
        return None

    made = iter(range(len(known), len(known) + len(body.vars)))

    def count(values: Sequence[int]) -> tuple[int, ...]:
        known.update((value, next(made)) for value in values)
        return tuple(known[value] for value in values)

    def entry_outline(entry: Entry) -> Any:
        term = entry.term.replaced(renumbered)
        return "entry", term.outline, count(entry.outs), entry.path

    for statement in body.statements:
        if isinstance(statement, Entry) and id(statement) in gone:
            known[statement.outs[0]] = known[main_value(statement)]
        elif isinstance(statement, Entry):
            written.append(entry_outline(statement))
        else:
            entering = tuple(known[value] for value, _ in statement.carried)
            inner = tuple(entry_outline(entry) for entry in statement.entries)
            leaving = tuple(known[value] for _, value in statement.carried)
            written.append(("loop", statement.lists, inner, entering, leaving, count(statement.last)))
    shape = tuple(member.outline for member in members)
    return body.base, len(body.scope.inputs), shape, tuple(written), tuple(known[value] for value in body.outputs)


def main_value(entry: Entry) -> int:
    """The value that a statement hands on where it is left out."""
    return next(int(part.value) for part in entry.term.all() if part.kind == "variable")


def sequential(children: list[tuple[str, Term]], named: bool = False, counting: bool = False) -> Term:
    """`nn.Sequential(…)`. With `counting`, equal children are one construction and a number."""
    if named:
        return call("nn.Sequential", _named(children))
    return call("nn.Sequential", *several([child for _, child in children], counting))


def several(children: list[Term], counting: bool) -> list[Term]:
    """The children, or one construction and how often it is made, where they are all equal."""
    same = counting and len(children) > 1 and all(child == children[0] for child in children)
    return [copies(children[0], len(children))] if same else children


def _named(children: list[tuple[str, Term]]) -> Term:
    """Children by name; names that only count, over children that are equal or grow evenly, are written once."""
    split = [re.fullmatch(r"(.*?)([0-9]+)", name) for name, _ in children]
    found = [(match[1], int(match[2])) for match in split if match]
    if len(found) == len(children) and found == [(found[0][0], found[0][1] + i) for i in range(len(found))]:
        stem, first = found[0]
        child = counted([child for _, child in children], first)
        if child is not None:
            span = (number("first", first), number("depth", len(children)))
            return Term("counted", stem, (child, *span))
    return Term("named", "", tuple(Term("entry", name, (child,)) for name, child in children))


def counted(children: list[Term], first: int = 0) -> Term | None:
    """At least three children whose numbers grow evenly, as one of `i`, from `first` on: `Layer(64 + 32 * i)`."""
    if len(children) < 3 or len({child.outline for child in children}) > 1:
        return None
    rows = [[term.value for term in child.numbers()] for child in children]
    steps = []
    for column in zip(*rows, strict=True):
        if all(type(value) is type(column[0]) and value == column[0] for value in column):
            steps.append(0)
        elif all(type(value) is int for value in column):
            steps.append(column[1] - column[0])
        else:
            return None
        if steps[-1] and any(value != column[0] + k * steps[-1] for k, value in enumerate(column)):
            return None
    grown = iter(zip(rows[0], steps, strict=True))
    return children[0].replaced(lambda part: _grown(part, *next(grown), first) if part.kind == "number" else None)


def _grown(part: Term, start: int, step: int, first: int) -> Term:
    if not step:
        return part
    turn = infix("*", number(part.text, step), text("i")) if step != 1 else text("i")
    base = start - step * first
    return infix("+", number(part.text, base), turn) if base else turn


class BodyReader:
    """Makes the template of a scope whose classes below are known already."""

    def __init__(
        self,
        scope: Scope,
        construct: Construct,
        order: Callable[[str], tuple[str, ...]],
        positions: Callable[[Scope | None], tuple[int | None, ...] | None],
        counting: bool = False,
    ):
        self.scope = scope
        self._counting = counting
        self._positions = positions
        self.body = Body(scope)
        self._construct = construct
        self._order = order
        self._numbers: dict[int, int] = {}
        self._modules: dict[str, Term] = {}
        self._own: list[Member] = []
        for var in scope.inputs:
            self._number(var)

    def read(self) -> Body:
        """The template: statements in the order of the flow, members in the order of the state dict."""
        if self.scope.form == "chain":
            self.body.base = "nn.Sequential"
            self.body.members = [Member("module", "", self._construct(self.scope))]
            return self.body
        for step in self.scope.steps:
            self._add(step)
        self._place_members()
        self.body.outputs = tuple(self._numbers[id(var)] for var in self.scope.outputs)
        return self.body

    def _number(self, var: Var) -> int:
        self._numbers[id(var)] = len(self.body.vars)
        self.body.vars.append(var)
        return self._numbers[id(var)]

    def _add(self, step: Step) -> None:
        term = {
            "scope": self._scope,
            "leaf": self._leaf,
            "again": self._again,
            "attribute": self._attribute,
            "custom": self._function,
            "function": self._function,
        }[step.kind](step)
        if term.kind == "variable":  # the same value again
            self._numbers[id(step.outputs[0])] = term.value
            return
        outs = tuple(self._number(var) for var in self._outputs(step))
        path = step.shared or (step.path if step.kind in ("scope", "leaf") else "")
        self.body.statements.append(Entry(term, outs, step, path))

    def _outputs(self, step: Step) -> list[Var]:
        """The values that a step writes; a class that serves others too may give more than this instance needs."""
        positions = self._positions(step.twin or step.scope)
        if positions is None:
            return list(step.outputs)
        return [step.outputs[at] if at is not None else Var(step.outputs[0].type, "_") for at in positions]

    # -- one step ----------------------------------------------------------------------------------------------------

    def _scope(self, step: Step) -> Term:
        assert step.scope is not None
        self._modules[step.path] = self._construct(step.scope)
        return self._applied(step.path, step)

    def _leaf(self, step: Step) -> Term:
        assert step.node is not None
        made = written_as_module(Site(step.node))
        assert made is not None
        self._modules[step.path] = made
        return self._applied(step.path, step)

    def _again(self, step: Step) -> Term:
        return self._applied(step.shared, step)

    def _applied(self, path: str, step: Step) -> Term:
        return Term("apply", path, tuple(self._var(var) for var in step.inputs.values()))

    def _var(self, var: Var) -> Term:
        return Term("variable", value=self._numbers[id(var)])

    def _attribute(self, step: Step) -> Term:
        assert step.node is not None
        if step.node.op.name == "constant":
            self._own.append(Member("constant", step.path, constant_value(Site(step.node))))
        for weight in step.node.weights:
            self._own.append(Member("parameter" if weight.trainable else "buffer", step.path, initial(weight)))
        return Term("attribute", step.path)

    def _function(self, step: Step) -> Term:
        assert step.node is not None
        for weight in step.node.weights:
            kind: MemberKind = "parameter" if weight.trainable else "buffer"
            self._own.append(Member(kind, f"{step.path}.{weight.name}", initial(weight)))
        written = written_as_function(Site(step.node))
        return self._with_sizes(written.replaced(lambda term: self._operand(term, step)), step)

    def _operand(self, term: Term, step: Step) -> Term | None:
        if term.kind == "ref":
            return self._var(step.inputs[term.text])
        if term.kind == "own":
            return Term("attribute", f"{step.path}.{term.text}")
        return None

    def _with_sizes(self, term: Term, step: Step) -> Term:
        unknown = 0

        def choose(part: Term) -> Term | None:
            nonlocal unknown
            if part.kind != "size":
                return None
            found = express(part.value, self._sources())
            if found is not None:
                return found
            unknown += 1
            if unknown == 1 and term.kind == "method" and term.text == "reshape" and not _has_free(term):
                return number("size", -1)
            raise CompileError(
                f"the size {part.value} cannot be computed where it is needed",
                expected="a size that follows from the shapes of the inputs",
                received=f"{step.address}: {', '.join(str(var.type) for var in self.body.vars)}",
            )

        return term.replaced(choose)

    def _sources(self) -> list[Source]:
        return [
            Source(dim, value, axis)
            for value, var in enumerate(self.body.vars)
            for axis, dim in enumerate(var.type.shape)
            if isinstance(dim, Size)
        ]

    # -- members -----------------------------------------------------------------------------------------------------

    def _place_members(self) -> None:
        rank = {"parameter": 0, "buffer": 1, "constant": 2}
        direct = [member for member in self._own if "." not in member.name]
        self.body.members = sorted(direct, key=lambda member: rank[member.kind])
        for holder in {member.name.rpartition(".")[0] for member in self._own} - {""}:
            if not any(path == holder or path.startswith(f"{holder}.") for path in self._modules):
                self._modules[holder] = call("nn.Module")
        tree = _tree(self._modules)
        names = self._ordered("", tree)
        if tree and self.scope.form == "class" and all(name.isdigit() for name in names):
            self._place_numbered(tree, names)
            return
        for name in names:
            self.body.members.append(Member("module", name, self._contained(name, tree[name])))
        self.body.members += [member for member in self._own if "." in member.name]

    def _place_numbered(self, tree: Mapping[str, Any], names: list[str]) -> None:
        """A class whose own children are all numbered is a list or a dict itself."""
        children = {name: self._contained(name, tree[name]) for name in names}
        self.body.base = "nn.ModuleList" if _complete(names) else "nn.ModuleDict"
        self.body.containers[""] = self.body.base
        self.body.members.append(Member("module", "", self._container(self.body.base, children)))

    def _contained(self, path: str, node: Any) -> Term:
        """The module at a path: a construction, or a container of those below it."""
        if isinstance(node, Term):
            return node
        names = self._ordered(path, node)
        children = {name: self._contained(f"{path}.{name}", node[name]) for name in names}
        kind = "nn.ModuleList" if _complete(names) else "nn.ModuleDict"
        self.body.containers[path] = kind
        if kind == "nn.ModuleDict":
            check_keys(path, names)
        return self._container(kind, children)

    def _container(self, kind: str, children: Mapping[str, Term]) -> Term:
        if kind == "nn.ModuleList":
            return call(kind, listing(*several(list(children.values()), self._counting)))
        entries = tuple(Term("entry", name, (child,)) for name, child in children.items())
        return call(kind, Term("named", "dict", entries))

    def _ordered(self, path: str, tree: Mapping[str, Any]) -> list[str]:
        """Children in the order of the state dict; numbered ones in the order of their numbers."""
        if _complete(list(tree)):
            return sorted(tree, key=int)
        known = self._order(path)
        return sorted(tree, key=lambda name: known.index(name) if name in known else len(known))


def _complete(names: list[str]) -> bool:
    return sorted(names) == sorted(map(str, range(len(names))))


def _tree(modules: Mapping[str, Term]) -> dict[str, Any]:
    """Dotted paths as nested mappings."""
    root: dict[str, Any] = {}
    for path, term in modules.items():
        *levels, last = path.split(".")
        at = root
        for level in levels:
            at = at.setdefault(level, {})
        at[last] = term
    return root


def _has_free(term: Term) -> bool:
    return any(part.value == -1 for part in term.parts[1:] if part.kind == "number")
