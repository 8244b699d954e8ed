"""State-dict keys: the tensors of a graph under the names, and in the order, that torch gives them.

A module lists its own parameters, its own buffers, then its children. A child's place is that of its first occurrence
in the flow, unless `Graph.order` puts it first, by its name or by a path of several levels. Hidden calls and nodes are
no level; dotted names make the levels in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from archgraph.graph.types import Call, Graph, Node, joined
from archgraph.ops.contract import Weight
from archgraph.records import record


@record()
class KeyedWeight:
    """A tensor of the state dict. `path` is that of the module that holds it: the node's own, where it is one."""

    key: str
    weight: Weight
    path: str
    node: Node

    @property
    def tied(self) -> str:
        """The key of the weight whose tensor it shares, or ''."""
        return self.node.ties.get(self.weight.name, "")


@dataclass(slots=True)
class ModuleTree:
    """A module: a call, a node with weights, or a level that only a dotted name implies (without `item`)."""

    path: str = ""
    item: Node | Call | None = None
    parameters: list[KeyedWeight] = field(default_factory=list)
    buffers: list[KeyedWeight] = field(default_factory=list)
    children: dict[str, ModuleTree] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Its children, then its own tensors, each in torch's order."""
        own = [weight.key.rpartition(".")[2] for weight in (*self.parameters, *self.buffers)]
        return (*self.children, *own)

    def weights(self) -> Iterator[KeyedWeight]:
        """All tensors at and below this module, in torch's order."""
        for module in self.modules():
            yield from module.parameters
            yield from module.buffers

    def modules(self) -> Iterator[ModuleTree]:
        """This module and all below it, parents first."""
        waiting = [self]
        while waiting:
            module = waiting.pop()
            yield module
            if module.children:
                waiting.extend(reversed(module.children.values()))

    def add(self, other: ModuleTree) -> None:
        """Puts what another one holds behind what is here."""
        self.parameters += other.parameters
        self.buffers += other.buffers
        for name, child in other.children.items():
            if name in self.children:
                self.children[name].item = self.children[name].item or child.item
                self.children[name].add(child)
            else:
                self.children[name] = child

    def found(self, name: str) -> ModuleTree | None:
        """The module at a dotted name below this one; None where there is none."""
        module: ModuleTree | None = self
        for part in name.split(".") if name else ():
            module = module.children.get(part) if module is not None else None
        return module

    def reached(self, name: str) -> ModuleTree:
        """The module at a dotted name below this one; levels that are missing are made."""
        module = self
        for part in name.split(".") if name else ():
            child = module.children.get(part)
            if child is None:
                child = module.children[part] = ModuleTree(joined(module.path, part))
            module = child
        return module


def weights(graph: Graph) -> tuple[KeyedWeight, ...]:
    """Every key of the state dict in torch's order; a tied tensor appears under each of its keys."""
    return tuple(module_tree(graph).weights())


def parameter_count(graph: Graph) -> int:
    """The number of trainable values; a tied tensor counts once. Counted once for each graph."""
    count = _COUNTS.get(graph)
    if count is None:
        count = _COUNTS[graph] = _counted(weights(graph))
    return count


def _counted(weights: Iterable[KeyedWeight]) -> int:
    elements: dict[int, int] = {}  # copies of a block share their weights' descriptions
    count = 0
    for item in weights:
        weight = item.weight
        if weight.trainable and not item.tied:
            known = elements.get(id(weight))
            if known is None:
                known = elements[id(weight)] = weight.elements
            count += known
    return count


_COUNTS: WeakKeyDictionary[Graph, int] = WeakKeyDictionary()
_KNOWN: WeakKeyDictionary[Graph, ModuleTree] = WeakKeyDictionary()


def module_tree(graph: Graph) -> ModuleTree:
    """The modules that hold the weights, as torch would nest them. Found once for each graph, and not to be changed."""
    found = _KNOWN.get(graph)
    if found is None:
        found = _KNOWN[graph] = ModuleTree()
        _fill(found, graph)
    return found


def _fill(module: ModuleTree, graph: Graph) -> None:
    _put_first(module, _place(module, graph))


def _put_first(module: ModuleTree, paths: Sequence[str]) -> None:
    """Puts children, own tensors, and those at paths of several levels first. The number of a copy on the way stays
    where it is, as in torch's lists; and torch orders the weights of an operation."""
    if not paths or isinstance(module.item, Node):
        return
    levels = [path.partition(".") for path in paths]
    kept = (level for level, dot, _ in levels if not (dot and level.isdecimal()))
    module.children = _first(kept, module.children)
    own = [level for level, dot, _ in levels if not dot]
    for tensors in (module.parameters, module.buffers):
        tensors.sort(key=lambda weight: _rank(own, weight.key.rpartition(".")[2]))
    for name, child in module.children.items():
        _put_first(child, [below for level, _, below in levels if level == name and below])


def _place(module: ModuleTree, graph: Graph) -> list[str]:
    """Puts the items of a body into their modules. Returns the names that come first there."""
    names = list(graph.order)
    for item in graph.items:
        if isinstance(item, Node):
            _place_node(module, item)
        elif item.shares is None and item.hidden:
            names.extend(_place(module, item.body))
        elif item.shares is None:
            below = module.reached(item.name)
            below.item = item
            _fill_before(below, item.body)
    return names


def _fill_before(module: ModuleTree, graph: Graph) -> None:
    """Fills the module of a call. What paths from outside have put there comes last: torch sets it afterwards."""
    if not (module.children or module.parameters or module.buffers):
        _fill(module, graph)
        return
    others = ModuleTree(parameters=module.parameters, buffers=module.buffers, children=module.children)
    module.parameters, module.buffers, module.children = [], [], {}
    _fill(module, graph)
    module.add(others)


def _place_node(module: ModuleTree, node: Node) -> None:
    """A node with weights is a module; a free tensor, and what a hidden node owns, belongs to the module around it."""
    if node.hidden:
        _hold(module, node, module.path)
        return
    if not node.weights and "." not in node.name:
        return
    around, _, last = node.name.rpartition(".")
    parent = module.reached(around) if around else module
    owner = parent
    if any(weight.name for weight in node.weights):
        owner = parent.reached(last)
        owner.item = node
    _hold(owner, node, joined(parent.path, last))


def _hold(module: ModuleTree, node: Node, path: str) -> None:
    """Puts the tensors of a node, whose keys start with a path, into a module."""
    for weight in node.weights:
        keyed = KeyedWeight(joined(path, weight.name), weight, path, node)
        (module.parameters if weight.trainable else module.buffers).append(keyed)


def _first(names: Iterable[str], children: dict[str, ModuleTree]) -> dict[str, ModuleTree]:
    known = {name: children[name] for name in names if name in children}
    return known | {name: child for name, child in children.items() if name not in known}


def _rank(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
