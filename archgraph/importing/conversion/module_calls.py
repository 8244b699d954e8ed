"""The tree of module calls behind a flat program: which operation ran inside which call of which module."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

_SKIPPED = "_empty_nn_module_stack_from_metadata_hook"


@dataclass(eq=False, slots=True)
class ModuleCall:
    """One call of a module. `path` is the module's in the whole network, `entries` are operations and inner calls in
    the order of the program; `key` tells the calls of one module apart. `traced_path` is what torch calls the module,
    which may stand at several paths."""

    path: str
    key: str
    module: torch.nn.Module
    parent: ModuleCall | None = None
    entries: list[fx.Node | ModuleCall] = field(default_factory=list)
    traced_path: str = ""

    @property
    def class_name(self) -> str:
        return type(self.module).__name__

    @property
    def qualified_class(self) -> str:
        """The class with the file that it stands in."""
        return f"{type(self.module).__module__}.{type(self.module).__qualname__}"

    @property
    def name(self) -> str:
        """The path below the parent, '' where it is none: a module that hangs elsewhere in the tree."""
        if self.parent is None or not self.parent.path:
            return self.path
        inside = self.path.startswith(f"{self.parent.path}.")
        return self.path.removeprefix(f"{self.parent.path}.") if inside else ""

    @property
    def place(self) -> int:
        """How many calls of the module came before."""
        number = self.key.rpartition("@")[2] if "@" in self.key else ""
        return int(number) if number.isdecimal() else 0

    def operations(self) -> Iterator[fx.Node]:
        """All operations at every depth, in order."""
        for entry in self.entries:
            if isinstance(entry, ModuleCall):
                yield from entry.operations()
            else:
                yield entry

    def around(self) -> Iterator[ModuleCall]:
        """This call and those around it, innermost first."""
        call: ModuleCall | None = self
        while call is not None:
            yield call
            call = call.parent


def module_calls(root: torch.nn.Module, graph: fx.Graph) -> ModuleCall:
    """The root's call, with every operation of the graph in it."""
    whole = ModuleCall("", "", root)
    names = _names(root)
    open_calls = [whole]
    calls: dict[fx.Node, ModuleCall] = {}
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if node.target is operator.getitem and node.args[0] in calls:  # a part stands where the whole is made
            calls[node] = calls[node.args[0]]
            calls[node].entries.append(node)
            continue
        stack = _stack(node, root)
        common = _common_length(open_calls[1:], stack)
        del open_calls[common + 1 :]
        for key, path in stack[common:]:
            module = root.get_submodule(path)
            below = _nearest(names[id(module)], open_calls[-1].path, path)
            call = ModuleCall(below, key, module, open_calls[-1], traced_path=path)
            open_calls[-1].entries.append(call)
            open_calls.append(call)
        open_calls[-1].entries.append(node)
        calls[node] = open_calls[-1]
    return whole


def _names(root: torch.nn.Module) -> Mapping[int, list[str]]:
    """All paths of each module: some stand at several."""
    found: dict[int, list[str]] = {}
    for path, module in root.named_modules(remove_duplicate=False):
        found.setdefault(id(module), []).append(path)
    return found


def _nearest(names: Sequence[str], around: str, path: str) -> str:
    """The path of a module below the one that calls it, where it has one."""
    inside = f"{around}." if around else ""
    return path if path.startswith(inside) else next((name for name in names if name.startswith(inside)), path)


def _stack(node: fx.Node, root: torch.nn.Module) -> list[tuple[str, str]]:
    """Key and path of each module call around an operation, the root left out."""
    held: dict[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    return [(key, path.partition("@")[0]) for key, (path, _) in held.items() if key != _SKIPPED and path]


def _common_length(calls: list[ModuleCall], stack: list[tuple[str, str]]) -> int:
    length = 0
    for call, (key, path) in zip(calls, stack, strict=False):
        if (call.key, call.traced_path) != (key, path):
            break
        length += 1
    return length
