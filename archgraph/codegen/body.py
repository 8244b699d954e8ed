"""Reads one scope as a template: the modules it constructs and the statements of its forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archgraph.codegen.containers import complete, container, tree_of
from archgraph.codegen.expressions import Source, express
from archgraph.codegen.names import check_keys
from archgraph.codegen.rules import Site, written_as_function, written_as_module
from archgraph.codegen.rules.constant import constant_value, initial
from archgraph.codegen.scopes import Scope, Step, Var
from archgraph.codegen.template import Body, Entry, Member, MemberKind
from archgraph.codegen.terms import Term, call, number
from archgraph.dims import Size
from archgraph.errors import CompileError

Construct = Callable[[Scope], Term]


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
        tree = tree_of(self._modules)
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
        self.body.base = "nn.ModuleList" if complete(names) else "nn.ModuleDict"
        self.body.containers[""] = self.body.base
        self.body.members.append(Member("module", "", container(self.body.base, children, self._counting)))

    def _contained(self, path: str, node: Any) -> Term:
        """The module at a path: a construction, or a container of those below it."""
        if isinstance(node, Term):
            return node
        names = self._ordered(path, node)
        children = {name: self._contained(f"{path}.{name}", node[name]) for name in names}
        kind = "nn.ModuleList" if complete(names) else "nn.ModuleDict"
        self.body.containers[path] = kind
        if kind == "nn.ModuleDict":
            check_keys(path, names)
        return container(kind, children, self._counting)

    def _ordered(self, path: str, tree: Mapping[str, Any]) -> list[str]:
        """Children in the order of the state dict; numbered ones in the order of their numbers."""
        if complete(list(tree)):
            return sorted(tree, key=int)
        known = self._order(path)
        return sorted(tree, key=lambda name: known.index(name) if name in known else len(known))


def _has_free(term: Term) -> bool:
    return any(part.value == -1 for part in term.parts[1:] if part.kind == "number")
