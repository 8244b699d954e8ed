"""Which children a body must list under `order`, so that its keys come in the order of the module's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph, Node

Levels = dict[str, "Levels"]


def ordered_as_module(graph: Graph, module: torch.nn.Module) -> Graph:
    """The body of a module's call with the order in which the module has its children."""
    ours = [item.key for item in weights(graph)]
    known = set(ours)
    theirs = [key for key in module.state_dict(keep_vars=True) if key in known]
    if ours == theirs or len(ours) != len(theirs):
        return graph
    paths = list(owner_paths(graph))
    return replace(graph, order=needed_order(paths, _by_key(paths, theirs)))


def owner_paths(graph: Graph) -> Iterator[str]:
    """The paths of all that owns weights in a body, in the order of the program."""
    for item in graph.items:
        if isinstance(item, Call) or (isinstance(item, Node) and item.weights):
            yield item.name


def order_of_keys(graph: Graph, paths: Sequence[str]) -> tuple[str, ...]:
    """What a body must list so that paths, which stand in the order of the program, come in the order of its keys."""
    return needed_order(paths, _by_key(paths, [item.key for item in weights(graph)]))


def needed_order(natural: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """The paths that must come first, where the rest follows in its natural order."""
    return tuple(_needed(_levels(natural), _levels(wanted)))


def _by_key(paths: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The paths in the order of the keys below them."""
    known = set(paths)
    found: dict[str, None] = {}
    for key in keys:
        owner = key
        while owner and owner not in known:
            owner = owner.rpartition(".")[0]
        if owner:
            found[owner] = None
    return list(found)


def _levels(paths: Iterable[str]) -> Levels:
    root: Levels = {}
    for path in paths:
        level = root
        for name in path.split("."):
            level = level.setdefault(name, {})
    return root


def _needed(natural: Levels, wanted: Levels) -> Iterator[str]:
    inner = {name: list(_needed(natural.get(name, {}), below)) for name, below in wanted.items()}
    names = list(wanted)
    rest = [name for name in natural if name in wanted]
    count = next(k for k in range(len(names) + 1) if names[:k] + [n for n in rest if n not in names[:k]] == names)
    nested = [place for place, name in enumerate(names) if inner[name] and not name.isdecimal()]
    for place, name in enumerate(names):
        if inner[name]:
            yield from (f"{name}.{path}" for path in inner[name])
        elif place < max([count, *(place + 1 for place in nested)]):
            yield name
