"""The constructor of a scope: its tensors and modules, in the order of the state dict.

A path may lead into a module that another class makes: such a module or tensor is set on that one afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from archgraph.codegen.analysis.body import Body
from archgraph.codegen.analysis.containers import Repeats, complete, container, tree_of
from archgraph.codegen.analysis.names import is_attribute
from archgraph.codegen.analysis.scopes import Scope
from archgraph.codegen.analysis.terms import call
from archgraph.codegen.printing.term_text import REACHED
from archgraph.structure.template import Member
from archgraph.structure.terms import Term

_RANK = {"parameter": 0, "buffer": 1, "constant": 2}


class Members:
    """Places what a scope constructs. `order` knows the children of a path in the order of the state dict."""

    def __init__(self, body: Body, order: Callable[[str], tuple[str, ...]], repeats: Repeats):
        self._body = body
        self._order = order
        self._repeats = repeats
        self._later: list[Member] = []
        self._scopes: dict[str, tuple[int, Scope]] = {}
        """The scopes below by their paths, with the places of their steps."""
        for place, step in enumerate(body.scope.steps):
            if step.scope is not None and not step.shared:
                self._scopes.setdefault(step.path, (place, step.scope))

    def place(self, modules: Mapping[str, Term], tensors: Sequence[Member]) -> None:
        """Makes the members of the body from its modules by path, and its tensors."""
        direct = {member.name: member for member in tensors if "." not in member.name}
        ordered = [direct[name] for name in self._ordered("", direct)]
        self._body.members = sorted(ordered, key=lambda member: _RANK[member.kind])
        own = {path: term for path, term in modules.items() if not self._maker(path)}
        for path, term in modules.items():
            if path not in own:
                self._hold(path.rpartition(".")[0], own)
                self._later.append(Member("module", path, term))
        holders = dict.fromkeys(member.name.rpartition(".")[0] for member in tensors)
        # one that holds another is a container of it, so the inner ones come first
        for holder in sorted(holders, key=lambda path: any(other.startswith(f"{path}.") for other in holders)):
            if holder:
                self._hold(holder, own)
        tree = tree_of(own)
        names = self._ordered("", tree)
        if tree and self._body.scope.form == "class" and all(name.isdigit() for name in names):
            self._place_numbered(tree, names)
        else:
            for name in names:
                self._body.members.append(Member("module", name, self._contained(name, tree[name])))
        self._later += self._by_holder([member for member in tensors if "." in member.name])
        for member in self._later:
            self._reach(member.name.rpartition(".")[0])
        self._body.members += self._later

    def _by_holder(self, tensors: Sequence[Member]) -> list[Member]:
        """Tensors of other modules, those of one module in the order of the state dict."""
        held: dict[str, dict[str, Member]] = {}
        for member in tensors:
            holder, _, name = member.name.rpartition(".")
            held.setdefault(holder, {})[name] = member
        return [named[name] for holder, named in held.items() for name in self._ordered(holder, named)]

    def _reach(self, owner: str) -> None:
        """A module below a numbered child of another class is accessed by its whole path."""
        found = self._maker(owner)
        if found is None or found[1].form != "class":
            return
        if not all(is_attribute(part) for part in owner.removeprefix(f"{found[0]}.").split(".")):
            self._body.containers[owner] = REACHED

    def _maker(self, path: str) -> tuple[str, Scope] | None:
        """The step below whose path this one leads, with the scope that makes the module there."""
        found: list[tuple[int, str, Scope]] = []
        around = path.rpartition(".")[0]
        while around:
            if around in self._scopes:
                place, scope = self._scopes[around]
                found.append((place, around, scope))
            around = around.rpartition(".")[0]
        return min(found, key=lambda one: one[0])[1:] if found else None

    def _hold(self, holder: str, own: dict[str, Term]) -> None:
        """Makes the module that holds a tensor, unless there is one."""
        if any(path == holder or path.startswith(f"{holder}.") for path in own):
            return
        found = self._maker(holder)
        if found is None:
            own[holder] = call("nn.Module")
        elif not _has_module(found[1], holder.removeprefix(f"{found[0]}.")):
            self._hold(holder.rpartition(".")[0], own)
            if all(member.name != holder for member in self._later):
                self._later.append(Member("module", holder, call("nn.Module")))

    def _place_numbered(self, tree: Mapping[str, Any], names: list[str]) -> None:
        """A class whose own children are all numbered is a list or a dict itself."""
        children = {name: self._contained(name, tree[name]) for name in names}
        self._body.container = "nn.ModuleList" if complete(names) else "nn.ModuleDict"
        self._body.containers[""] = self._body.base
        children_first = Member("module", "", container(self._body.base, children, self._repeats))
        self._body.members.insert(0, children_first)  # by its base's constructor, which runs before all else

    def _contained(self, path: str, node: Any) -> Term:
        """The module at a path: a construction, or a container of those below it."""
        if isinstance(node, Term):
            return node
        names = self._ordered(path, node)
        if any(hasattr(nn.ModuleDict, name) for name in names):  # such as `keys`
            self._later += [
                Member("module", f"{path}.{name}", self._contained(f"{path}.{name}", node[name])) for name in names
            ]
            return call("nn.Module")
        children = {name: self._contained(f"{path}.{name}", node[name]) for name in names}
        kind = "nn.ModuleList" if complete(names) else "nn.ModuleDict"
        self._body.containers[path] = kind
        return container(kind, children, self._repeats)

    def _ordered(self, path: str, tree: Mapping[str, Any]) -> list[str]:
        """Children in the order of the state dict; numbered ones in the order of their numbers."""
        if complete(list(tree)):
            return sorted(tree, key=int)
        known = self._order(path)
        return sorted(tree, key=lambda name: known.index(name) if name in known else len(known))


def _has_module(scope: Scope, path: str) -> bool:
    """Whether a scope makes a module at a path below it."""
    for step in scope.steps:
        if step.path == path or step.path.startswith(f"{path}."):
            return step.kind in ("scope", "leaf", "custom")
        if step.scope is not None and path.startswith(f"{step.path}."):
            return _has_module(step.scope, path.removeprefix(f"{step.path}."))
    return False
