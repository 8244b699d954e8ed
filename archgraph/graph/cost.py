"""What a graph costs: parameters, buffers, multiply-accumulates and activation memory, per node and rolled up.

Multiply-accumulates and memory are polynomials in the sizes of the inputs, or numbers where sizes are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from archgraph.dims import Dim
from archgraph.graph.input_sizes import InputSizes, check_sizes
from archgraph.graph.types import Call, Graph, Item, Node, is_free_tensor, is_module, joined

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "uint8": 1, "int32": 4, "int64": 8, "bool": 1}


@dataclass(frozen=True, slots=True)
class Cost:
    """Counts of one application. A shared or tied tensor counts where it stands first.

    `parameters` and `buffers` are numbers of values; `activations` are the bytes of all results that operations
    write, views included, as a training step would keep them.
    """

    parameters: int = 0
    buffers: int = 0
    macs: Dim = 0
    activations: Dim = 0

    def __add__(self, other: Cost) -> Cost:
        return total((self, other))


@dataclass(frozen=True, slots=True)
class Account:
    """An item with its path in the graph, its cost, and those of the items in its body.

    A hidden call is no account of its own: what it holds stands among the items around it.
    """

    path: str
    item: Item | None
    cost: Cost
    items: tuple[Account, ...] = ()
    depth: int = 0

    def all(self) -> Iterator[Account]:
        """This account and all below it, in the order of the flow."""
        yield self
        for account in self.items:
            yield from account.all()


def cost(graph: Graph, sizes: Mapping[str, int] | None = None) -> Cost:
    """The cost of the whole graph. Raises as `account` does."""
    return account(graph, sizes).cost


def account(graph: Graph, sizes: Mapping[str, int] | None = None) -> Account:
    """The costs of a graph as a tree; the root has the path ''.

    Raises UnknownNameError for a size that the inputs do not have, ShapeError for one that the graph does not take.
    """
    check_sizes(graph, sizes or {})
    return _Accounting(InputSizes(sizes or {})).body(graph, _CostPlace())


def node_cost(node: Node, at: Callable[[Dim], Dim] = lambda dim: dim) -> Cost:
    """The cost of one application; `at` maps each dimension, to a number for instance."""
    own = [weight for weight in node.weights if weight.name not in node.ties]
    written: Dim = 0
    for value in () if is_free_tensor(node) else node.outputs:
        written = written + at(value.type.elements) * BYTES[value.dtype]
    return Cost(
        parameters=trainable(node),
        buffers=sum(weight.elements for weight in own if not weight.trainable),
        macs=at(node.macs),
        activations=written,
    )


def trainable(node: Node) -> int:
    """How many trainable numbers one application owns."""
    return sum(weight.elements for weight in node.weights if weight.trainable and weight.name not in node.ties)


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs. Equal polynomials are counted first, which is what makes it quick."""
    parameters = buffers = 0
    macs: Counter[Dim] = Counter()
    activations: Counter[Dim] = Counter()
    for item in costs:
        parameters += item.parameters
        buffers += item.buffers
        macs[item.macs] += 1
        activations[item.activations] += 1
    return Cost(parameters, buffers, _sum(macs), _sum(activations))


def _sum(counted: Mapping[Dim, int]) -> Dim:
    result: Dim = 0
    for dim, count in counted.items():
        result = result + dim * count
    return result


@dataclass(frozen=True, slots=True)
class _CostPlace:
    """Where accounting stands: the module path, the path with hidden levels, the visible depth; whether shared, and
    whether computed in training only, which the cost of evaluation leaves out."""

    module: str = ""
    full: str = ""
    depth: int = 0
    shared: bool = False
    training: bool = False
    times: Dim = 1
    """How often it is applied: the steps of the scans around it."""

    def below(self, call: Call) -> _CostPlace:
        module = self.module if call.hidden else joined(self.module, call.name)
        deeper = self.depth + (0 if call.hidden else 1)
        shared, training = self.shared or call.shares is not None, self.training or call.training
        times = self.times * (call.scan.length if call.scan else 1)
        return _CostPlace(module, joined(self.full, call.name), deeper, shared, training, times)


@dataclass(slots=True)
class _Accounting:
    at: InputSizes
    known: dict[int, Cost] = field(default_factory=dict)

    def body(self, graph: Graph, place: _CostPlace, item: Call | None = None) -> Account:
        items = tuple(self._items(graph, place))
        return Account(place.module, item, total(inner.cost for inner in items), items, place.depth)

    def _items(self, graph: Graph, place: _CostPlace) -> Iterator[Account]:
        for item in graph.items:
            if isinstance(item, Node):
                path = joined(place.module if is_module(item) else place.full, item.name)
                yield Account(path, item, self._node(item, place), depth=place.depth + 1)
            elif item.hidden:
                yield from self._items(item.body, place.below(item))
            else:
                yield self.body(item.body, place.below(item), item)

    def _node(self, node: Node, place: _CostPlace) -> Cost:
        found = self.known.get(id(node))
        if found is None:
            found = self.known[id(node)] = node_cost(node, self.at)
        if place.training or node.training:
            found = Cost(found.parameters, found.buffers, 0, 0)
        elif place.times != 1:
            times = self.at(place.times)
            found = replace(found, macs=found.macs * times, activations=found.activations * times)
        return Cost(0, 0, found.macs, found.activations) if place.shared else found
