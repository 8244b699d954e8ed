"""What a file of weights holds: its states, and each state's keys as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from archgraph.weights.sources import opened, source_of, states_of
from archgraph.weights.tensors import LazyTensor, Tensors


@dataclass(frozen=True, slots=True)
class WeightsContents:
    """The states of a file by name ('' for a file that is one), and what it holds next to them."""

    states: Mapping[str, Tensors]
    notes: Mapping[str, str] = field(default_factory=dict)


def contents(text: str) -> WeightsContents:
    """What a path, a pickle or a file of the hub holds, unread. Raises WeightsError."""
    source = source_of(text)
    if (found := states_of(source)) is not None:
        notes = {"other entries": ", ".join(found.others)} if found.others else {}
        return WeightsContents(found.states, notes)
    held = opened(source)
    return WeightsContents({held.state: held.tensors}, dict(held.metadata))


@dataclass(slots=True)
class KeyTree:
    """A level of the keys: what lies below it, or the tensor that it is."""

    tensor: LazyTensor | None = None
    children: dict[str, KeyTree] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The tensors at and below it."""
        return (self.tensor is not None) + sum(child.count for child in self.children.values())

    @property
    def size(self) -> int:
        """Their bytes."""
        return (self.tensor.size if self.tensor else 0) + sum(child.size for child in self.children.values())

    @property
    def elements(self) -> int:
        """Their numbers."""
        own = prod(self.tensor.shape) if self.tensor else 0
        return own + sum(child.elements for child in self.children.values())

    @property
    def form(self) -> object:
        """What is equal in trees of the same names, types and shapes."""
        own = (self.tensor.dtype, self.tensor.shape) if self.tensor else None
        return own, tuple((name, child.form) for name, child in self.children.items())


def key_tree(tensors: Tensors) -> KeyTree:
    """The keys as a tree."""
    root = KeyTree()
    for key, tensor in tensors.items():
        level = root
        for part in key.split("."):
            level = level.children.setdefault(part, KeyTree())
        level.tensor = tensor
    return root


def tree_lines(tree: KeyTree, depth: int | None = None, *, alike: bool = True) -> Iterator[tuple[int, str, KeyTree]]:
    """Level, name and tree of each line; copies that are alike share one, as `0 to 11`, where that is wanted."""
    yield from _lines(tree, 0, depth, alike)


def _lines(tree: KeyTree, level: int, depth: int | None, alike: bool) -> Iterator[tuple[int, str, KeyTree]]:
    for name, child in _grouped(tree, alike):
        yield level, name, child
        if depth is None or level + 1 < depth:
            yield from _lines(child, level + 1, depth, alike)


def _grouped(tree: KeyTree, alike: bool) -> Iterator[tuple[str, KeyTree]]:
    """The children; runs of numbered ones that are alike as one."""
    run: list[str] = []
    for name, child in tree.children.items():
        if alike and run and name.isdecimal() and tree.children[run[0]].form == child.form:
            run.append(name)
            continue
        yield from _run(run, tree)
        run = [name]
        if not name.isdecimal():
            yield name, child
            run = []
    yield from _run(run, tree)


def _run(names: list[str], tree: KeyTree) -> Iterator[tuple[str, KeyTree]]:
    if names:
        yield names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", tree.children[names[0]]
