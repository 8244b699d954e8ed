"""The order of the work: which scopes share a family, and which families others construct."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from archgraph.codegen.names import class_name
from archgraph.codegen.rules import Site, written_as_module
from archgraph.codegen.scopes import Scope, Step, Var

Family = tuple[Any, ...]


def wrap_functions(scope: Scope) -> None:
    """An operation in a chain that torch has no module for gets a class with a forward of one line."""
    for step in scope.steps:
        for below in (step.scope, step.twin):
            if below is not None:
                wrap_functions(below)
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


def families(root: Scope) -> list[list[Scope]]:
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
